"""Changes to a finished recording that no capture program here can make: damage, mirrors, other byte orders.

What a scenario changes this way it says in its ``how``.
"""

import gzip
import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

HEADER_BYTES, RECORD_HEADER_BYTES = 24, 16
ETHERNET = 1
MAGIC = 0xA1B2C3D4
VXLAN_PORT = 4789


@dataclass(frozen=True)
class Record:
    """One packet of a classic pcap file with microseconds."""

    seconds: int
    microseconds: int
    wire_bytes: int
    data: bytes


def read(path: Path) -> list[Record]:
    content, records, offset = path.read_bytes(), [], HEADER_BYTES
    while offset < len(content):
        seconds, microseconds, captured, wire_bytes = struct.unpack_from("<IIII", content, offset)
        offset += RECORD_HEADER_BYTES
        records.append(Record(seconds, microseconds, wire_bytes, content[offset : offset + captured]))
        offset += captured
    return records


def write(path: Path, records: list[Record], byte_order: str = "<") -> None:
    parts = [struct.pack(f"{byte_order}IHHiIII", MAGIC, 2, 4, 0, 0, 262_144, ETHERNET)]
    for r in records:
        parts.append(
            struct.pack(f"{byte_order}IIII", r.seconds, r.microseconds, len(r.data), r.wire_bytes) + r.data
        )
    path.write_bytes(b"".join(parts))


def to_big_endian(path: Path) -> None:
    write(path, read(path), ">")


def compress(plain: Path, target: Path) -> None:
    target.write_bytes(gzip.compress(plain.read_bytes(), mtime=0))


def cut_in_mid_packet(path: Path) -> None:
    """End the file within its last packet but five, as a full disk does."""
    records = read(path)
    whole = sum(RECORD_HEADER_BYTES + len(r.data) for r in records[:-5]) + HEADER_BYTES
    path.write_bytes(path.read_bytes()[: whole + RECORD_HEADER_BYTES + 20])


def break_record(path: Path) -> int:
    """Make one record, three quarters in, claim 3 GB of packet; its frame number."""
    records = read(path)
    frame = len(records) * 3 // 4
    offset = HEADER_BYTES + sum(RECORD_HEADER_BYTES + len(r.data) for r in records[: frame - 1])
    content = bytearray(path.read_bytes())
    struct.pack_into("<I", content, offset + 8, 3_000_000_000)
    path.write_bytes(content)
    return frame


def swap_neighbours(path: Path, every: int) -> None:
    """Store every n-th packet behind its successor, as a mirror's balancer does; times stay in order."""
    records = read(path)
    for n in range(every, len(records) - 1, every):
        first, second = records[n], records[n + 1]
        records[n] = replace(second, seconds=first.seconds, microseconds=first.microseconds)
        records[n + 1] = replace(first, seconds=second.seconds, microseconds=second.microseconds)
    write(path, records)


def shift_clock(path: Path, by_s: float) -> None:
    """As if the host's clock had been ahead by so much."""
    shifted = []
    for r in read(path):
        total = r.seconds * 1_000_000 + r.microseconds + round(by_s * 1_000_000)
        shifted.append(replace(r, seconds=total // 1_000_000, microseconds=total % 1_000_000))
    write(path, shifted)


def each_frame(path: Path, change: Callable[[bytes], bytes]) -> None:
    """Change every frame; its length on the wire changes with it."""
    changed = []
    for r in read(path):
        data = change(r.data)
        changed.append(replace(r, data=data, wire_bytes=r.wire_bytes + len(data) - len(r.data)))
    write(path, changed)


def tagged(vlan: int) -> Callable[[bytes], bytes]:
    """Put an 802.1Q tag into a frame."""
    return lambda frame: frame[:12] + struct.pack("!HH", 0x8100, vlan) + frame[12:]


def mirrored(vni: int) -> Callable[[bytes], bytes]:
    """Wrap a frame as AWS's traffic mirroring sends it: Ethernet, IPv4, UDP to port 4789, VXLAN."""

    def wrap(frame: bytes) -> bytes:
        udp = struct.pack("!HHHH", 65_321, VXLAN_PORT, 16 + len(frame), 0)
        vxlan = struct.pack("!II", 0x08000000, vni << 8)
        ip = struct.pack(
            "!BBHHHBBH4s4s", 0x45, 0, 36 + len(frame), 0, 0, 64, 17, 0, b"\x0a\0\2\x0a", b"\x0a\0\2\x63"
        )
        ip = ip[:10] + struct.pack("!H", _checksum(ip)) + ip[12:]
        return bytes.fromhex("0242ac1100630242ac11000a0800") + ip + udp + vxlan + frame

    return wrap


def _checksum(header: bytes) -> int:
    total: int = sum(struct.unpack(f"!{len(header) // 2}H", header))
    total = (total >> 16) + (total & 0xFFFF)
    return ~(total + (total >> 16)) & 0xFFFF


def add_statistics(path: Path, received: int, dropped: int) -> None:
    """Append a pcapng interface statistics block with these counters, for the first interface."""
    options = struct.pack("<HHQHHQHH", 4, 8, received, 5, 8, dropped, 0, 0)
    body = struct.pack("<III", 0, 0, 0) + options
    length = 12 + len(body)
    with path.open("ab") as file:
        file.write(struct.pack("<II", 5, length) + body + struct.pack("<I", length))
