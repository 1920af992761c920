"""One packet of the cold path, and the arithmetic of its numbers."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from pcapdiag import tables as t

STREAM_LIMIT = 1 << 20
RANGES_NEAR = 500  # frame ranges this near to each other are read as one
MODULUS = 1 << 32

Key = tuple[int, int, int, int]  # source and destination: address as a number, port


@dataclass(frozen=True)
class WirePacket:
    """One TCP packet of a connection, with all its bytes."""

    file: int  # index in Traffic.files
    frame: int  # in that file, as Wireshark numbers it
    running: int  # over all files
    time_ns: int
    direction: int  # 0 from the client
    seq: int  # relative to the initial sequence number, as Wireshark shows it
    ack: int
    flags: int
    window: int  # scaled where the handshake told the scale
    payload_len: int
    payload: bytes  # the captured part of it
    record: bytes  # the whole captured record
    payload_at: int  # where the payload begins in it
    wirelen: int
    link: int  # LINKTYPE_ number
    interface: int
    sack: tuple[tuple[int, int], ...] = ()
    icmp: tuple[int, int] | None = None  # (type, code) when this is an ICMP error about the connection
    ip_id: int = 0  # of IPv4

    @property
    def end_seq(self) -> int:
        """The sequence number after this packet; SYN and FIN take one each."""
        return self.seq + self.payload_len + bool(self.flags & t.SYN) + bool(self.flags & t.FIN)


class Span(NamedTuple):
    """A connection and the running frames, both inclusive, wanted of it."""

    connection: int
    first_frame: int
    last_frame: int


def signed(difference: int) -> int:
    """A difference of sequence numbers; slightly before the base is negative, not four billion."""
    difference %= MODULUS
    return difference - MODULUS if difference > MODULUS - (1 << 24) else difference


def address_number(address: str) -> int:
    """An address as the packet table's 128-bit number."""
    parsed = ipaddress.ip_address(address)
    return int(parsed) if parsed.version == 6 else 0xFFFF << 32 | int(parsed)


def packet_key(row: np.void) -> Key:
    source = int(row["src_hi"]) << 64 | int(row["src_lo"])
    destination = int(row["dst_hi"]) << 64 | int(row["dst_lo"])
    return source, int(row["src_port"]), destination, int(row["dst_port"])


def merged(ranges: Iterable[tuple[int, int]], near: int = RANGES_NEAR) -> Iterator[tuple[int, int]]:
    """The ranges in order, those that touch or nearly touch joined."""
    current: tuple[int, int] | None = None
    for first, last in sorted(ranges):
        if current and first <= current[1] + near:
            current = current[0], max(current[1], last)
            continue
        if current:
            yield current
        current = first, last
    if current:
        yield current


def in_order(packets: Iterable[WirePacket], limit_bytes: int = STREAM_LIMIT) -> bytes:
    """The payload of one direction's packets as its receiver reads it, up to the first missing byte."""
    stream = bytearray()
    following: int | None = None
    for packet in sorted((p for p in packets if p.payload_len), key=lambda p: p.seq):
        start = packet.seq + bool(packet.flags & t.SYN)
        if following is None:
            following = start
        known = following - start
        if known < 0 or len(stream) >= limit_bytes:
            break
        new = packet.payload[known:]
        stream += new
        following += len(new)
        if len(packet.payload) < packet.payload_len and new:
            break
    return bytes(stream[:limit_bytes])


def head_of(message: bytes) -> bytes:
    """A message's start line and header fields, with the empty line if it is there."""
    head, end, _ = message.partition(b"\r\n\r\n")
    return head + end
