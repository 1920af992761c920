"""Framing when bytes are missing from the capture: what is lost says so, and framing begins again."""

from __future__ import annotations

import pytest

from pcapdiag import tables as t
from tests.conversation import Conversation
from tests.http.talk import GET, OK, opened, post, response
from tests.reading import Reading


def ask(k: int) -> str:
    return f"GET /{k} HTTP/1.1\r\nHost: a\r\n\r\n"


def answer(k: int, size: int = 10) -> str:
    return response("x" * size, length=size, status=f"{200 + k} OK")


def test_gap_inside_a_body_is_counted_over() -> None:
    c = opened()
    c.request(GET)
    whole = answer(0, 6000)
    c.server.send(whole[:2000])
    c.server.send(whole[2000:4000], unseen=True)
    c.server.send(whole[4000:])
    c.request(ask(1))
    c.response(answer(1))
    seen = Reading(c)
    assert seen.told("status", "response_body", "response_ended") == [
        (200, 6000, t.END_COMPLETE),
        (201, 10, t.END_COMPLETE),
    ]
    assert seen.connection["flags"] & t.CONN_GAP


def test_gap_inside_a_chunk_is_counted_over() -> None:
    c = opened()
    c.request(GET)
    c.server.send(response("7d0\r\n" + "x" * 500, "Transfer-Encoding: chunked"))
    c.server.send("x" * 1000, unseen=True)
    c.server.send("x" * 500 + "\r\n0\r\n\r\n")
    assert Reading(c).told("response_body", "response_ended") == [(2000, t.END_COMPLETE)]


def test_gap_that_ends_with_the_body_ends_the_message() -> None:
    c = opened()
    c.request(GET)
    c.server.send(response("x" * 500, length=1500))
    c.server.send("x" * 1000, unseen=True)
    c.wait(1)
    c.request(ask(1))
    c.response(answer(1))
    seen = Reading(c)
    assert seen.told("response_ended") == [(t.END_COMPLETE,)] * 2
    assert not any(f & t.RSP_RESYNC for f in seen.exchanges["flags"].tolist())


def test_gap_in_a_body_until_close_is_body() -> None:
    c = opened()
    c.request(GET)
    c.server.send(response("x" * 500))
    c.server.send("x" * 1000, unseen=True)
    c.server.send("x" * 100)
    c.close(c.server)
    assert Reading(c).told("response_body", "response_ended") == [(1600, t.END_BY_CLOSE)]


@pytest.mark.parametrize("cut", [5, 30])
def test_gap_inside_a_head_loses_that_message_only(cut: int) -> None:
    c = opened()
    c.request(ask(0))
    whole = answer(0)
    c.server.send(whole[:cut])
    c.server.send(whole[cut : cut + 5], unseen=True)
    c.server.send(whole[cut + 5 :])
    c.request(ask(1))
    c.response(answer(1))
    seen = Reading(c)
    assert seen.exchanges["response_ended"].tolist() == [t.END_GAP, t.END_COMPLETE]
    assert seen.exchanges["status"].tolist()[1] == 201
    assert not any(f & (t.RSP_BAD | t.RSP_EXTRA) for f in seen.exchanges["flags"].tolist())


def test_gap_beyond_the_body_loses_where_the_next_message_begins() -> None:
    c = opened()
    c.request(ask(0))
    c.request(ask(1))
    c.server.send(answer(0, 100)[:-50])
    c.server.send("x" * 50 + answer(1)[:5], unseen=True)
    c.server.send(answer(1)[5:])
    c.request(ask(2))
    c.response(answer(2))
    seen = Reading(c)
    assert seen.exchanges["response_ended"].tolist() == [t.END_GAP, t.END_GAP, t.END_COMPLETE]
    assert seen.exchanges["flags"][2] & t.RSP_RESYNC


def test_responses_lost_whole_are_not_given_to_later_requests() -> None:
    c = opened()
    for k in range(4):
        c.request(ask(k))
        c.server.send(answer(k), unseen=k in (1, 2))
    seen = Reading(c)
    assert seen.told("target", "status") == [("/0", 200), ("/1", 0), ("/2", 0), ("/3", 203)]
    assert seen.exchanges["response_ended"].tolist() == [t.END_COMPLETE, t.END_GAP, t.END_GAP, t.END_COMPLETE]
    assert seen.chain() == [0, 1, 2, 3]


def test_requests_lost_whole_leave_their_responses_without_one() -> None:
    c = opened()
    for k in range(3):
        c.client.send(ask(k), unseen=k == 1)
        c.server.send(answer(k))
        c.wait(1)
    seen = Reading(c)
    assert seen.told("target", "status") == [("/0", 200), ("", 201), ("/2", 202)]
    assert not seen.exchanges["flags"][1] & (t.REQ_SEEN | t.REQ_BAD | t.REQ_GARBLED)


def test_request_whose_beginning_was_not_captured_is_nobodys_fault() -> None:
    c = opened()
    c.request(ask(0))
    c.response(answer(0))
    c.client.send(ask(1)[:10], unseen=True)
    c.wait(1)
    c.client.send(ask(1)[10:])
    c.response(answer(1))
    c.request(ask(2))
    c.response(answer(2))
    seen = Reading(c)
    assert seen.exchanges["status"].tolist() == [200, 201, 202]
    assert seen.exchanges["request_ended"].tolist() == [t.END_COMPLETE, t.END_GAP, t.END_COMPLETE]
    assert not any(f & (t.REQ_BAD | t.REQ_GARBLED) for f in seen.exchanges["flags"].tolist())


def test_snaplen_96_still_gives_requests_and_statuses() -> None:
    c = opened()
    for k in range(3):
        c.request(f"GET /{k} HTTP/1.1\r\nHost: a\r\nCookie: " + "c" * 500 + "\r\n\r\n")
        c.response(answer(k, 3000))
        c.wait(1)
    seen = Reading(c, snaplen=96)
    assert seen.told("target", "status") == [("/0", 200), ("/1", 201), ("/2", 202)]
    assert seen.exchanges["request_ended"].tolist() == [t.END_GAP] * 3
    assert not any(f & (t.REQ_BAD | t.RSP_BAD | t.REQ_GARBLED) for f in seen.exchanges["flags"].tolist())
    assert seen.connection["flags"] & t.CONN_TRUNCATED


def test_snaplen_that_cuts_only_the_body_loses_nothing() -> None:
    c = opened()
    for k in range(3):
        c.request(ask(k))
        c.response(answer(k, 3000))
    seen = Reading(c, snaplen=140)
    assert seen.told("status", "response_body", "response_ended") == [
        (200 + k, 3000, t.END_COMPLETE) for k in range(3)
    ]


def midway(*before: str) -> Conversation:
    """A connection whose first packets, these among them, were sent before the capture began."""
    c = opened()
    for k, turn in enumerate(before):
        (c.server if k % 2 else c.client).send(turn)
    c.packets.clear()
    return c


def test_capture_that_begins_between_exchanges_finds_the_next() -> None:
    c = midway(ask(0), answer(0))
    c.request(ask(1))
    c.response(answer(1))
    seen = Reading(c)
    assert seen.told("target", "status") == [("/1", 201)]
    assert seen.exchange["flags"] & t.REQ_RESYNC


def test_capture_that_begins_in_a_response_skips_its_rest() -> None:
    whole = answer(0, 5000)
    c = midway(ask(0), whole[:1000])
    c.server.send(whole[1000:])
    c.request(ask(1))
    c.response(answer(1))
    seen = Reading(c)
    assert seen.told("target", "status") == [("/1", 201)]
    assert not seen.exchange["flags"] & (t.RSP_EXTRA | t.RSP_BAD)


def test_capture_that_begins_before_a_response_keeps_it_without_its_request() -> None:
    c = midway(ask(0))
    c.response(answer(0))
    c.request(ask(1))
    c.response(answer(1))
    seen = Reading(c)
    assert seen.told("target", "status") == [("", 200), ("/1", 201)]
    assert not seen.exchanges["flags"][0] & (t.REQ_SEEN | t.REQ_GARBLED)


def test_capture_that_begins_in_a_request_body_blames_nobody() -> None:
    c = midway(post("x" * 100, announced=2000))
    c.client.send("y" * 1900)
    c.response(answer(0))
    c.request(ask(1))
    c.response(answer(1))
    seen = Reading(c)
    assert seen.exchanges["status"].tolist() == [200, 201]
    assert not any(f & (t.REQ_BAD | t.REQ_GARBLED | t.REQ_EXTRA) for f in seen.exchanges["flags"].tolist())


def test_tls_connection_begun_before_the_capture_is_known() -> None:
    c = midway("x")
    c.server.send(b"\x17\x03\x03\x00\x20" + bytes(32))
    c.client.send(b"\x17\x03\x03\x00\x20" + GET.encode() + bytes(6))
    seen = Reading(c)
    assert seen.connection["protocol"] == t.PROTOCOL_TLS
    assert len(seen.exchanges) == 0


def test_only_the_requests_are_captured() -> None:
    c = opened()
    for k in range(3):
        c.request(ask(k))
        c.response(answer(k))
    seen = Reading(packets=[p for p in c.packets if p[1][6:12] == c.client.mac])
    assert seen.told("target", "status") == [("/0", 0), ("/1", 0), ("/2", 0)]
    assert {e for (e,) in seen.told("request_ended")} == {t.END_COMPLETE}
    assert not any(f & t.REQ_PIPELINED for f in seen.exchanges["flags"].tolist())


def test_only_the_responses_are_captured() -> None:
    c = opened()
    for k in range(3):
        c.request(ask(k))
        c.response(answer(k))
    seen = Reading(packets=[p for p in c.packets if p[1][6:12] == c.server.mac])
    assert seen.exchanges["status"].tolist() == [200, 201, 202]
    assert not any(f & (t.REQ_SEEN | t.REQ_GARBLED) for f in seen.exchanges["flags"].tolist())
    assert seen.exchanges["response_body"].tolist() == [10, 10, 10]


def test_gap_at_the_end_of_an_answered_request_ends_nothing_twice() -> None:
    c = opened()
    c.request(ask(0))
    c.server.send(OK[:-1])
    c.server.send(OK[-1:], unseen=True)
    c.close()
    seen = Reading(c)
    assert seen.told("response_ended", "response_body") == [(t.END_COMPLETE, 2)]


def test_an_answer_the_capture_lost_is_no_missing_answer() -> None:
    """Only the server's FIN, beyond the answer, and the client's ACK of both were captured."""
    c = Conversation()
    c.handshake()
    c.request(GET)
    c.server.send(b"x" * 138, unseen=True)
    c.server.fin()
    c.client.fin()
    assert Reading(c).exchange["response_ended"] == t.END_GAP


def test_a_reset_that_acknowledges_an_answer_the_capture_lost() -> None:
    c = Conversation(auto_ack=False)
    c.handshake()
    c.request(GET)
    c.server.send(b"x" * 138, unseen=True)
    c.client.rst()
    assert Reading(c).exchange["response_ended"] == t.END_GAP


@pytest.mark.parametrize(("kept", "status"), [(12, 0), (13, 503), (25, 503), (31, 503)])
def test_a_reason_phrase_cut_by_the_snaplen_leaves_the_status(kept: int, status: int) -> None:
    """As in a capture of 96 bytes a packet: "HTTP/1.1 503 Service Unavailable" does not fit in."""
    c = opened()
    c.request(GET)
    c.response(response("no", length=2, status="503 Service Unavailable"))
    seen = Reading(c, snaplen=54 + kept)
    assert seen.told("status", "response_ended") == [(status, t.END_GAP)]


def test_a_line_of_a_head_counts_though_its_end_never_came() -> None:
    c = opened()
    c.request(GET)
    head = "HTTP/1.1 200 OK\r\nX-Large: "
    c.response(head + "x" * 9000)
    c.client.rst()
    assert Reading(c).told("response_head") == [(len(head) + 9000,)]


def test_of_requests_that_came_together_nobody_knows_which_is_answered_after_a_gap() -> None:
    c = opened()
    c.client.send(ask(1) + ask(2) + ask(3))
    c.server.send(answer(1), unseen=True)
    c.response(answer(2))
    c.response(answer(3))
    c.request(ask(4))
    c.response(answer(4))
    seen = Reading(c)
    assert seen.told("target", "status") == [
        ("/1", 0),
        ("/2", 0),
        ("/3", 0),
        ("", 202),
        ("", 203),
        ("/4", 204),
    ]
    assert [e for (e,) in seen.told("response_ended")][:3] == [t.END_GAP] * 3


def test_the_last_of_them_is_known_when_only_its_answer_can_be_left() -> None:
    """The gap begins where the second answer would: what comes behind it is the third."""
    c = opened()
    c.client.send(ask(1) + ask(2) + ask(3))
    c.response(answer(1))
    c.server.send(answer(2), unseen=True)
    c.response(answer(3))
    assert Reading(c).told("target", "status") == [("/1", 201), ("/2", 0), ("/3", 203)]


def test_a_request_that_waited_behind_a_gap_has_the_answer_that_came_after_it() -> None:
    c = Conversation(auto_ack=False)
    c.handshake()
    c.request(ask(0))
    c.response(answer(0))
    c.client.send(ask(1), unseen=True)
    c.server.send(answer(1), unseen=True)
    for k in (2, 3):
        c.client.send(ask(k))
        c.server.send(answer(k))
    seen = Reading(c)
    assert [pair for pair in seen.told("target", "status") if pair[0]][-2:] == [("/2", 202), ("/3", 203)]
    assert (seen.exchanges["response_start_us"][-2:] < 1_000).all()
