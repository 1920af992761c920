"""The same columns as tshark reads, from recorded captures and from every layer and option."""

from __future__ import annotations

import importlib
import ipaddress
import shutil
import struct
import subprocess
from pathlib import Path

import dpkt
import numpy as np
import pytest

from pcapdiag.tables import KIND_TCP
from tests.conversation import Conversation, write
from tests.packets import frames as f
from tests.packets.conftest import KERNEL

pytestmark = pytest.mark.skipif(not shutil.which("tshark"), reason="tshark is not installed")

COMPILED = importlib.import_module(KERNEL)
RECORDED = sorted((Path(__file__).parents[2] / "captures").glob("*/*.pcap"))
COLUMNS = {
    "frame": "frame.number", "wirelen": "frame.len", "src_port": "tcp.srcport", "dst_port": "tcp.dstport",
    "seq": "tcp.seq_raw", "ack": "tcp.ack_raw", "payload_len": "tcp.len", "window": "tcp.window_size_value",
    "mss": "tcp.options.mss_val", "wscale": "tcp.options.wscale.shift",
    "ts_val": "tcp.options.timestamp.tsval", "ts_ecr": "tcp.options.timestamp.tsecr",
    "sack_count": "tcp.options.sack.count",
}  # fmt: skip
HEX = {"flags": "tcp.flags", "ip_id": "ip.id"}
ADDRESSES = {"src": ("ip.src", "ipv6.src"), "dst": ("ip.dst", "ipv6.dst")}
FIELDS = [*COLUMNS.values(), *HEX.values(), *(field for pair in ADDRESSES.values() for field in pair)]
ABSENT = {"wscale": -1}
#: tshark reads NFLOG in its own machine's byte order, and leaves a PPP direction out of the length.
FOREIGN = ("nflog, big-endian", "ppp with direction")
#: Not opened by tshark unless told so: what lies in a pseudowire, and Linux's old VXLAN port.
OPTIONS = [
    "-o",
    "tcp.relative_sequence_numbers:TRUE",
    "-o",
    "ip.defragment:FALSE",
    "-o",
    "ipv6.defragment:FALSE",
]
OPTIONS += ["-d", "udp.port==8472,vxlan", "-d", "mpls.label==16,pwethcw"]


def tshark(path: Path) -> dict[int, dict[str, int | str]]:
    """What tshark says of each TCP packet, by frame; of several layers of a kind, the innermost."""
    command = [
        "tshark",
        "-r",
        str(path),
        "-Y",
        "tcp && !icmp && !icmpv6",
        "-T",
        "fields",
        "-E",
        "occurrence=l",
    ]
    for field in FIELDS:
        command += ["-e", field]
    lines = subprocess.run(command + OPTIONS, capture_output=True, text=True, check=True).stdout.splitlines()
    packets = {}
    for line in lines:
        seen = dict(zip(FIELDS, line.split("\t"), strict=True))
        row: dict[str, int | str] = {c: int(seen[f] or ABSENT.get(c, 0)) for c, f in COLUMNS.items()}
        row |= {c: int(seen[f] or "0", 16) for c, f in HEX.items()}
        packets[int(row["frame"])] = row | {c: f"{seen[v4]} {seen[v6]}" for c, (v4, v6) in ADDRESSES.items()}
    return packets


def address(row: np.void, side: str) -> str:
    number = int(row[f"{side}_hi"]) << 64 | int(row[f"{side}_lo"])
    address = ipaddress.IPv6Address(number)
    return str(address.ipv4_mapped or address)


def assert_same(rows: np.ndarray, path: Path, count: int) -> None:
    packets = tshark(path)
    rows = rows[rows["kind"] == KIND_TCP]
    assert rows["frame"].tolist() == list(packets)
    assert len(rows) >= count
    for row, expected in zip(rows, packets.values(), strict=True):
        names = [*COLUMNS, *HEX]
        if row["ip_version"] == 6:
            names.remove("ip_id")  # a tunnel's outer IPv4 header has one all the same
        assert {c: int(row[c]) for c in names} == {c: expected[c] for c in names}
        for side in ADDRESSES:
            assert address(row, side) in str(expected[side]).split(" ")


def rows_of(path: Path) -> np.ndarray:
    with path.open("rb") as file:
        packets = [frame for _, frame in dpkt.pcap.Reader(file)]
    return f.run(COMPILED, *f.batch(packets, [1] * len(packets)))[0]


def test_a_conversation_with_loss_options_and_both_ip_versions(tmp_path: Path) -> None:
    c = Conversation()
    c.handshake()
    c.request("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    for dropped in (True, False, True, False, True, False, False):
        c.server.send(bytes(1000), dropped=dropped)
    c.server.retransmit()
    c.client.ack(window=0)
    c.close()
    six = Conversation("[2001:db8::1]:40001", "[2001:db8::2]:443", timestamps=True, client_isn=0xFFFFFFF0)
    six.handshake()
    six.client.send(bytes(3000), dropped=True)
    six.client.send(bytes(3000))
    six.server.rst()
    path = write(tmp_path / "story.pcap", c, six)
    assert_same(rows_of(path), path, 25)


@pytest.mark.parametrize("path", RECORDED[:: max(1, len(RECORDED) // 4)], ids=lambda path: path.stem)
def test_recorded_captures(path: Path) -> None:
    assert_same(rows_of(path), path, 10)


def test_every_layer(tmp_path: Path) -> None:
    links = [sample for name, sample in f.LINKS.items() if name not in FOREIGN]
    samples = [*links, *((1, layer[0]) for layer in f.LAYERS.values())]
    path = tmp_path / "layers.pcapng"
    path.write_bytes(pcapng(samples))
    rows, _ = f.run(COMPILED, *f.batch([frame for _, frame in samples], [link for link, _ in samples]))
    assert_same(rows, path, len(samples))


def pcapng(samples: list[tuple[int, bytes]]) -> bytes:
    """One interface a sample, as each has a link type of its own."""

    def block(kind: int, body: bytes) -> bytes:
        body += bytes(-len(body) % 4)
        return struct.pack("<II", kind, 12 + len(body)) + body + struct.pack("<I", 12 + len(body))

    blocks = [block(0x0A0D0D0A, struct.pack("<IHHq", 0x1A2B3C4D, 1, 0, -1))]
    blocks += [block(1, struct.pack("<HHI", link, 0, 0)) for link, _ in samples]
    for interface, (_, frame) in enumerate(samples):
        blocks.append(block(6, struct.pack("<IIIII", interface, 0, 0, len(frame), len(frame)) + frame))
    return b"".join(blocks)
