"""Packets no TCP would send: nothing is read beyond its table, nothing hangs, and both kernels agree."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pytest

from pcapdiag import tables as t
from pcapdiag.http import Framer
from pcapdiag.tcp import Tracker
from tests.conversation import START_NS
from tests.reading import interpreted_modules

TEXT = (
    b"GET / HTTP/1.1\r\nHost: a\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
    b"POST /x HTTP/1.0\r\nContent-Length: 70000\r\nTransfer-Encoding: chunked\r\n\r\n"
    b"7\r\nabcdefg\r\n0\r\n\r\n"
    b"HTTP/1.1 101 S\r\n\r\n\x16\x03\x01\x00\x50\x00 PRI * HTTP/2.0\r\n\r\n\n\r\0\xffHEAD /"
) * 400


def packets(seed: int, count: int) -> np.ndarray:
    """Rows of a few connections; numbers near to each other, near the wrap, and anywhere."""
    random = np.random.default_rng(seed)
    rows = np.zeros(count, t.Packet)
    ends = random.integers(1, 4, (2, count))
    rows["kind"] = random.choice(
        [t.KIND_TCP, t.KIND_TCP, t.KIND_TCP, t.KIND_TCP, t.KIND_ICMP, t.KIND_DNS], count
    )
    rows["src_lo"], rows["dst_lo"] = 0xFFFF0A000000 + ends[0], 0xFFFF0A000000 + ends[1]
    rows["src_port"], rows["dst_port"] = 80 + ends[0], 80 + ends[1]
    rows["frame"] = np.arange(1, count + 1)
    steps = random.choice([0, 1000, 10**6, 3 * 10**8, 10**10, -(10**9)], count)
    rows["time_ns"] = START_NS + np.cumsum(steps)
    spread = random.choice([3, 100, 5000, 2**31], count)
    for name in ("seq", "ack"):
        rows[name] = (2**32 - 50 + random.integers(0, 2**32, count) % spread) % 2**32
    common = [t.ACK, t.ACK, t.ACK | t.PSH, t.ACK | t.PSH, t.SYN, t.SYN | t.ACK, t.FIN | t.ACK, t.RST]
    rows["flags"] = np.where(
        random.random(count) < 0.9, random.choice(common, count), random.integers(0, 512, count)
    )
    rows["payload_len"] = random.choice([0, 1, 2, 30, 500, 3000, 65535], count)
    cut = random.choice([0, 1, 10**6], count, p=[0.05, 0.05, 0.9])
    rows["captured_len"] = np.minimum(rows["payload_len"], cut)
    rows["payload_off"] = random.integers(0, len(TEXT) - 65536, count)
    rows["window"] = random.choice([0, 1, 500], count)
    rows["ip_id"] = random.integers(0, 4, count)
    rows["has_ts"] = random.integers(0, 2, count)
    rows["ts_val"] = random.integers(0, 3, count)
    rows["wscale"] = random.integers(-1, 15, count)
    return rows


def tables(rows: np.ndarray, batch_rows: int, modules: tuple[Any, Any] | None = None) -> dict[str, Any]:
    framer = Framer(**({"module": modules[1]} if modules else {}))
    tracker = Tracker(framer.follow, **({"module": modules[0]} if modules else {}))
    framer.attach(tracker)
    tracker.kernel.seed = 1
    tracker.stash_bytes = np.zeros(300 * 2048, "u1")
    tracker.kernel.bind("stash", np.zeros(300, t.Stash))
    tracker.kernel.bind("stash_bytes", tracker.stash_bytes)
    data = np.frombuffer(TEXT, np.uint8)
    flags: list[int] = []
    for at in range(0, len(rows), batch_rows):
        flags += tracker.track(data, rows[at : at + batch_rows]).tolist()
    tracker.end_vantage()
    k = tracker.kernel
    assert (k.live, k.stash_used) == (0, 0)
    return {
        "flags": flags,
        "connections": tracker.connections.finished(k.connection_count).tolist(),
        "troubles": tracker.troubles.finished(k.trouble_count).tolist(),
        "events": tracker.events.finished(k.event_count).tolist(),
        "exchanges": framer.exchanges.finished(framer.kernel.exchange_count).tolist(),
    }


@pytest.fixture(autouse=True)
def nothing_is_swallowed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A loop that left its table cannot raise; it reports, and that must fail the test."""
    swallowed: list[Any] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda args: swallowed.append(args.exc_value))
    yield
    assert swallowed == []


@pytest.mark.parametrize("seed", range(40))
def test_any_packets_are_tracked_and_framed_without_harm(seed: int) -> None:
    rows = packets(seed, 4000)
    assert tables(rows, 2048)["flags"] is not None


@pytest.mark.parametrize("seed", range(5))
def test_how_packets_are_batched_changes_nothing(seed: int) -> None:
    rows = packets(1000 + seed, 3000)
    expected = tables(rows, 3000)
    for batch_rows in (1, 17, 1000):
        assert tables(rows, batch_rows) == expected


@pytest.mark.parametrize("seed", range(3))
def test_compiled_and_interpreted_agree_on_any_packets(seed: int) -> None:
    rows = packets(2000 + seed, 400)
    assert tables(rows, 100, interpreted_modules()) == tables(rows, 100)
