"""The TCP and HTTP kernels, compiled and interpreted, fill the same tables."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from pcapdiag import tables as t
from pcapdiag.http import Framer
from pcapdiag.tcp import Tracker
from tests.conversation import Conversation
from tests.reading import Reading, Rows, interpreted_modules, wrapped

GET = "GET /a?b HTTP/1.1\r\nHost: 10.0.0.1\r\nConnection: keep-alive\r\nX-Forwarded-For: 1.1.1.1\r\n\r\n"
OK = "HTTP/1.1 200 OK\r\nServer: s\r\nContent-Length: 2500\r\n\r\n" + "x" * 2500


def healthy(c: Conversation) -> None:
    c.handshake()
    for _ in range(3):
        c.request(GET)
        c.response(OK)
    c.close(c.server)


def lossy(c: Conversation) -> None:
    c.handshake()
    c.request(GET)
    c.server.send(OK[:1000], dropped=True)
    c.wait(0.3)
    c.server.retransmit()
    c.server.send(OK[1000:1500], lost=True)
    c.server.send(OK[1500:])
    c.wait(0.3)
    c.server.retransmit()
    c.client.keep_alive(b"\0")
    c.client.ack(window=0)
    c.wait(1)
    c.client.ack(window=502)
    c.client.fin(dropped=True)
    c.wait(1)
    c.client.retransmit()


def gaps(c: Conversation) -> None:
    c.handshake()
    c.request(GET)
    c.server.send(OK[:1500])
    c.server.send(OK[1500:2000], unseen=True)
    c.server.send(OK[2000:])
    c.wait(1)
    c.client.send(GET[:9], unseen=True)
    c.client.send(GET[9:])
    c.response(OK)
    c.server.rst()
    c.client.rst(ack=False)


def overlaps(c: Conversation) -> None:
    c.auto_ack = False
    c.handshake()
    for at, data in ((30, GET[30:90]), (10, "?" * 40), (0, GET[:20]), (5, GET[5:]), (0, GET)):
        c.client._say(c.client.isn + 1 + at, t.ACK, data.encode(), False, False, False)
    c.response(OK)
    c.duplicate()
    c.client.ack()


def chunks(c: Conversation) -> None:
    c.handshake()
    c.request("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n")
    c.response("HTTP/1.1 100 Continue\r\n\r\n")
    for byte in "4;a=b\r\nabcd\r\n0\r\nT: 1\r\n\r\n" + GET:
        c.client.send(byte)
    c.response("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nffffffffffffffff\r\n")


def hostile(c: Conversation) -> None:
    c.handshake()
    c.request("GET / HTTP/1.1\r\nContent-Length: 99999999999999999999\r\nHost: a\r\nHost: b\r\n\r\n")
    c.response("\0\0garbage")
    c.client.send("x" * 5000 + "\r\n" + "y" * 100)
    c.server.send("HTTP/1.1 999 " + "z" * 5000 + "\r\n\r\n")
    c.icmp(c.server, 3, 4, mtu=1400)


def begun_before(c: Conversation) -> None:
    c.handshake()
    c.packets.clear()
    c.request(GET)
    c.response(OK)


STORIES = (healthy, lossy, gaps, overlaps, chunks, hostile, begun_before)
ENDS = ("10.0.0.1:40000", "10.0.0.10:80"), ("[2001:db8::1]:1000", "[2001:db8::2]:8080")


def one_seed(tracker: Tracker, _framer: Framer) -> None:
    tracker.kernel.seed = 0x0123_4567_89AB_CDEF


@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.__name__)
@pytest.mark.parametrize("ends", ENDS, ids=["ipv4", "ipv6"])
@pytest.mark.parametrize("isn", [1_000_000, 2**32 - 1000])
def test_compiled_and_interpreted_agree(
    story: Callable[[Conversation], None], ends: tuple[str, str], isn: int
) -> None:
    talks = [
        Conversation(*ends, client_isn=isn, server_isn=isn // 2, timestamps=bool(isn & 1)),
        Conversation(*ends, client_isn=77, start_s=30, timestamps=True, step_s=0.001),
    ]
    for c in talks:
        story(c)
    for snaplen in (262144, 120):
        compiled = Reading(*talks, snaplen=snaplen, prepare=one_seed)
        interpreted = Reading(*talks, snaplen=snaplen, prepare=one_seed, modules=interpreted_modules())
        theirs, ours = compiled.tables(), interpreted.tables()
        for name in theirs:
            assert ours[name] == theirs[name], name


def test_tables_that_grow_agree() -> None:
    packets = []
    for k in range(1100):
        c = Conversation(f"10.0.{k >> 8}.{k & 255}:40000", start_s=k * 1e-3)
        c.client.syn()
        packets += c.packets
    compiled = Reading(packets=packets, prepare=one_seed)
    interpreted = Reading(packets=packets, prepare=one_seed, modules=interpreted_modules())
    assert interpreted.tables() == compiled.tables()


@pytest.mark.parametrize(
    ("value", "code", "stored"),
    [
        (256, "u1", 0),
        (-1, "u4", 2**32 - 1),
        (128, "i1", -128),
        (2**63, "i8", -(2**63)),
        (-1, "u8", 2**64 - 1),
    ],
)
def test_the_interpreted_tables_store_as_c_does(value: int, code: str, stored: int) -> None:
    assert wrapped(value, code) == stored


def test_the_interpreted_tables_know_their_bounds() -> None:

    with pytest.raises(AssertionError):
        Rows(np.zeros(3, "u1"))[-1]
