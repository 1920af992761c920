"""records -> packet table: link, IP and TCP header columns."""

from __future__ import annotations

from pcapdiag.packets.decode import Decoder

__all__ = ["Decoder"]
