"""The pcapng format (draft-ietf-opsawg-pcapng): sections of blocks.

The kernel walks over packets and over blocks it need not understand; for the few kinds that say something
about the packets it stops, and they are read here.
"""

from __future__ import annotations

import struct
from typing import Any

from pcapdiag.built import kernel
from pcapdiag.capture import stop
from pcapdiag.capture.reader import RECORD_LIMIT, Place, Reader
from pcapdiag.capture.sections import OPT_COMMENT, SECTION_HEADER_MIN, Known, Section, SectionHeader
from pcapdiag.capture.tally import DROP_COUNTS, DROPPED, PREVIOUS_NS
from pcapdiag.capture.window import Window

SECTION_HEADER = 0x0A0D0D0A
INTERFACE, OLD_PACKET, SIMPLE_PACKET, STATISTICS, ENHANCED_PACKET, SECRETS = 1, 2, 3, 5, 6, 10
PACKETS = (OLD_PACKET, SIMPLE_PACKET, ENHANCED_PACKET)
OTHER_FRAMES = (0x0BAD, 0x40000BAD, 9)  # custom blocks and the systemd journal: Wireshark numbers them too

#: Blocks we read are taken whole into the window; larger ones are impossible, or skipped when optional.
BLOCK_LIMIT = RECORD_LIMIT + (1 << 20)
TLS_KEY_LOG = 0x544C534B
TLS_KEYS_LIMIT = 8 << 20
COMMENT_LIMIT = 4096
#: How many interface descriptions may be kept, in all copies, to begin again in the middle.
KNOWN_LIMIT = 1 << 16


def is_pcapng(head: bytes) -> bool:
    return head.startswith(b"\n\r\r\n")


class PcapngReader(Reader):
    """Reads a stream whose first SECTION_HEADER_MIN bytes are already in the window."""

    format = "pcapng"

    def __init__(self, window: Window) -> None:
        super().__init__(window)
        self._kernel = kernel("pcapdiag.capture._pcapng_cy")
        self._section = Section(big_endian=False)
        self._links: dict[int, None] = {}
        self._snaplen = 0
        self._dropped_before: int | None = None  # by the statistics of earlier sections
        self._known_rows = 0
        if not self._take_block() and self.damage is None and super()._make_room(int(self.cursor[stop.NEED])):
            self._take_block()

    @property
    def links(self) -> tuple[int, ...]:
        return tuple(self._links)

    @property
    def snaplen(self) -> int:
        return self._snaplen

    @property
    def dropped(self) -> int | None:
        """Statistics blocks are preferred: the counts that packets carry stop at the last packet."""
        section, before = self._section.dropped, self._dropped_before
        if section is not None or before is not None:
            return (section or 0) + (before or 0)
        return int(self.tally[DROPPED]) if self.tally[DROP_COUNTS] else None

    def _place(self, position: int) -> Place | None:
        if self._section.changed:
            self._known_rows += 1 + self._section.interface_count
            if self._known_rows > KNOWN_LIMIT:
                return None
        return Place(self.frame, position, (self._section.known(), int(self.tally[PREVIOUS_NS])))

    def _restore(self, state: Any) -> None:
        known: Known
        known, self.tally[PREVIOUS_NS] = state
        self._section = Section(known.big_endian, known.interfaces)

    def _walk(self) -> int:
        count = 0
        while True:
            count = self._kernel.walk(
                self.window.data,
                self.window.end,
                self._section.big_endian,
                self._section.interfaces,
                self._section.interface_count,
                RECORD_LIMIT,
                self.rows,
                count,
                self.cursor,
                self.tally,
            )
            reason = int(self.cursor[stop.REASON])
            if reason == stop.NOT_A_PACKET:
                if count:  # a batch's frames are consecutive
                    break
                self._pass_frame()
            elif reason != stop.BLOCK or not self._take_block():
                break
        if reason not in (stop.BLOCK, stop.MORE, stop.FULL, stop.NOT_A_PACKET):
            self.hurt(self._explain(reason))
        return count

    def _pass_frame(self) -> None:
        """Step over a block that is no packet but that Wireshark (since 4.0) gives a frame number."""
        at = int(self.cursor[stop.AT])
        self.skipped_frames += 1
        self.cursor[stop.AT] = at + self._u32(at + 4)

    def _take_block(self) -> bool:
        """Read the block at the cursor and step over it; False when it is damaged or not wholly here."""
        at = int(self.cursor[stop.AT])
        kind = self._u32(at)
        if kind == SECTION_HEADER:
            if (length := self._begin_section(at)) == 0:
                return False
        else:
            length = self._u32(at + 4)
            body = self.window.data[at + 8 : at + length - 4].tobytes()
            if not self._take_body(kind, body):
                return False
        self.cursor[stop.AT] = at + length
        return True

    def _begin_section(self, at: int) -> int:
        """Read a section header; its length, or 0 when it is damaged or not wholly here."""
        if at + SECTION_HEADER_MIN > self.window.end:
            return self._want(SECTION_HEADER_MIN)
        data = self.window.data[at : self.window.end].data
        try:
            header = SectionHeader.read(data, BLOCK_LIMIT)
            if header.length > len(data):
                return self._want(header.length)
            header.check_end(data)
        except ValueError as problem:
            self.hurt(f"a section header{self._after()} {problem}")
            return 0
        if (dropped := self._section.dropped) is not None:
            self._dropped_before = (self._dropped_before or 0) + dropped
        self._section = Section(header.big_endian)
        for code, value in self._section.options(data[SECTION_HEADER_MIN - 4 : header.length - 4].tobytes()):
            if code == OPT_COMMENT and not self.comment:
                self.comment = value[:COMMENT_LIMIT].decode("utf-8", "replace")
        return header.length

    def _take_body(self, kind: int, body: bytes) -> bool:
        if len(body) < (12 if kind == STATISTICS else 8):
            self.hurt(f"a block{self._after()} is too short for its kind")
            return False
        if kind == INTERFACE:
            described = self._section.add_interface(body)
            if described is None:
                self.hurt(f"too many interfaces{self._after()}")
                return False
            link, snaplen = described
            self._links[link] = None
            self._snaplen = max(self._snaplen, snaplen)
        elif kind == STATISTICS:
            self._section.add_statistics(body)
        elif kind == SECRETS:
            self._take_secrets(body)
        return True

    def _take_secrets(self, body: bytes) -> None:
        kind, length = struct.unpack_from(f"{self._section.sign}II", body)
        keys = body[8 : 8 + length]
        if kind == TLS_KEY_LOG and len(self.tls_keys) + len(keys) < TLS_KEYS_LIMIT:
            self.tls_keys += keys if keys.endswith(b"\n") else keys + b"\n"

    def _make_room(self, need: int) -> bool:
        """As for any reader; but a block not worth keeping that outgrows the window is passed over unread."""
        if need <= len(self.window.data):
            return super()._make_room(need)
        kind = self._u32(int(self.cursor[stop.AT]))
        if need <= BLOCK_LIMIT and kind in (SECTION_HEADER, INTERFACE, STATISTICS, SECRETS, *PACKETS):
            return super()._make_room(need)
        if kind in (INTERFACE, *PACKETS):
            self.hurt(self._explain(stop.BAD_LENGTH))
            return False
        return self._pass_over(need) and super()._make_room(12)

    def _pass_over(self, length: int) -> bool:
        """Step over the block at the cursor without keeping it; False when it is damaged."""
        at = int(self.cursor[stop.AT])
        begin, kind = self.window.base + at, self._u32(at)
        there = self.window.skip(at, length - 4) and self.window.refill(0, 4)
        self.cursor[stop.AT] = 0
        back = begin - self.window.base
        if not there:
            self.hurt(f"{self.window.fault or 'cut in the middle of a block'}{self._after()}", back)
        elif self._u32(0) == length:
            self.skipped_frames += kind in OTHER_FRAMES
        else:
            self.hurt(f"a block{self._after()} states two lengths, {length:,} and {self._u32(0):,}", back)
        self.cursor[stop.AT] = 4
        return self.damage is None

    def _want(self, need: int) -> int:
        self.cursor[stop.REASON], self.cursor[stop.NEED] = stop.MORE, need
        return 0

    def _explain(self, reason: int) -> str:
        at = int(self.cursor[stop.AT])
        kind, length = self._u32(at), self._u32(at + 4)
        if reason == stop.BAD_TRAILER:
            return f"a block{self._after()} states two lengths, {length:,} and {self._u32(at + length - 4):,}"
        if reason == stop.BAD_INTERFACE:
            return f"packet {self.frame:,} is of an interface the file does not describe"
        if reason == stop.IMPOSSIBLE:
            claim = self._u32(at + 8 if kind == SIMPLE_PACKET else at + 20)
            return f"packet {self.frame:,} claims {claim:,} captured bytes, more than can be true"
        if kind == length == 0:
            return f"only zeros{self._after()}"
        return f"a block{self._after()} claims {length:,} bytes, which cannot be true"

    def _unfinished(self) -> str:
        at = int(self.cursor[stop.AT])
        if at + 4 <= self.window.end and self._u32(at) not in PACKETS:
            return f"a block{self._after()}"
        return super()._unfinished()

    def _u32(self, at: int) -> int:
        return int.from_bytes(
            self.window.data[at : at + 4].tobytes(), "big" if self._section.big_endian else "little"
        )
