from __future__ import annotations

import io
from typing import NamedTuple

import pytest

from pcapdiag.capture import CaptureFile
from pcapdiag.carve import write_pcap, write_pcapng


class Packet(NamedTuple):
    time_ns: int
    record: bytes
    wirelen: int
    link: int


PACKETS = [Packet(1_700_000_000_123_456_789 + n, bytes([n]) * (60 + n), 1500, 1) for n in range(3)]


def test_a_pcap_keeps_bytes_times_and_lengths() -> None:
    stream = io.BytesIO()
    assert write_pcap(stream, PACKETS) == 3
    assert read_again(stream) == [(p.time_ns, p.record, p.wirelen, p.link) for p in PACKETS]


def test_a_pcapng_keeps_each_link_type() -> None:
    mixed = [packet._replace(link=[1, 113, 1][n]) for n, packet in enumerate(PACKETS)]
    stream = io.BytesIO()
    assert write_pcapng(stream, mixed) == 3
    assert read_again(stream) == [(p.time_ns, p.record, p.wirelen, p.link) for p in mixed]


def test_a_pcap_refuses_a_second_link_type() -> None:
    with pytest.raises(ValueError, match="link type 1 cannot hold one of 113"):
        write_pcap(io.BytesIO(), [PACKETS[0], PACKETS[1]._replace(link=113)])


def test_no_packets_make_an_empty_capture() -> None:
    stream = io.BytesIO()
    assert write_pcap(stream, []) == 0
    assert read_again(stream) == []


def read_again(stream: io.BytesIO) -> list[tuple[int, bytes, int, int]]:
    stream.seek(0)
    return [
        (
            int(r["time_ns"]),
            bytes(batch.data[r["off"] : r["off"] + r["caplen"]]),
            int(r["wirelen"]),
            int(r["link"]),
        )
        for batch in CaptureFile(stream).batches()
        for r in batch.records
    ]
