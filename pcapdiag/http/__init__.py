"""In-order bytes -> HTTP/1.x messages -> exchanges."""

from pcapdiag.http.framing import Framer, text_hash

__all__ = ["Framer", "text_hash"]
