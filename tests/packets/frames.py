"""Packets made by hand, header by header, so that what the decoder must find in them is known beforehand."""

from __future__ import annotations

import ipaddress
import struct
from types import ModuleType

import numpy as np

from pcapdiag import tables

SEQ, ACK_NUMBER, WINDOW = 0xF1223344, 0x80000001, 0xABCD
PAYLOAD = b"GET / HTTP/1.1\r\n\r\n"
MAC = b"\x02\0\0\0\0\x02\x02\0\0\0\0\x01"


def tcp(
    payload: bytes = PAYLOAD, *, options: bytes = b"", flags: int = 0x18, offset: int | None = None
) -> bytes:
    words = 5 + len(options) // 4 if offset is None else offset
    ports = struct.pack("!HH", 40000, 80)
    return (
        ports + struct.pack("!IIHHHH", SEQ, ACK_NUMBER, words << 12 | flags, WINDOW, 0, 0) + options + payload
    )


def udp(payload: bytes, src: int, dst: int) -> bytes:
    return struct.pack("!HHHH", src, dst, 8 + len(payload), 0) + payload


def ipv4(
    payload: bytes,
    protocol: int = 6,
    *,
    src: str = "10.0.0.1",
    dst: str = "10.0.0.10",
    options: bytes = b"",
    length: int | None = None,
    fragment: int = 0x4000,
) -> bytes:
    size = 20 + len(options)
    length = size + len(payload) if length is None else length
    head = struct.pack("!BBHHHBBH", 0x40 | size // 4, 0, length, 0x1234, fragment, 61, protocol, 0)
    return head + ipaddress.ip_address(src).packed + ipaddress.ip_address(dst).packed + options + payload


def ipv6(
    payload: bytes,
    following: int = 6,
    *,
    src: str = "2001:db8::1",
    dst: str = "fd00:1:2:3:8000::a",
    length: int | None = None,
) -> bytes:
    head = struct.pack("!IHBB", 6 << 28, len(payload) if length is None else length, following, 60)
    return head + ipaddress.ip_address(src).packed + ipaddress.ip_address(dst).packed + payload


def ethernet(payload: bytes, kind: int = 0x0800) -> bytes:
    return MAC + struct.pack("!H", kind) + payload


def snap(payload: bytes, kind: int = 0x0800) -> bytes:
    return b"\xaa\xaa\x03\0\0\0" + struct.pack("!H", kind) + payload


FOUR = ipv4(tcp())
SIX = ipv6(tcp())
ACCESS_POINT = b"\2\0\0\0\0\3"
WIFI = b"\x08\x01\0\0" + ACCESS_POINT + MAC + b"\x10\0"
WIFI_QOS = b"\x88\x02\0\0" + MAC + ACCESS_POINT + b"\x10\0" + b"\0\0"
RADIOTAP = b"\0\0\x08\0\0\0\0\0"
PKTAP = struct.pack("<IIII", 108, 1, 1, 0).ljust(108, b"\0")

#: The packet FOUR or SIX under every link layer: name -> LINKTYPE number, frame.
LINKS = {
    "null, little-endian": (0, b"\2\0\0\0" + FOUR),
    "null, big-endian": (0, b"\0\0\0\2" + FOUR),
    "null, IPv6 of macOS": (0, b"\x1e\0\0\0" + SIX),
    "loop": (108, b"\0\0\0\2" + FOUR),
    "loop, IPv6 of OpenBSD": (108, b"\0\0\0\x18" + SIX),
    "ethernet": (1, ethernet(FOUR)),
    "ethernet, IPv6": (1, ethernet(SIX, 0x86DD)),
    "802.3 SNAP": (1, ethernet(snap(FOUR), 8 + len(FOUR))),
    "ppp": (9, b"\xff\x03\0\x21" + FOUR),
    "ppp, no address and control": (9, b"\0\x21" + FOUR),
    "ppp, compressed protocol": (9, b"\x57" + SIX),
    "ppp hdlc": (50, b"\xff\x03\0\x57" + SIX),
    "cisco hdlc, a link type of its own": (104, b"\x0f\0\x86\xdd" + SIX),
    "ppp with direction": (204, b"\0\xff\x03\0\x21" + FOUR),
    "ip over InfiniBand": (242, bytes(40) + b"\x08\0\0\0" + FOUR),
    "pflog": (117, b"\x3d\2" + bytes(62) + FOUR),
    "ppi": (192, struct.pack("<BBHI", 0, 0, 8, 105) + WIFI + snap(FOUR)),
    "cisco hdlc": (50, b"\x0f\0\x08\0" + FOUR),
    "pppoe": (51, struct.pack("!BBHHH", 0x11, 0, 1, 2 + len(FOUR), 0x21) + FOUR),
    "raw": (101, FOUR),
    "raw, IPv6": (101, SIX),
    "raw of BSD": (12, FOUR),
    "raw of OpenBSD": (14, FOUR),
    "sll": (113, struct.pack("!HHH8sH", 0, 1, 6, b"", 0x0800) + FOUR),
    "sll, VLAN": (113, struct.pack("!HHH8sHHH", 0, 1, 6, b"", 0x8100, 5, 0x86DD) + SIX),
    "sll2": (276, struct.pack("!HHIHBB8s", 0x0800, 0, 2, 1, 0, 6, b"") + FOUR),
    "ipv4": (228, FOUR),
    "ipv6": (229, SIX),
    "802.11": (105, WIFI + snap(FOUR)),
    "802.11 QoS": (105, WIFI_QOS + snap(FOUR)),
    "radiotap": (127, RADIOTAP + WIFI + snap(SIX, 0x86DD)),
    "nflog": (239, b"\2\0\0\0" + b"\6\0\x0a\0eh\0\0" + struct.pack("<HH", 4 + len(FOUR), 9) + FOUR),
    "nflog, big-endian": (
        239,
        b"\2\0\0\0" + b"\0\6\0\x0aeh\0\0" + struct.pack(">HH", 4 + len(FOUR), 9) + FOUR,
    ),
    "pktap": (258, PKTAP + ethernet(FOUR)),
}

LABEL, LAST_LABEL = b"\0\1\0\x40", b"\0\1\1\x40"
VXLAN = b"\x08\0\0\0\0\x30\x39\0"
GENEVE = b"\2\0\x65\x58\0\x30\x39\0" + b"\1\2\3\1abcd"
GENEVE_IP = b"\0\0\x08\0\0\x30\x39\0"

GTP = struct.pack("!BBHI", 0x30, 255, len(FOUR), 7)
GTP_MORE = struct.pack("!BBHIHBB", 0x36, 255, len(SIX) + 8, 7, 1, 0, 0xC0) + b"\1\0\0\0"
TEREDO = b"\0\1\0\0" + bytes(9) + b"\0\0" + bytes(6)
L2TP_MORE = struct.pack("!HHHHHHH", 0x4A02, 18 + len(FOUR), 1, 1, 5, 5, 2) + b"\0\0\0\x21"

HOP_BY_HOP, ROUTING, DESTINATION = b"\x2b\0\1\4" + bytes(4), b"\x3c\0" + bytes(6), b"\6\1\1\x0c" + bytes(12)

#: The same under every tag, tunnel and extension header: name -> Ethernet frame, tunnels, VLAN, VNI.
LAYERS = {
    "802.1Q": (ethernet(b"\x60\x2a\x08\0" + FOUR, 0x8100), 0, 42, 0),
    "QinQ": (ethernet(b"\0\7\x81\0\0\x09\x86\xdd" + SIX, 0x88A8), 0, 7, 0),
    "QinQ, old": (ethernet(b"\0\7\x81\0\0\x09\x08\0" + FOUR, 0x9100), 0, 7, 0),
    "MPLS": (ethernet(LABEL + LABEL + LAST_LABEL + FOUR, 0x8847), 0, 0, 0),
    "MPLS, IPv6": (ethernet(LAST_LABEL + SIX, 0x8847), 0, 0, 0),
    "MPLS pseudowire": (ethernet(LAST_LABEL + b"\0\0\0\0" + ethernet(FOUR), 0x8847), 0, 0, 0),
    "PPPoE": (ethernet(struct.pack("!BBHHH", 0x11, 0, 1, 2 + len(FOUR), 0x21) + FOUR, 0x8864), 0, 0, 0),
    "IPv4 options": (ethernet(ipv4(tcp(), options=b"\x94\4\0\0")), 0, 0, 0),
    "IPv4 in IPv4": (ethernet(ipv4(FOUR, 4)), 1, 0, 0),
    "IPv6 in IPv4": (ethernet(ipv4(SIX, 41)), 1, 0, 0),
    "IPv4 in IPv6": (ethernet(ipv6(FOUR, 4), 0x86DD), 1, 0, 0),
    "GRE": (ethernet(ipv4(b"\0\0\x08\0" + FOUR, 47)), 1, 0, 0),
    "GRE, checksum, key and sequence": (ethernet(ipv4(b"\xb0\0\x86\xdd" + bytes(12) + SIX, 47)), 1, 0, 0),
    "GRE, Ethernet": (ethernet(ipv4(b"\0\0\x65\x58" + ethernet(FOUR), 47)), 1, 0, 0),
    "PPTP": (ethernet(ipv4(b"\x30\x81\x88\x0b" + bytes(12) + b"\xff\x03\0\x21" + FOUR, 47)), 1, 0, 0),
    "ERSPAN I": (ethernet(ipv4(b"\0\0\x88\xbe" + ethernet(FOUR), 47)), 1, 0, 0),
    "ERSPAN II": (ethernet(ipv4(b"\x10\0\x88\xbe\0\0\0\1\x10" + bytes(7) + ethernet(FOUR), 47)), 1, 0, 0),
    "ERSPAN III": (ethernet(ipv4(b"\x10\0\x22\xeb\0\0\0\1\x20" + bytes(11) + ethernet(FOUR), 47)), 1, 0, 0),
    "VXLAN": (ethernet(ipv4(udp(VXLAN + ethernet(FOUR), 50000, 4789), 17)), 1, 0, 12345),
    "VXLAN, old port": (ethernet(ipv4(udp(VXLAN + ethernet(SIX, 0x86DD), 50000, 8472), 17)), 1, 0, 12345),
    "GENEVE": (ethernet(ipv4(udp(GENEVE + ethernet(FOUR), 50000, 6081), 17)), 1, 0, 12345),
    "GENEVE, IP": (ethernet(ipv6(udp(GENEVE_IP + FOUR, 50000, 6081), 17), 0x86DD), 1, 0, 12345),
    "FabricPath": (ethernet(b"\1\x40" + ethernet(FOUR) + b"\0fcs", 0x8903), 0, 0, 0),
    "802.1ah": (ethernet(b"\0\0\x30\x39" + ethernet(FOUR), 0x88E7), 0, 0, 0),
    "VN-Tag": (ethernet(bytes(4) + b"\x86\xdd" + SIX, 0x8926), 0, 0, 0),
    "GTP-U": (ethernet(ipv4(udp(GTP + FOUR, 2152, 2152), 17)), 1, 0, 0),
    "GTP-U, sequence and extension": (ethernet(ipv4(udp(GTP_MORE + SIX, 50000, 2152), 17)), 1, 0, 0),
    "Teredo": (ethernet(ipv4(udp(SIX, 50000, 3544), 17)), 1, 0, 0),
    "Teredo, with indications": (ethernet(ipv4(udp(TEREDO + SIX, 3544, 50000), 17)), 1, 0, 0),
    "L2TP": (ethernet(ipv4(udp(b"\0\2\0\1\0\1\xff\x03\0\x21" + FOUR, 1701, 1701), 17)), 1, 0, 0),
    "L2TP, length, numbers, offset": (ethernet(ipv4(udp(L2TP_MORE + FOUR, 1701, 1701), 17)), 1, 0, 0),
    "extension headers": (ethernet(ipv6(HOP_BY_HOP + ROUTING + DESTINATION + tcp(), 0), 0x86DD), 0, 0, 0),
    "atomic fragment": (ethernet(ipv6(b"\6\0\0\0\0\0\0\1" + tcp(), 44), 0x86DD), 0, 0, 0),
    "AH": (ethernet(ipv6(b"\6\4\0\0" + bytes(20) + tcp(), 51), 0x86DD), 0, 0, 0),
    "AH, IPv4": (ethernet(ipv4(b"\6\4\0\0" + bytes(20) + tcp(), 51)), 0, 0, 0),
}  # fmt: skip


def batch(
    frames: list[bytes], links: list[int], wirelens: list[int] | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Frames laid end to end as `capture` hands them on: the bytes and their records."""
    records = np.zeros(len(frames), tables.Record)
    records["caplen"] = [len(f) for f in frames]
    records["off"] = np.cumsum(records["caplen"]) - records["caplen"]
    records["wirelen"] = records["caplen"] if wirelens is None else wirelens
    records["link"] = links
    records["time_ns"] = 1_700_000_000_000_000_000 + np.arange(len(frames))
    data = np.frombuffer(b"".join(frames), np.uint8)
    return data, records


def run(kernel: ModuleType, data: np.ndarray, records: np.ndarray) -> tuple[np.ndarray, dict[str, int]]:
    """Rows and the counters that are not zero, from the compiled kernel or its interpreted source."""
    out = np.full(len(records) * tables.Packet.itemsize, 0xEE, np.uint8).view(tables.Packet)  # stale rows
    counts = np.zeros(len(kernel.COUNTERS), np.int64)
    if str(kernel.__file__).endswith(".py"):
        shown = memoryview(data.tobytes())
        count = kernel.decode(shown, records.view(np.recarray), out.view(np.recarray), counts, 1)
    else:
        count = kernel.decode(data, records, out, counts, 1)
    return out[:count], {name: int(n) for name, n in zip(kernel.COUNTERS, counts, strict=True) if n}


def decode(
    kernel: ModuleType, *frames: bytes, link: int = 1, wirelen: int | None = None
) -> tuple[np.ndarray, dict[str, int]]:
    wirelens = None if wirelen is None else [wirelen] * len(frames)
    return run(kernel, *batch(list(frames), [link] * len(frames), wirelens))
