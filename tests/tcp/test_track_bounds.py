"""Tables grow as they must and no further; time and memory stay bounded whatever the wire brings.

The bounds: a connection costs its row and at most 64 events, all events together at most EVENT_LIMIT; live
connections are at most SLOT_LIMIT at a time, out-of-order bytes STASH_BLOCKS blocks in all and 1024 pieces a
direction. Every packet costs at most a walk along those 1024 pieces.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from pcapdiag import tables as t
from pcapdiag.http import Framer
from pcapdiag.tcp import Tracker, track
from tests.conversation import START_NS, Conversation
from tests.reading import CLIENT, Reading

#: Seconds that the slowest of our machines may need; the work takes a tenth of it.
PATIENCE_S = 20


def rows(count: int, **columns: Any) -> np.ndarray:
    """`count` TCP packets of 10.0.0.1 to 10.0.0.2:80, a microsecond apart unless `columns` say otherwise."""
    table = np.zeros(count, t.Packet)
    table["kind"], table["ip_version"] = t.KIND_TCP, 4
    table["src_lo"], table["dst_lo"] = 0xFFFF0A000001, 0xFFFF0A000002
    table["src_port"], table["dst_port"] = 40000, 80
    table["time_ns"] = START_NS + np.arange(count) * 1000
    table["frame"] = np.arange(1, count + 1)
    table["wscale"] = -1
    table["window"] = 500
    for name, values in columns.items():
        table[name] = values
    return table


def batches(table: np.ndarray, size: int = 2048) -> Iterator[np.ndarray]:
    for at in range(0, len(table), size):
        yield table[at : at + size]


def tracked(table: np.ndarray, data: np.ndarray | None = None) -> Tracker:
    framer = Framer()
    tracker = Tracker(framer.follow)
    framer.attach(tracker)
    for part in batches(table):
        tracker.track(np.zeros(4096, "u1") if data is None else data, part)
    return tracker


def live_bytes(tracker: Tracker) -> int:
    """What live connections cost, busy or not."""
    return sum(g.rows.nbytes for g in (tracker.slots, tracker.streams, tracker.recent))


# --- growth ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch_rows", [1, 100, 100_000])
def test_every_table_grows_past_its_first_rows(batch_rows: int) -> None:
    count, packets = 6000, []
    for k in range(count):
        c = Conversation(f"10.{k >> 8}.{k & 255}.1:40000", "10.0.0.10:80", start_s=k * 1e-6, step_s=1e-7)
        c.client.syn(dropped=True)
        c.client.syn(dropped=True)
        packets += c.packets
    seen = Reading(packets=packets, batch_rows=batch_rows)
    assert len(seen.connections) == len(seen.events) == count
    assert len(seen.addresses) == count + 1
    assert seen.connections["syns"].tolist() == [2] * count
    assert [seen.addresses[r["client"]] for r in seen.connections] == [
        f"10.{k >> 8}.{k & 255}.1" for k in range(count)
    ]


def test_troubles_grow_past_their_first_rows() -> None:
    count, packets = 1500, []
    for k in range(count):
        c = Conversation(f"10.0.{k >> 8}.{k & 255}:40000", start_s=k * 1e-3, step_s=1e-7)
        c.handshake()
        c.client.send("GET", dropped=True)
        c.client.retransmit()
        packets += c.packets
    seen = Reading(packets=packets)
    assert seen.troubles["retransmitted"].tolist() == [1] * count
    assert sorted(seen.troubles["connection"].tolist()) == list(range(count))


def test_tables_that_grow_in_the_middle_of_a_batch_lose_nothing() -> None:
    """One batch that opens more connections than there are slots and sends on each of them afterwards."""
    count, packets = 3000, []
    talks = [Conversation(f"10.0.{k >> 8}.{k & 255}:40000", step_s=1e-9) for k in range(count)]
    for c in talks:
        c.handshake()
        packets += c.packets
        c.packets.clear()
    for c in talks:
        c.request("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        packets += c.packets
    seen = Reading(packets=packets, batch_rows=len(packets))
    assert seen.exchanges["connection"].tolist() == list(range(count))
    assert seen.connections["client_bytes"].tolist() == [27] * count


# --- slots -------------------------------------------------------------------------------------------


def test_closed_connections_give_their_slots_back() -> None:
    tracker = tracked(
        rows(
            60_000,
            src_port=np.repeat(np.arange(30_000) + 1024, 2),
            flags=np.tile([t.SYN, t.RST | t.ACK], 30_000),
            time_ns=START_NS + np.arange(60_000) * 10_000_000,
        )
    )
    assert tracker.kernel.connection_count == 30_000
    assert len(tracker.slots) <= 8192
    assert tracker.kernel.evicted == 0


def test_slots_are_for_the_connections_of_the_last_seconds() -> None:
    """Of a thousand connections a second, each closed at once, those of the linger and an eighth live."""
    tracker = tracked(
        rows(
            100_000,
            src_port=np.repeat(np.arange(50_000) + 1024, 2),
            flags=np.tile([t.SYN, t.RST | t.ACK], 50_000),
            time_ns=START_NS + np.arange(100_000) * 500_000,
        )
    )
    assert tracker.kernel.connection_count == 50_000
    assert len(tracker.slots) <= 16_384


def test_closed_connection_lingers_for_its_stragglers() -> None:
    """A FIN sent again five seconds after the close finds its connection, though many others were swept."""
    c = Conversation()
    c.handshake()
    c.close()
    others = [Conversation(f"10.1.{k >> 8}.{k & 255}:40000", start_s=1 + k * 1e-4) for k in range(9000)]
    for other in others:
        other.client.syn()
    c.wait(5)
    c.server.retransmit()
    seen = Reading(c, *others)
    assert len(seen.connections) == 9001
    assert seen.connections[0]["flags"] & t.CONN_FIN_SERVER


def test_ports_reused_in_one_batch_reuse_the_slot() -> None:
    packets = []
    for k in range(500):
        c = Conversation(client_isn=k * 1000, server_isn=k * 7777, start_s=k)
        c.handshake()
        c.request("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        c.response(f"HTTP/1.1 200 OK\r\nContent-Length: {k}\r\n\r\n" + "x" * k)
        packets += c.packets
    seen = Reading(packets=packets, batch_rows=len(packets))
    assert len(seen.tracker.slots) == 1024
    assert seen.told("status", "response_body") == [(200, k) for k in range(500)]


# --- attacks -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("step_ns", [0, 1000])
def test_a_million_half_open_connections_are_bounded(step_ns: int) -> None:
    """Even all in one instant, where none is older than the others."""
    count = 1_000_000
    table = rows(
        count,
        flags=t.SYN,
        src_lo=0xFFFF0A000000 + np.arange(count) % 5000,
        src_port=1024 + np.arange(count) // 5000,
        seq=np.arange(count),
        time_ns=START_NS + np.arange(count) * step_ns,
    )
    begun = time.monotonic()
    tracker = tracked(table)
    assert time.monotonic() - begun < PATIENCE_S
    k = tracker.kernel
    assert k.connection_count == count
    assert k.live <= track.SLOT_LIMIT and k.live + k.evicted == count
    per_slot = t.Slot.itemsize + 2 * t.Stream.itemsize + 2 * 4 * track.RECENT
    assert live_bytes(tracker) <= (track.SLOT_LIMIT + 32_768) * per_slot
    evicted = tracker.connections.rows["flags"][:count] & t.CONN_EVICTED != 0
    assert np.count_nonzero(evicted) == k.evicted


def tiny_segments(count: int, order: np.ndarray) -> np.ndarray:
    """A SYN, and one-byte segments two bytes apart in this order."""
    table = rows(count + 1, flags=t.ACK, seq=1 + 2 * np.r_[0, order], payload_len=1, captured_len=1)
    table["flags"][0], table["seq"][0], table["payload_len"][0] = t.SYN, 0, 0
    return table


@pytest.mark.parametrize("order", ["forward", "backward", "shuffled"])
def test_a_million_tiny_out_of_order_segments_are_bounded(order: str) -> None:
    count = 1_000_000
    numbers = np.arange(1, count + 1)
    if order == "backward":
        numbers = numbers[::-1]
    elif order == "shuffled":
        np.random.default_rng(1).shuffle(numbers)
    begun = time.monotonic()
    tracker = tracked(tiny_segments(count, numbers))
    assert time.monotonic() - begun < PATIENCE_S
    assert tracker.kernel.stash_used <= 1024
    assert tracker.kernel.stash_full > 0


def test_streams_together_take_no_more_than_the_stash() -> None:
    connections, pieces = 100, 1000
    table = rows(
        connections * pieces,
        flags=t.ACK,
        payload_len=1,
        captured_len=1,
        src_port=1024 + np.tile(np.arange(connections), pieces),
        seq=2 * np.repeat(np.arange(pieces), connections),
    )
    tracker = tracked(table)
    assert tracker.kernel.stash_used <= track.STASH_BLOCKS
    tracker.end_vantage()
    assert tracker.kernel.stash_used == 0
    assert tracker.connections.rows["client_bytes"][:connections].tolist() == [2 * pieces - 1] * connections


def test_events_are_bounded_in_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(track, "EVENT_LIMIT", 8192)
    count = 40_000
    ports = np.repeat(np.arange(count // 2) + 1024, 2)
    tracker = tracked(rows(count, flags=t.SYN, src_port=ports, seq=7, ip_id=1 + np.arange(count) % 2))
    assert tracker.kernel.event_count <= 8192
    assert tracker.kernel.event_count + tracker.kernel.events_dropped == count // 2
    assert tracker.kernel.connection_count == count // 2


def test_acknowledgment_of_nothing_ever_sent_hides_no_later_byte() -> None:
    c = Conversation(auto_ack=False, step_s=0.001)
    c.handshake()
    c.client.send("GET ")
    c.server.heard += 1_000_000_000
    c.server.ack()
    c.server.heard -= 1_000_000_000
    for letter in "abc":
        c.client.send(letter * 10)
        c.server.ack()
    assert Reading(c).said(0, CLIENT) == [b"GET aaaaaaaaaabbbbbbbbbbcccccccccc"]
