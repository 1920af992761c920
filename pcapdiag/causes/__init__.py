"""One module per cause: its metadata, its docs page and its detector; and what judges between them."""

from __future__ import annotations

from pcapdiag.causes.verdict import judge

__all__ = ["judge"]
