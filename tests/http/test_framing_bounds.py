"""Large, many and hostile messages: counted whole, kept in part, in bounded time and memory."""

from __future__ import annotations

import time

import numpy as np
import pytest

from pcapdiag import tables as t
from pcapdiag.http import Framer, framing
from pcapdiag.tcp import Tracker
from tests.http.talk import GET, OK, opened, response, talk
from tests.reading import Reading

PATIENCE_S = 20


@pytest.mark.parametrize("mss", [1460, 60_000])
def test_target_of_100_kilobytes_is_counted_whole_and_kept_in_part(mss: int) -> None:
    target = "/" + "a" * 100_000
    seen = talk(
        f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n", response("", length=0, status="414 Long"), mss=mss
    )
    assert seen.exchange["request_head"] == 100_001 + len("GET  HTTP/1.1\r\nHost: a\r\n\r\n")
    assert seen.told("target", "host", "status") == [(target[:1024], "a", 414)]
    assert not seen.exchange["flags"] & t.REQ_BAD


def test_field_of_100_kilobytes_hides_none_of_the_others() -> None:
    fields = "Cookie: " + "c" * 100_000 + "\r\nContent-Length: 3\r\n"
    seen = talk(f"POST / HTTP/1.1\r\nHost: a\r\n{fields}\r\nabc", OK)
    assert (seen.exchange["request_body"], seen.exchange["status"]) == (3, 200)
    assert not seen.exchange["flags"] & t.REQ_BAD


@pytest.mark.parametrize("line", ["X: y\r\n", "x"])
def test_header_that_never_ends_is_counted_and_not_kept(line: str) -> None:
    c = opened(mss=60_000, auto_ack=False)
    c.client.send("GET / HTTP/1.1\r\nHost: a\r\n")
    block = line * (60_000 // len(line))
    for _ in range(200):
        c.client.send(block)
    begun = time.monotonic()
    seen = Reading(c)
    assert time.monotonic() - begun < PATIENCE_S
    assert seen.exchange["request_ended"] == t.END_OPEN
    if line != "x":
        assert seen.exchange["request_head"] == 25 + 200 * len(block)
    assert len(seen.framer.arena) <= 1 << 17


def test_100_000_pipelined_requests_in_few_segments() -> None:
    """The exchange table must grow many times within one segment, and go on where it stopped."""
    count = 100_000
    c = opened(mss=65_000, auto_ack=False)
    c.client.send("".join(f"GET /{k % 3000} HTTP/1.1\r\nHost: h\r\n\r\n" for k in range(count)))
    c.server.send("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nx" * count)
    begun = time.monotonic()
    seen = Reading(c, batch_rows=len(c.packets))
    assert time.monotonic() - begun < PATIENCE_S
    assert len(seen.exchanges) == count
    assert (seen.exchanges["status"] == 200).all() and (seen.exchanges["response_body"] == 1).all()
    assert [seen.strings[row] for row in seen.exchanges["target"][:3001]] == [
        f"/{k % 3000}" for k in range(3001)
    ]
    assert (seen.exchanges["next"][:-1] == np.arange(1, count)).all()


def test_20_000_different_targets_and_hosts_are_all_kept() -> None:
    count = 20_000
    c = opened(mss=65_000, auto_ack=False)
    c.client.send("".join(f"GET /{'p' * (k % 50)}{k} HTTP/1.1\r\nHost: h{k}\r\n\r\n" for k in range(count)))
    seen = Reading(c)
    assert seen.told("target", "host") == [(f"/{'p' * (k % 50)}{k}", f"h{k}") for k in range(count)]
    assert seen.framer.kernel.strings_dropped == 0


def test_strings_beyond_their_bound_are_counted_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(framing, "ARENA_LIMIT", 256 << 10)
    count = 3000
    c = opened(mss=65_000, auto_ack=False)
    c.client.send("".join(f"GET /{k}{'x' * 900} HTTP/1.1\r\nHost: a\r\n\r\n" for k in range(count)))
    seen = Reading(c)
    assert len(seen.exchanges) == count
    assert len(seen.framer.arena) <= (256 << 10) + (1 << 20)
    kept = np.count_nonzero(seen.exchanges["target"])
    assert kept + seen.framer.kernel.strings_dropped == count
    assert seen.told("target")[0] == ("/0" + "x" * 900,)


def colliding(count: int) -> list[str]:
    """Targets whose hashes have the same low 12 bits: FNV-1a is no secret."""
    found: list[str] = []
    alphabet = np.frombuffer(b"abcdefghijklmnopqrstuvwxyzABCDEF", np.uint8).astype(np.uint64)
    state = np.array([2166136261], np.uint64)
    prime, mask = np.uint64(16777619), np.uint64(0xFFFFFFFF)
    state = ((state ^ np.uint64(ord("/"))) * prime) & mask
    for _ in range(4):
        state = (((state[:, None] ^ alphabet[None, :]) * prime) & mask).ravel()
    low = state & np.uint64(0xFFF)
    rows = np.flatnonzero(low == low[0])[:count]
    for row in rows.tolist():
        letters = [chr(int(alphabet[(row >> 5 * place) & 31])) for place in (3, 2, 1, 0)]
        found.append("/" + "".join(letters))
    return found


def test_targets_chosen_to_collide_cost_bounded_time_and_are_counted() -> None:
    targets = colliding(240)
    assert len(set(targets)) == 240
    c = opened(mss=65_000, auto_ack=False)
    c.client.send("".join(f"GET {target} HTTP/1.1\r\nHost: a\r\n\r\n" for target in targets * 4))
    seen = Reading(c)
    told = [target for (target,) in seen.told("target")]
    assert all(a in ("", b) for a, b in zip(told, targets * 4, strict=True))
    assert told.count("") == seen.framer.kernel.strings_dropped > 0


def test_thousand_host_fields_keep_the_first() -> None:
    hosts = "".join(f"Host: h{k}\r\n" for k in range(1000))
    seen = talk(f"GET / HTTP/1.1\r\n{hosts}\r\n", OK)
    assert seen.told("host") == [("h0",)]
    assert seen.exchange["flags"] & t.REQ_BAD


def test_more_servers_than_are_kept_are_no_error() -> None:
    count = 1500
    c = opened(mss=65_000, auto_ack=False)
    c.client.send(GET * count)
    c.server.send("".join(response("", f"Server: s{k}", length=0) for k in range(count)))
    seen = Reading(c)
    assert seen.exchanges["server"].tolist()[:1023] == list(range(1, 1024))
    assert not seen.exchanges["server"][1023:].any()


def test_unfinished_lines_of_too_many_connections_are_lost_and_counted() -> None:
    def one_block(_tracker: Tracker, framer: Framer) -> None:
        framer.kernel.bind("lines", np.zeros(4096, "u1"))
        framer.kernel.bind("line_next", np.zeros(1, "u4"))

    talks = [opened(client=f"10.0.0.{k}:40000", start_s=k * 1e-6) for k in range(3)]
    for c in talks:
        c.client.send(GET[:20])
    for c in talks:
        c.client.send(GET[20:])
        c.request(GET)
    seen = Reading(*talks, prepare=one_block)
    assert seen.framer.kernel.lines_dropped == 2
    assert sorted(e for (e,) in seen.told("request_ended")) == [t.END_COMPLETE] * 4 + [t.END_GAP] * 2


def test_blocks_of_unfinished_lines_come_back() -> None:
    def few_blocks(_tracker: Tracker, framer: Framer) -> None:
        framer.kernel.bind("lines", np.zeros(2 * 4096, "u1"))
        framer.kernel.bind("line_next", np.zeros(2, "u4"))

    talks = []
    for k in range(30):
        c = opened(client=f"10.0.0.{k}:40000", start_s=k)
        c.client.send(GET[:20])
        [c.client.fin, c.client.rst, lambda: None, c.server.rst][k % 4]()
        c.client.isn += 1
        c.client.syn()  # a new connection retires this one
        talks.append(c)
    assert Reading(*talks, prepare=few_blocks).framer.kernel.lines_dropped == 0


@pytest.mark.parametrize("byte", [0, 1, 7, 27, 127, 128, 255])
def test_control_bytes_anywhere_break_nothing(byte: int) -> None:
    whole = GET.encode()
    for at in range(len(whole)):
        spoiled = whole[:at] + bytes([byte]) + whole[at:]
        assert len(talk(spoiled, OK).exchanges) <= 2


def test_bytes_that_are_not_utf8_are_shown_escaped() -> None:
    seen = talk(b"GET /\xff\xfe HTTP/1.1\r\nHost: a\r\n\r\n", OK)
    assert seen.told("target") == [("/\\xff\\xfe",)]
