"""Packets stored a little out of the order of their times, across the borders of batches too."""

from __future__ import annotations

import random
import struct
from pathlib import Path

import numpy as np

import pcapdiag
from pcapdiag import tables as t
from pcapdiag.capture import Batch
from pcapdiag.ordering import MOST_BYTES, Ordering
from tests.conversation import Conversation, merged
from tests.http.talk import GET, response


def rows(*times_ms: int, size: int = 10) -> tuple[Batch, np.ndarray]:
    """A batch of packets at these times, each with its own time as bytes."""
    packets = np.zeros(len(times_ms), t.Packet)
    packets["time_ns"] = np.array(times_ms) * 1_000_000
    packets["payload_off"] = np.arange(len(times_ms)) * size
    data = np.repeat(np.array(times_ms, "u1"), size)
    return Batch(data, np.zeros(0, t.Record), 1, 0), packets


def put(ordering: Ordering, *times_ms: int) -> list[int]:
    return times_of(*ordering.put(*rows(*times_ms)))


def times_of(batch: Batch, packets: np.ndarray) -> list[int]:
    """The packets' times, which must be what their bytes say."""
    times = (packets["time_ns"] // 1_000_000).tolist()
    assert batch.data[packets["payload_off"]].tolist() == times
    return times


def test_what_is_in_order_goes_on_as_it_is() -> None:
    ordering = Ordering()
    batch, packets = rows(1, 2, 3)
    assert ordering.put(batch, packets) == (batch, packets)
    assert ordering.left() is None


def test_disorder_across_a_border_is_put_right() -> None:
    ordering = Ordering()
    gone = put(ordering, 2, 1, 4) + put(ordering, 3, 6) + put(ordering, 5, 7)
    left = ordering.left()
    assert left is not None
    assert gone + times_of(*left) == [1, 2, 3, 4, 5, 6, 7]


def test_one_packet_from_the_future_holds_nothing_back() -> None:
    ordering = Ordering()
    batch, packets = rows(200, 1, 2)
    packets["time_ns"][0] += 10**15
    ordering.put(batch, packets)
    batch, packets = rows(3, 4)
    big = Batch(np.zeros(MOST_BYTES, "u1"), batch.records, 3, 0)
    assert (ordering.put(big, packets)[1]["time_ns"] // 1_000_000).tolist()[:2] == [3, 4]
    assert ordering.left() is None


def test_a_large_capture_written_by_several_threads(tmp_path: Path) -> None:
    """Neighbours within 3 ms are stored in any order, over several batches; each answer keeps its request."""
    talks = []
    for n in range(120):
        c = Conversation(f"10.0.{n}.1:40000", start_s=n * 0.0007, step_s=0.0002)
        c.handshake()
        for k in range(4):
            c.request(GET)
            c.response(response("x" * 20_000, length=20_000, status=f"{200 + k} OK"))
        c.close()
        talks.append(c)
    chance = random.Random(3)
    packets = sorted(merged(*talks), key=lambda packet: packet[0] + chance.randrange(3_000_000))
    path = tmp_path / "threads.pcap"
    head = struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 262144, 1)
    records = (
        struct.pack("<IIII", *divmod(when, 10**9), len(data), len(data)) + data for when, data in packets
    )
    path.write_bytes(head + b"".join(records))
    analysis = pcapdiag.analyze(path)
    exchanges = analysis.traffic.exchanges
    assert exchanges["status"].reshape(-1).tolist().count(0) == 0
    assert len(exchanges) == 480
    assert np.bincount(exchanges["status"])[200:204].tolist() == [120] * 4
    assert (exchanges["response_body"] == 20_000).all()
    assert [f.cause.name for f in analysis.findings] == ["capture-reordered"]
