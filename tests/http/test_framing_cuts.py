"""The exchanges are the same however the messages were cut, reordered and repeated on the wire."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapdiag import tables as t
from tests.conversation import Conversation
from tests.http.talk import GET, OK, opened, post, response
from tests.reading import Reading

CHUNKED = response("3\r\nabc\r\n1;x=y\r\nd\r\n0\r\nT: 1\r\n\r\n", "Transfer-Encoding: chunked")

#: Requests and their responses, as one exchange after the other.
STORIES: dict[str, list[tuple[str, str]]] = {
    "plain": [(GET, OK), (post("hello"), OK)],
    "chunked": [(GET, CHUNKED), (GET, OK)],
    "chunked request": [
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", OK)
    ],
    "no body": [("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n", response(length=9)), (GET, response(status="304 No"))],
    "interim": [(post("abc"), response(status="100 Continue") + response(status="103 Hints") + OK)],
    "until close": [(GET, OK), (GET, response("x" * 50))],
    "upgrade": [(GET, response(status="101 Switching", length=0) + "HTTP/1.1 500 no\r\n\r\n")],
    "bad": [("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", response("", "no colon", length=0))],
    "malformed": [(GET, "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nhi")],
    "no http": [(GET, "garbage garbage")],
    "own method": [("PROPFIND /dav/ HTTP/1.1\r\nHost: a\r\n\r\n", OK), (GET, OK)],
    "line feeds": [("GET / HTTP/1.1\nHost: a\n\n", "HTTP/1.1 200 OK\nContent-Length: 2\n\nhi")],
}

#: What does not depend on when and in which packets the bytes came.
COLUMNS = (
    "target", "host", "status", "method", "flags", "request_body", "response_body", "request_head",
    "response_head", "request_ended", "response_ended", "request_missing", "response_missing",
)  # fmt: skip


def told(seen: Reading) -> tuple[Any, ...]:
    return seen.connection["protocol"], seen.told(*COLUMNS)


def cut(data: str, sizes: list[int]) -> list[str]:
    pieces, at = [], 0
    for size in sizes:
        pieces.append(data[at : at + size])
        at += size
    return [piece for piece in [*pieces, data[at:]] if piece]


def whole(story: list[tuple[str, str]]) -> Reading:
    c = opened()
    for request, answer in story:
        c.client.send(request)
        c.server.send(answer)
    c.close(c.server)
    return Reading(c)


@pytest.mark.parametrize("name", STORIES)
def test_byte_by_byte_tells_the_same(name: str) -> None:
    c = opened()
    for request, answer in STORIES[name]:
        for side, data in ((c.client, request), (c.server, answer)):
            for byte in data:
                side.send(byte)
    c.close(c.server)
    assert told(Reading(c)) == told(whole(STORIES[name]))


@pytest.mark.parametrize("name", STORIES)
def test_cut_in_two_anywhere_tells_the_same(name: str) -> None:
    expected = told(whole(STORIES[name]))
    longest = max(len(data) for exchange in STORIES[name] for data in exchange)
    for at in range(1, longest):
        c = opened()
        for request, answer in STORIES[name]:
            for side, data in ((c.client, request), (c.server, answer)):
                for piece in cut(data, [at]):
                    side.send(piece)
        c.close(c.server)
        assert told(Reading(c)) == expected, at


def shuffled(c: Conversation, data: str, pieces: list[int], order: list[int], server: bool) -> None:
    """Sends `data` in pieces, in this order, some of them more than once."""
    side = c.server if server else c.client
    start, spans = side.next, []
    for piece in cut(data, pieces):
        spans.append((side.next, piece.encode()))
        side.next += len(piece)
    side.next = start
    chosen = [spans[k % len(spans)] for k in order]
    for seq, payload in [*chosen, *(s for s in spans if s not in chosen)]:
        side._say(seq, t.ACK, payload, False, False, False)
    side.next = start + len(data)
    side.peer.ack()


SIZES = st.lists(st.integers(1, 40), max_size=8)
ORDER = st.lists(st.integers(0, 12), max_size=8)


@settings(max_examples=120, deadline=None)
@given(
    name=st.sampled_from(sorted(STORIES)),
    shapes=st.lists(st.tuples(SIZES, ORDER), min_size=4, max_size=4),
    batch_rows=st.sampled_from([1, 5, 2048]),
    isn=st.sampled_from([1_000_000, 2**32 - 20]),
)
def test_cut_reordered_and_repeated_tells_the_same(
    name: str, shapes: list[tuple[list[int], list[int]]], batch_rows: int, isn: int
) -> None:
    c = opened(client_isn=isn, server_isn=isn)
    for k, (request, answer) in enumerate(STORIES[name]):
        shuffled(c, request, *shapes[2 * k], server=False)
        shuffled(c, answer, *shapes[2 * k + 1], server=True)
    c.close(c.server)
    assert told(Reading(c, batch_rows=batch_rows)) == told(whole(STORIES[name]))


@settings(max_examples=60, deadline=None)
@given(junk=st.binary(max_size=80), at=st.integers(0, 60), server=st.booleans())
def test_any_bytes_anywhere_are_framed_without_harm(junk: bytes, at: int, server: bool) -> None:
    c = opened()
    request, answer = GET.encode(), OK.encode()
    c.client.send(request if server else request[:at] + junk + request[at:] + b" ")
    c.server.send(answer[:at] + junk + answer[at:] if server else answer)
    c.request(GET)
    c.response(OK)
    c.close()
    seen = Reading(c)
    rows = seen.chain()
    assert rows == list(range(len(seen.exchanges))) and len(rows) == seen.connection["exchanges"]
    assert not {t.END_OPEN} & {e for pair in seen.told("request_ended", "response_ended") for e in pair}
