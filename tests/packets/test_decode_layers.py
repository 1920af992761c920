"""The same TCP packet is found under every link layer, tag and tunnel."""

from __future__ import annotations

from types import ModuleType

import numpy as np
import pytest

from tests.packets import frames as f
from tests.packets.frames import decode, ethernet, ipv4, ipv6, udp


def assert_is_the_packet(row: np.void, frame: bytes) -> None:
    assert (row["seq"], row["ack"], row["window"]) == (f.SEQ, f.ACK_NUMBER, f.WINDOW)
    assert (row["src_port"], row["dst_port"], row["flags"]) == (40000, 80, 0x18)
    assert frame[row["payload_off"] :][: row["captured_len"]] == f.PAYLOAD
    if row["ip_version"] == 4:
        assert (int(row["src_lo"]), int(row["dst_lo"])) == (0xFFFF0A000001, 0xFFFF0A00000A)
        assert (row["ttl"], row["ip_id"], row["df"]) == (61, 0x1234, 1)
    else:
        assert (int(row["src_lo"]), int(row["dst_lo"]), row["ttl"]) == (1, 0x800000000000000A, 60)


@pytest.mark.parametrize("name", f.LINKS)
def test_link_layers(kernel: ModuleType, name: str) -> None:
    link, frame = f.LINKS[name]
    rows, counted = decode(kernel, frame, link=link)
    assert counted == {"tcp": 1}
    assert_is_the_packet(rows[0], frame)


@pytest.mark.parametrize("name", f.LAYERS)
def test_tags_tunnels_and_extension_headers(kernel: ModuleType, name: str) -> None:
    frame, tunnels, vlan, vni = f.LAYERS[name]
    rows, counted = decode(kernel, frame)
    assert counted == {"tcp": 1}
    assert_is_the_packet(rows[0], frame)
    assert (rows["tunnels"][0], rows["vlan"][0], rows["vni"][0]) == (tunnels, vlan, vni)


@pytest.mark.parametrize("name", [*f.LINKS, *f.LAYERS])
def test_a_record_cut_anywhere_is_a_row_or_truncated(compiled: ModuleType, name: str) -> None:
    link, frame = f.LINKS[name] if name in f.LINKS else (1, f.LAYERS[name][0])
    for cut in range(len(frame)):
        _, counted = decode(compiled, frame[:cut], link=link, wirelen=len(frame))
        assert counted in ({"tcp": 1}, {"truncated": 1}), cut


def test_tunnels_are_unwrapped_to_a_bound(kernel: ModuleType) -> None:
    packet = f.FOUR
    for _ in range(8):
        packet = ipv4(packet, 4)
    rows, counted = decode(kernel, ethernet(packet), ethernet(ipv4(packet, 4)))
    assert rows["tunnels"].tolist() == [8]
    assert counted == {"tcp": 1, "too_deep": 1}


@pytest.mark.parametrize(
    "frame",
    [
        ethernet((ipv4(b"", 4, length=0)) * 10_000),
        ethernet(b"\0\1\x81\0" * 10_000, 0x8100),
        ethernet(f.LABEL * 10_000, 0x8847),
        ethernet(ipv6((b"\x3c\0" + bytes(6)) * 10_000, 60, length=0), 0x86DD),
        ethernet(ipv4((b"\0\0\x08\0" + ipv4(b"", 47, length=0)) * 10_000, 47, length=0)),
    ],
)
def test_ten_thousand_nested_headers_are_too_deep(kernel: ModuleType, frame: bytes) -> None:
    assert decode(kernel, frame)[1] == {"too_deep": 1}


def test_the_outer_tunnel_names_the_network(kernel: ModuleType) -> None:
    inner = ethernet(ipv4(udp(b"\x08\0\0\0\0\0\x09\0" + ethernet(f.FOUR), 1, 4789), 17))
    rows, _ = decode(kernel, ethernet(ipv4(udp(f.VXLAN + inner, 1, 4789), 17)))
    assert (rows["vni"][0], rows["tunnels"][0]) == (12345, 2)


def test_an_icmp_error_and_a_dns_answer_inside_a_mirror_are_rows(kernel: ModuleType) -> None:
    error = ipv4(b"\3\1\0\0\0\0\0\0" + f.FOUR[:28], 1, src="192.0.2.1")
    answer = ipv4(udp(b"answer", 53, 33000), 17)
    mirrored = [
        ethernet(ipv4(udp(f.VXLAN + ethernet(p), 1, 4789), 17, src="10.9.9.9")) for p in (error, answer)
    ]
    rows, counted = decode(kernel, *mirrored)
    assert counted == {"icmp_errors": 1, "dns": 1}
    assert int(rows["icmp_from_lo"][0]) == 0xFFFFC0000201
    assert rows["vni"].tolist() == [12345, 12345]


def test_a_mirror_that_cut_the_packet_keeps_its_true_length(kernel: ModuleType) -> None:
    packet = ethernet(ipv4(f.tcp(bytes(1000))))[:100]
    rows, _ = decode(kernel, ethernet(ipv4(udp(f.VXLAN + packet, 1, 4789), 17)))
    assert (rows["payload_len"][0], rows["captured_len"][0]) == (1000, 100 - 14 - 40)


@pytest.mark.parametrize(
    ("link", "frame", "outcome"),
    [
        (147, b"whatever", "unknown_link"),
        (1, ethernet(b"\0\1", 0x0806), "not_ip"),
        (1, ethernet(b"\x42\x42\x03" + bytes(35), 38), "not_ip"),  # spanning tree
        (0, b"\7\0\0\0", "not_ip"),
        (9, b"\xff\x03\xc0\x21\1\1\0\4", "not_ip"),  # LCP
        (51, b"\x11\x09\0\0\0\0", "not_ip"),  # PPPoE discovery
        (101, b"\0", "not_ip"),
        (105, b"\x80" + bytes(40), "not_ip"),  # a beacon
        (105, b"\x08\x41" + bytes(40), "protected"),
        (1, ethernet(ipv4(bytes(8), 50)), "other_ip"),  # ESP
        (1, ethernet(ipv4(b"\0\0\0\0", 47)), "other_ip"),  # GRE keep-alive
        (1, ethernet(ipv4(udp(bytes(20), 1, 4789), 17)), "other_ip"),  # no VXLAN: flag I is not set
        (127, b"\0\0\x02\0" + bytes(40), "malformed"),
        (258, bytes(108), "malformed"),
        (239, b"\2\0\0\0" + bytes(8), "malformed"),
    ],
)
def test_what_is_no_ip_is_counted(kernel: ModuleType, link: int, frame: bytes, outcome: str) -> None:
    assert decode(kernel, frame, link=link)[1] == {outcome: 1}
