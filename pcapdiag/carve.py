"""Packets of a few connections as a capture file of their own, which Wireshark opens.

Bytes, link type, original length and time to the nanosecond are kept. One link type makes a pcap file;
several, which pcap cannot hold, a pcapng file.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import BinaryIO, Protocol

PCAP_NS_MAGIC = 0xA1B23C4D
SNAPLEN = 262_144
SECTION, INTERFACE, PACKET = 0x0A0D0D0A, 1, 6
OPTION_END, OPTION_RESOLUTION = 0, 9


class Carvable(Protocol):
    """What is kept of a packet; a `WirePacket` has it."""

    @property
    def time_ns(self) -> int: ...
    @property
    def record(self) -> bytes: ...
    @property
    def wirelen(self) -> int: ...
    @property
    def link(self) -> int: ...


def write_pcap(stream: BinaryIO, packets: Iterable[Carvable]) -> int:
    """Write a pcap file with nanoseconds; all packets must be of one link type. Returns how many."""
    link, count = None, 0
    for packet in packets:
        if link is None:
            link = packet.link
            stream.write(_pcap_header(link))
        elif packet.link != link:
            raise ValueError(f"a pcap file of link type {link} cannot hold one of {packet.link}")
        seconds, fraction_ns = divmod(packet.time_ns, 1_000_000_000)
        stream.write(struct.pack("<IIII", seconds, fraction_ns, len(packet.record), packet.wirelen))
        stream.write(packet.record)
        count += 1
    if link is None:
        stream.write(_pcap_header(1))
    return count


def _pcap_header(link: int) -> bytes:
    return struct.pack("<IHHiIII", PCAP_NS_MAGIC, 2, 4, 0, 0, SNAPLEN, link)


def write_pcapng(stream: BinaryIO, packets: Iterable[Carvable]) -> int:
    """Write a pcapng file with an interface for each link type. Returns how many packets."""
    stream.write(_block(SECTION, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1)))
    interfaces: dict[int, int] = {}
    count = 0
    for packet in packets:
        if packet.link not in interfaces:
            interfaces[packet.link] = len(interfaces)
            resolution = struct.pack("<HHB3xHH", OPTION_RESOLUTION, 1, 9, OPTION_END, 0)
            stream.write(_block(INTERFACE, struct.pack("<HHI", packet.link, 0, SNAPLEN) + resolution))
        high, low = divmod(packet.time_ns, 1 << 32)
        head = struct.pack("<IIIII", interfaces[packet.link], high, low, len(packet.record), packet.wirelen)
        stream.write(_block(PACKET, head + packet.record))
        count += 1
    return count


def _block(kind: int, body: bytes) -> bytes:
    body += bytes(-len(body) % 4)
    length = len(body) + 12
    return struct.pack("<II", kind, length) + body + struct.pack("<I", length)
