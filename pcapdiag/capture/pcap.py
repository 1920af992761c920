"""The plain pcap format (draft-ietf-opsawg-pcap): a file header, then records."""

from __future__ import annotations

import struct

from pcapdiag.built import kernel
from pcapdiag.capture import stop
from pcapdiag.capture.reader import RECORD_LIMIT, USUAL_LIMIT, Reader
from pcapdiag.capture.window import Window

FILE_HEADER = 24
#: Magic number -> (nanoseconds a unit of the fraction, bytes of a record header). 0xa1b2cd34 is Alexey
#: Kuznetsov's patched libpcap, whose record headers also name the interface.
MAGICS = {0xA1B2C3D4: (1_000, 16), 0xA1B23C4D: (1, 16), 0xA1B2CD34: (1_000, 24)}


def byte_order(head: bytes) -> str | None:
    """The struct sign of the byte order, or None when `head` does not begin a pcap file."""
    for sign in "<>":
        if len(head) >= 4 and struct.unpack(f"{sign}I", head[:4])[0] in MAGICS:
            return sign
    return None


class PcapReader(Reader):
    """Reads a stream whose first FILE_HEADER bytes are already in the window."""

    format = "pcap"

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self._kernel = kernel("pcapdiag.capture._pcap_cy")
        head = bytes(window.data[:FILE_HEADER])
        sign = byte_order(head)
        magic, _major, _minor, _zone, _sigfigs, snaplen, link = struct.unpack(f"{sign}IHHiIII", head)
        self._big_endian = sign == ">"
        self._tick_ns, self._header_bytes = MAGICS[magic]
        self._snaplen = snaplen
        self._link = link & 0xFFFF  # above it lies whether, and how long, a frame check sequence follows
        self._limit = min(max(USUAL_LIMIT, snaplen), RECORD_LIMIT)
        self.cursor[stop.AT] = FILE_HEADER

    @property
    def links(self) -> tuple[int, ...]:
        return (self._link,)

    @property
    def snaplen(self) -> int:
        return self._snaplen

    def _walk(self) -> int:
        count: int = self._kernel.walk(
            self.window.data,
            self.window.end,
            self._big_endian,
            self._header_bytes,
            self._tick_ns,
            self._limit,
            self._link,
            self.rows,
            self.cursor,
            self.tally,
        )
        if self.cursor[stop.REASON] == stop.IMPOSSIBLE:
            claim = self._caplen()
            self.hurt(f"packet {self.frame:,} claims {claim:,} captured bytes, more than can be true")
        elif self.cursor[stop.REASON] == stop.ZEROS:
            self.hurt(f"only zeros where packet {self.frame:,} should begin")
        return count

    def _caplen(self) -> int:
        at = int(self.cursor[stop.AT]) + 8
        field = self.window.data[at : at + 4].tobytes()
        return int.from_bytes(field, "big" if self._big_endian else "little")
