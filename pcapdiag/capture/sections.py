"""What the blocks of a pcapng section say about its packets: byte order, interfaces, drop counts.

Numbers of options and blocks are those of draft-ietf-opsawg-pcapng, sections 3.5 and 4.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

#: An interface number must fit the u2 column of the record table.
MAX_INTERFACES = 1 << 16
BILLION = 1_000_000_000
MOST_NS = 2**63 - 1

SECTION_HEADER_MIN = 28
BYTE_ORDERS = {b"\x1a\x2b\x3c\x4d": ">", b"\x4d\x3c\x2b\x1a": "<"}

OPT_COMMENT = 1
IF_TSRESOL, IF_TSOFFSET = 9, 14
ISB_IFDROP, ISB_OSDROP = 5, 7


class SectionHeader(NamedTuple):
    """The fixed part of a section header block. What is wrong with one is said by a ValueError."""

    big_endian: bool
    length: int

    @classmethod
    def read(cls, data: memoryview, limit: int) -> SectionHeader:
        """From `data`, which begins with SECTION_HEADER_MIN bytes of it at least."""
        sign = BYTE_ORDERS.get(bytes(data[8:12]))
        if sign is None:
            raise ValueError("has no byte-order magic")
        length, _, major, minor = struct.unpack_from(f"{sign}IIHH", data, 4)
        if length < SECTION_HEADER_MIN or length % 4 or length > limit:
            raise ValueError(f"claims {length:,} bytes, which cannot be true")
        if major != 1:
            raise ValueError(f"is of version {major}.{minor}: only version 1 is known")
        return cls(sign == ">", length)

    def check_end(self, data: memoryview) -> None:
        """Compare the length at the block's end with the one at its beginning."""
        (end,) = struct.unpack_from(">I" if self.big_endian else "<I", data, self.length - 4)
        if end != self.length:
            raise ValueError(f"states two lengths, {self.length:,} and {end:,}")


class Known(NamedTuple):
    """What must be known to read packets from the middle of a section."""

    big_endian: bool
    interfaces: np.ndarray


class Section:
    """The state of the section being read. A new section begins with no interface."""

    def __init__(self, big_endian: bool, interfaces: np.ndarray | None = None) -> None:
        self.big_endian = big_endian
        self.sign = ">" if big_endian else "<"
        # Columns as the kernel documents them: link, snaplen, multiply, divide, shift, offset_ns.
        self.interfaces = np.zeros((0, 6), np.int64) if interfaces is None else interfaces
        self.interface_count = len(self.interfaces)
        self._known: Known | None = None
        self._drops: dict[int, int] = {}

    def known(self) -> Known:
        """A copy of the state, the same object until the state changes."""
        if self._known is None:
            self._known = Known(self.big_endian, self.interfaces[: self.interface_count].copy())
        return self._known

    @property
    def changed(self) -> bool:
        """Whether `known` would make a new copy."""
        return self._known is None

    @property
    def dropped(self) -> int | None:
        """Packets lost by this section's interfaces, by their statistics; None when there are none."""
        return sum(self._drops.values()) if self._drops else None

    def add_interface(self, body: bytes) -> tuple[int, int] | None:
        """Read an interface description block's body; (link, snaplen), or None when there are too many."""
        if self.interface_count == MAX_INTERFACES:
            return None
        if self.interface_count == len(self.interfaces):
            room = np.zeros((max(4, self.interface_count), 6), np.int64)
            self.interfaces = np.concatenate([self.interfaces, room])
        link, _, snaplen = struct.unpack_from(f"{self.sign}HHI", body)
        resolution, offset_s = 6, 0
        for code, value in self.options(body[8:]):
            if code == IF_TSRESOL and len(value) == 1:
                resolution = value[0]
            elif code == IF_TSOFFSET and len(value) == 8:
                (offset_s,) = struct.unpack(f"{self.sign}q", value)
        offset_ns = max(-MOST_NS, min(offset_s * BILLION, MOST_NS))
        self.interfaces[self.interface_count] = (link, snaplen, *clock(resolution), offset_ns)
        self.interface_count += 1
        self._known = None
        return link, snaplen

    def add_statistics(self, body: bytes) -> None:
        """Read an interface statistics block's body. Its counts run from the beginning of the capture."""
        (interface,) = struct.unpack_from(f"{self.sign}I", body)
        counts = [
            struct.unpack(f"{self.sign}Q", value)[0]
            for code, value in self.options(body[12:])
            if code in (ISB_IFDROP, ISB_OSDROP) and len(value) == 8
        ]
        if counts and interface < self.interface_count:
            self._drops[interface] = sum(counts)

    def options(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """(code, value) of each option, up to the end mark or the first that does not fit."""
        at = 0
        while at + 4 <= len(data):
            code, length = struct.unpack_from(f"{self.sign}HH", data, at)
            if code == 0 or at + 4 + length > len(data):
                return
            yield code, data[at + 4 : at + 4 + length]
            at += 4 + (length + 3 & ~3)


def clock(resolution: int) -> tuple[int, int, int]:
    """if_tsresol as the kernel takes it: (nanoseconds a unit, units a nanosecond, bits of a second)."""
    exponent = resolution & 0x7F
    if resolution & 0x80:
        return (0, 0, exponent) if exponent else (BILLION, 0, 0)
    if exponent <= 9:
        return 10 ** (9 - exponent), 0, 0
    # A unit so small that 64 bits of it do not make a nanosecond: all times are 0.
    return (0, 10 ** (exponent - 9), 0) if exponent <= 27 else (0, 0, 0)
