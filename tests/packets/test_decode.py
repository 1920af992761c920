"""The Decoder, and what it reads from IP, TCP, ICMP and DNS headers."""

from __future__ import annotations

import struct
from types import ModuleType

import numpy as np
import pytest

from pcapdiag import tables
from pcapdiag.packets import Decoder
from tests.packets import frames as f
from tests.packets.frames import decode, ethernet, ipv4, ipv6, tcp, udp

MAPPED = 0xFFFF00000000


def test_every_column_of_a_tcp_packet(kernel: ModuleType) -> None:
    options = b"\2\4\5\xb4" + b"\1\3\3\7" + b"\4\2\x08\x0a\x80\0\0\1\x7f\xff\xff\xff"
    frame = ethernet(ipv4(tcp(b"hello", options=options, flags=0x1D7)))
    rows, counted = decode(kernel, frame)
    row = rows[0]
    expected = {
        "time_ns": 1_700_000_000_000_000_000, "frame": 1, "wirelen": len(frame), "kind": tables.KIND_TCP,
        "src_hi": 0, "src_lo": MAPPED | 0x0A000001, "dst_hi": 0, "dst_lo": MAPPED | 0x0A00000A,
        "src_port": 40000, "dst_port": 80, "seq": f.SEQ, "ack": f.ACK_NUMBER, "flags": 0x1D7,
        "window": f.WINDOW, "mss": 1460, "wscale": 7, "sack_ok": 1, "has_ts": 1, "ts_val": 0x80000001,
        "ts_ecr": 0x7FFFFFFF, "sack_count": 0, "payload_off": len(frame) - 5, "payload_len": 5,
        "captured_len": 5, "ip_version": 4, "ip_id": 0x1234, "ttl": 61, "df": 1, "fragment": 0, "vlan": 0,
        "vni": 0, "tunnels": 0, "interface": 0, "icmp_type": 0, "icmp_code": 0, "icmp_mtu": 0,
        "icmp_from_hi": 0, "icmp_from_lo": 0, "sack0_left": 0, "sack3_right": 0,
    }  # fmt: skip
    assert {name: int(row[name]) for name in expected} == expected
    assert counted == {"tcp": 1}


def test_an_ipv6_address_of_nothing_but_ones(kernel: ModuleType) -> None:
    frame = bytearray(ethernet(f.SIX, 0x86DD))
    frame[22:38] = b"\xff" * 16
    rows, counted = decode(kernel, bytes(frame))
    assert counted == {"tcp": 1}
    assert (int(rows["src_hi"][0]), int(rows["src_lo"][0])) == (2**64 - 1, 2**64 - 1)


def test_both_halves_of_an_ipv6_address(kernel: ModuleType) -> None:
    rows, _ = decode(kernel, ethernet(f.SIX, 0x86DD))
    assert (int(rows["src_hi"][0]), int(rows["src_lo"][0])) == (0x20010DB800000000, 1)
    assert (int(rows["dst_hi"][0]), int(rows["dst_lo"][0])) == (0xFD00000100020003, 0x800000000000000A)
    assert (rows["ip_version"][0], rows["ttl"][0], rows["df"][0], rows["ip_id"][0]) == (6, 60, 0, 0)


@pytest.mark.parametrize("blocks", range(5))
def test_sack_blocks(kernel: ModuleType, blocks: int) -> None:
    edges = [0xF0000000 + 100 * n for n in range(2 * blocks)]
    options = b"\1\1\5" + bytes([2 + 8 * blocks]) + struct.pack(f"!{len(edges)}I", *edges) if blocks else b""
    rows, _ = decode(kernel, ethernet(ipv4(tcp(options=options))))
    read = [int(rows[f"sack{n}_{side}"][0]) for n in range(4) for side in ("left", "right")]
    assert rows["sack_count"][0] == blocks
    assert read == edges + [0] * (8 - len(edges))


@pytest.mark.parametrize(
    ("options", "mss", "wscale"),
    [
        (b"\3\3\x0f\0", 0, 14),  # RFC 7323: more than 14 means 14
        (b"\2\4\5\xb4", 1460, -1),
        (b"\2\0\5\xb4", 0, -1),  # a length below 2 would never end
        (b"\2\5\5\xb4", 0, -1),  # a length beyond the header
        (b"\xfd\4\0\0\2\4\5\xb4", 1460, -1),  # an unknown option
        (b"\2\3\1\1\3\3\1\0", 0, 1),  # a wrong length, passed over
        (b"\0\1\1\1\2\4\5\xb4", 0, -1),  # after the end of options
        (b"\1\1\1\2", 0, -1),  # a kind without a length
    ],
)
def test_options_that_lie_end_the_walk(kernel: ModuleType, options: bytes, mss: int, wscale: int) -> None:
    rows, counted = decode(kernel, ethernet(ipv4(tcp(options=options))))
    assert (rows["mss"][0], rows["wscale"][0], counted) == (mss, wscale, {"tcp": 1})


def test_ethernet_padding_is_no_payload(kernel: ModuleType) -> None:
    rows, _ = decode(kernel, ethernet(ipv4(tcp(b""))) + bytes(6), ethernet(ipv6(tcp(b"")), 0x86DD) + bytes(6))
    assert rows["payload_len"].tolist() == rows["captured_len"].tolist() == [0, 0]


def test_length_zero_of_segmentation_offload_takes_the_wire_length(kernel: ModuleType) -> None:
    rows, _ = decode(
        kernel, ethernet(ipv4(tcp(bytes(100)), length=0)), ethernet(ipv6(tcp(bytes(80)), length=0), 0x86DD)
    )
    assert rows["payload_len"].tolist() == [100, 80]


@pytest.mark.parametrize(
    ("captured", "outcome", "captured_len", "has_ts"),
    [
        (14 + 20 + 32 + 4, "tcp", 4, 1),
        (14 + 20 + 32, "tcp", 0, 1),
        (14 + 20 + 31, "tcp", 0, 0),
        (14 + 20 + 16, "tcp", 0, 0),
        (14 + 20 + 15, "truncated", None, None),
        (14 + 19, "truncated", None, None),
        (13, "truncated", None, None),
        (0, "truncated", None, None),
    ],
)
def test_snaplen(
    kernel: ModuleType, captured: int, outcome: str, captured_len: int | None, has_ts: int | None
) -> None:
    frame = ethernet(ipv4(tcp(bytes(1000), options=b"\1\1\x08\x0a" + bytes(8))))
    rows, counted = decode(kernel, frame[:captured], wirelen=len(frame))
    assert counted == {outcome: 1}
    if captured_len is not None:
        row = rows[0]
        assert (row["payload_len"], row["captured_len"], row["has_ts"]) == (1000, captured_len, has_ts)
        assert row["payload_off"] + row["captured_len"] <= captured
        assert (row["seq"], row["window"], row["wirelen"]) == (f.SEQ, f.WINDOW, len(frame))


@pytest.mark.parametrize(
    "frame",
    [
        ethernet(b"")[:10],
        ethernet(f.FOUR[:19]),
        ethernet(b"\x44" + f.FOUR[1:]),  # a header of 16 bytes
        ethernet(b"\x65" + f.FOUR[1:]),  # version 6 under IPv4's EtherType
        ethernet(ipv4(tcp(), length=19)),
        ethernet(f.SIX[:39], 0x86DD),
        ethernet(f.FOUR, 0x86DD),
        ethernet(ipv4(tcp()[:19])),
        ethernet(ipv4(tcp(offset=4))),
        ethernet(ipv4(tcp(b"", offset=6))),  # a TCP header longer than its packet
        ethernet(ipv6(b"\6\xff" + bytes(6) + tcp(), 60), 0x86DD),  # an extension beyond the packet
    ],
)
def test_lengths_and_versions_that_cannot_be_are_malformed(kernel: ModuleType, frame: bytes) -> None:
    assert decode(kernel, frame)[1] == {"malformed": 1}


def test_fragments(kernel: ModuleType) -> None:
    rows, counted = decode(
        kernel,
        ethernet(ipv4(tcp(), fragment=0x2000)),
        ethernet(ipv4(tcp(), fragment=0x2064)),
        ethernet(ipv4(tcp(), fragment=0x0064)),
        ethernet(ipv6(b"\6\0\0\1\0\0\0\1" + tcp(), 44), 0x86DD),
        ethernet(ipv6(b"\6\0\5\xa8\0\0\0\1" + tcp(), 44), 0x86DD),
    )
    assert rows["frame"].tolist() == [1, 4]
    assert rows["fragment"].tolist() == [1, 1]
    assert counted == {"tcp": 2, "fragments": 3}


def quote(packet: bytes, kind: int, code: int, rest: bytes, size: int = 28) -> bytes:
    return struct.pack("!BBH", kind, code, 0) + rest + packet[:size]


def test_fragmentation_needed_speaks_of_the_quoted_connection(kernel: ModuleType) -> None:
    packet = ipv4(tcp(bytes(1400)), src="10.0.0.7", dst="10.0.0.8")
    error = ipv4(quote(packet, 3, 4, b"\0\0\x05\x14"), 1, src="192.0.2.9", dst="10.0.0.7")
    rows, counted = decode(kernel, ethernet(error))
    row = rows[0]
    assert counted == {"icmp_errors": 1}
    assert (row["kind"], row["icmp_type"], row["icmp_code"], row["icmp_mtu"]) == (
        tables.KIND_ICMP,
        3,
        4,
        1300,
    )
    assert (int(row["src_lo"]), int(row["dst_lo"])) == (MAPPED | 0x0A000007, MAPPED | 0x0A000008)
    assert int(row["icmp_from_lo"]) == MAPPED | 0xC0000209
    assert (row["src_port"], row["dst_port"], row["seq"], row["ack"]) == (40000, 80, f.SEQ, 0)
    assert (row["payload_len"], row["captured_len"], row["flags"], row["window"]) == (0, 0, 0, 0)


def test_packet_too_big(kernel: ModuleType) -> None:
    error = ipv6(quote(f.SIX, 2, 0, struct.pack("!I", 1280), 60), 58, src="fe80::1")
    rows, counted = decode(kernel, ethernet(error, 0x86DD))
    row = rows[0]
    assert counted == {"icmp_errors": 1}
    assert (row["ip_version"], row["icmp_type"], row["icmp_mtu"], row["seq"]) == (6, 2, 1280, f.SEQ)
    assert (int(row["icmp_from_hi"]), int(row["icmp_from_lo"])) == (0xFE80000000000000, 1)
    assert int(row["src_hi"]) == 0x20010DB800000000


@pytest.mark.parametrize(
    ("body", "outcome"),
    [
        (quote(f.FOUR, 3, 3, bytes(4)), "icmp_errors"),
        (quote(f.FOUR, 11, 0, bytes(4)), "icmp_errors"),
        (quote(f.FOUR, 8, 0, bytes(4)), "other_ip"),  # echo
        (quote(f.FOUR, 5, 0, bytes(4)), "other_ip"),  # redirect
        (quote(ipv4(udp(b"", 53, 9), 17), 3, 3, bytes(4)), "other_ip"),
        (quote(ipv4(tcp(), fragment=0x2001), 11, 1, bytes(4)), "fragments"),
        (quote(f.FOUR, 3, 3, bytes(4), 27), "truncated"),  # the quote breaks off
        (quote(ipv4(quote(f.FOUR, 3, 3, bytes(4)), 1), 3, 3, bytes(4), 64), "other_ip"),
    ],
)
def test_only_errors_about_tcp_are_rows(kernel: ModuleType, body: bytes, outcome: str) -> None:
    assert decode(kernel, ethernet(ipv4(body, 1)))[1] == {outcome: 1}


def test_dns_answers(kernel: ModuleType) -> None:
    frame = ethernet(ipv4(udp(b"answer", 53, 33000), 17)) + bytes(12)
    rows, counted = decode(kernel, frame, ethernet(ipv4(udp(b"question", 33000, 53), 17)))
    row = rows[0]
    assert counted == {"dns": 1, "other_ip": 1}
    assert (row["kind"], row["src_port"], row["dst_port"]) == (tables.KIND_DNS, 53, 33000)
    assert frame[row["payload_off"] :][: row["captured_len"]] == b"answer"


def test_rows_carry_nothing_of_what_was_there_before(kernel: ModuleType) -> None:
    given_up = ethernet(ipv4(quote(f.FOUR, 3, 4, b"\0\0\5\0", 24), 1))
    plain = ethernet(ipv4(tcp(b"", flags=16)))
    first, _ = decode(kernel, given_up, plain)
    alone, _ = decode(kernel, plain)
    for name in set(tables.Packet.names or ()) - {"frame", "time_ns", "payload_off"}:
        assert first[name][0] == alone[name][0], name
    assert (alone["wscale"][0], alone["has_ts"][0], alone["sack0_left"][0], alone["vni"][0]) == (-1, 0, 0, 0)


def test_decoder_counts_over_batches_and_numbers_frames() -> None:
    decoder = Decoder()
    data, records = f.batch([ethernet(f.FOUR), ethernet(b"", 0x0806), ethernet(f.FOUR)], [1, 1, 1])
    records["interface"] = 3
    data.flags.writeable = False
    assert decoder.decode(data, records, 1)["frame"].tolist() == [1, 3]
    rows = decoder.decode(data, records[:1], 4)
    assert (rows["frame"].tolist(), rows["interface"].tolist()) == ([4], [3])
    assert len(decoder.decode(data, records[:0], 5)) == 0
    counters = decoder.counters
    assert (counters["records"], counters["tcp"], counters["not_ip"], counters["malformed"]) == (4, 3, 1, 0)


def test_decoder_refuses_records_outside_the_batch() -> None:
    data, records = f.batch([ethernet(f.FOUR)] * 2, [1, 1])
    for column, value in (("off", -1), ("off", len(data) + 1), ("off", 2**62), ("caplen", 0xFFFFFFFF)):
        wrong = records.copy()
        wrong[column][1] = value
        with pytest.raises(ValueError, match="record 1 lies outside"):
            Decoder().decode(data, wrong, 1)


def test_decoder_refuses_other_arrays() -> None:
    data, records = f.batch([ethernet(f.FOUR)], [1])
    with pytest.raises(ValueError, match="bytes"):
        Decoder().decode(data.astype(np.int64), records, 1)
    with pytest.raises(ValueError, match=r"tables\.Record"):
        Decoder().decode(data, records["off"], 1)
