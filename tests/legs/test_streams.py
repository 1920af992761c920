"""When bytes passed, read again from a capture."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import pcapdiag
from pcapdiag.legs.streams import streams_between
from tests.conversation import START_NS, Conversation, write


def test_each_way_of_each_wanted_connection(tmp_path: Path) -> None:
    one = Conversation("10.0.0.1:40000", "10.0.0.10:443", auto_ack=False)
    two = Conversation("[2001:db8::1]:40000", "[2001:db8::10]:443", start_s=1, auto_ack=False)
    other = Conversation("10.0.0.1:40001", "10.0.0.10:443", start_s=2, auto_ack=False)
    for conversation in (one, two, other):
        conversation.request(b"\x16\3\1\0\1\1")
        conversation.response(b"\x16\3\3\0\1\2")
        conversation.request(b"\x17\3\3\0\1\1")
    traffic = pcapdiag.analyze(write(tmp_path / "x.pcap", one, two, other)).traffic
    streams = streams_between(traffic, 1, 9, np.array([True, True, False]))
    assert {
        s.connection: [(s.came_ns - START_NS).tolist(), (s.went_ns - START_NS).tolist()] for s in streams
    } == {
        0: [[0, 200_000], [100_000]],
        1: [[1_000_000_000, 1_000_200_000], [1_000_100_000]],
    }
    assert len(streams_between(traffic, 2, 2, np.array([True, True, False]))[0].came_ns) == 0
