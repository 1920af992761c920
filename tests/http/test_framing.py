"""Messages out of bytes: where each begins and ends, and what HTTP/1.1 forbids in it."""

from __future__ import annotations

import pytest

from pcapdiag import tables as t
from pcapdiag.http import text_hash
from tests.http.talk import GET, OK, opened, post, response, talk
from tests.reading import Reading


def ends(seen: Reading) -> list[tuple[int, int]]:
    return seen.told("request_ended", "response_ended")


COMPLETE = (t.END_COMPLETE, t.END_COMPLETE)


# --- a message's length (RFC 9112 §6.3) ------------------------------------------------------------


def test_content_length_delimits_both_bodies() -> None:
    seen = talk(post("x" * 5000), response("y" * 7000, length=7000))
    row = seen.exchange
    assert (row["request_body"], row["response_body"]) == (5000, 7000)
    assert row["flags"] & t.REQ_LENGTH and row["flags"] & t.RSP_LENGTH
    assert ends(seen) == [COMPLETE]


def test_head_sizes_and_times_are_those_of_the_wire() -> None:
    c = opened(step_s=0)
    c.wait(1)
    c.client.send(GET[:10])
    c.wait(0.010)
    c.client.send(GET[10:])
    c.wait(0.100)
    c.server.send(OK[:-1])
    c.wait(0.005)
    c.server.send(OK[-1:])
    row = Reading(c).exchange
    assert (row["request_head"], row["response_head"]) == (len(GET), len(OK) - 2)
    assert (row["request_end_us"], row["response_start_us"]) == (10_000, 110_000)
    assert row["response_end_us"] == 115_000
    frames = [row[f"{m}_frame"] for m in ("request", "request_end", "response", "response_end")]
    assert frames == [4, 6, 8, 10]


CHUNKS = "3\r\nabc\r\nA;name=value\r\n0123456789\r\n0\r\n"


@pytest.mark.parametrize("trailers", ["", "X-Sum: 1\r\n", "X-Sum: 1\r\nX-More: 2\r\n"])
def test_chunks_are_counted_without_their_frames(trailers: str) -> None:
    body = CHUNKS + trailers + "\r\n"
    seen = talk(GET, response(body, "Transfer-Encoding: chunked"), GET, OK)
    assert seen.told("response_body", "response_ended") == [(13, t.END_COMPLETE), (2, t.END_COMPLETE)]
    assert seen.exchanges["flags"][0] & t.RSP_CHUNKED


def test_chunked_request_is_framed_too() -> None:
    head = "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"
    seen = talk(head + CHUNKS + "\r\n" + GET, OK + OK)
    assert seen.told("request_body", "status") == [(13, 200), (0, 200)]


def test_body_without_a_length_ends_with_the_connection() -> None:
    seen = talk(GET, response("x" * 4000))
    assert seen.exchange["response_body"] == 4000
    assert ends(seen) == [(t.END_COMPLETE, t.END_BY_CLOSE)]


@pytest.mark.parametrize("coding", ["gzip", "chunked, gzip"])
def test_response_whose_last_coding_is_not_chunked_ends_with_the_connection(coding: str) -> None:
    seen = talk(GET, response("x" * 400, f"Transfer-Encoding: {coding}", length=3))
    assert (seen.exchange["response_body"], seen.exchange["response_ended"]) == (400, t.END_BY_CLOSE)


def test_request_whose_last_coding_is_not_chunked_is_bad() -> None:
    seen = talk("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", OK)
    assert seen.exchange["flags"] & t.REQ_BAD and seen.exchange["flags"] & t.REQ_TE_OTHER


def test_several_codings_that_end_in_chunked_are_chunked() -> None:
    seen = talk(GET, response(CHUNKS + "\r\n", "Transfer-Encoding: gzip, chunked"))
    assert (seen.exchange["response_body"], seen.exchange["response_ended"]) == (13, t.END_COMPLETE)


@pytest.mark.parametrize(
    ("method", "status"), [("HEAD", "200 OK"), ("GET", "204 No Content"), ("GET", "304 Not Modified")]
)
def test_responses_that_have_no_body_whatever_they_announce(method: str, status: str) -> None:
    ask = f"{method} / HTTP/1.1\r\nHost: a\r\n\r\n"
    seen = talk(ask, response(status=status, length=500), GET, OK)
    assert ends(seen) == [COMPLETE, COMPLETE]
    assert seen.exchanges["flags"][0] & t.RSP_NO_BODY
    assert seen.exchanges["response_body"].tolist() == [0, 2]


def test_interim_response_comes_before_the_final_one() -> None:
    c = opened(step_s=0)
    c.client.send("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
    c.server.send(response(status="100 Continue"))
    c.wait(0.05)
    c.client.send("abc")
    c.wait(0.2)
    c.server.send(OK)
    seen = Reading(c)
    row = seen.exchange
    assert (row["status"], row["request_body"], row["response_start_us"]) == (200, 3, 250_000)
    assert row["flags"] & t.RSP_INTERIM and row["flags"] & t.REQ_EXPECT
    assert not row["flags"] & t.RSP_EARLY
    assert row["response_frame"] == 10
    assert ends(seen) == [COMPLETE]


def test_interim_response_alone_is_no_response() -> None:
    seen = talk(GET, response(status="103 Early Hints"))
    row = seen.exchange
    assert (row["status"], row["response_frame"], row["response_head"]) == (0, 0, 0)
    assert not row["flags"] & t.RSP_SEEN
    assert row["response_ended"] == t.END_FIN


@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        (
            "GET /chat HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
            "101 Switching",
        ),
        ("CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", "200 OK"),
    ],
)
def test_upgraded_connections_are_opaque(ask: str, answer: str) -> None:
    seen = talk(ask, response(status=answer), GET, OK, b"\x81\x05hello", b"\x00" * 3000)
    assert ends(seen) == [(t.END_COMPLETE, t.END_UPGRADED)]


def test_refused_upgrade_goes_on_as_http() -> None:
    seen = talk("CONNECT a:443 HTTP/1.1\r\nHost: a\r\n\r\n", response(status="405 No", length=0), GET, OK)
    assert seen.told("status", "response_ended") == [(405, t.END_COMPLETE), (200, t.END_COMPLETE)]


# --- exchanges in a row ------------------------------------------------------------------------------


def test_exchanges_of_a_connection_are_chained_in_order() -> None:
    turns: list[str] = []
    for k in range(5):
        turns += [f"GET /{k} HTTP/1.1\r\nHost: h{k}\r\n\r\n", OK]
    other = opened(client="10.0.0.9:40000", start_s=0.00005)
    for k in range(0, 10, 2):
        other.request(turns[k])
        other.response(turns[k + 1])
    mine = opened()
    for k in range(0, 10, 2):
        mine.request(turns[k])
        mine.response(turns[k + 1])
    seen = Reading(mine, other)
    for row in (0, 1):
        assert [seen.strings[seen.exchanges[e]["target"]] for e in seen.chain(row)] == [
            f"/{k}" for k in range(5)
        ]
        assert seen.connections[row]["exchanges"] == 5
    assert not any(flags & t.REQ_PIPELINED for flags in seen.exchanges["flags"].tolist())


def test_connection_without_exchanges_has_no_first_one() -> None:
    assert talk().connection["first_exchange"] == t.NONE


def test_pipelined_requests_get_their_answers_in_order() -> None:
    asks = "".join(f"GET /{k} HTTP/1.1\r\nHost: a\r\n\r\n" for k in range(3))
    answers = "".join(response("x" * k, length=k, status=f"{200 + k} OK") for k in range(3))
    seen = talk(asks, answers)
    assert seen.told("target", "status", "response_body") == [("/0", 200, 0), ("/1", 201, 1), ("/2", 202, 2)]
    assert [bool(f & t.REQ_PIPELINED) for f in seen.exchanges["flags"].tolist()] == [False, True, True]


def test_answer_before_the_end_of_the_request_is_early() -> None:
    c = opened()
    c.client.send(post("x" * 100, announced=1000))
    c.server.send(response(status="413 Too Large", length=0))
    c.client.send("x" * 900)
    c.request(GET)
    c.response(OK)
    seen = Reading(c)
    assert [bool(f & t.RSP_EARLY) for f in seen.exchanges["flags"].tolist()] == [True, False]
    assert seen.told("status", "request_ended", "request_body") == [
        (413, t.END_COMPLETE, 1000),
        (200, t.END_COMPLETE, 0),
    ]


def test_unsolicited_408_has_a_row_without_a_request() -> None:
    c = opened()
    c.wait(60)
    c.server.send(response(status="408 Request Timeout", length=0))
    c.close(c.server)
    seen = Reading(c)
    row = seen.exchange
    assert (row["status"], row["request_frame"], row["request_ended"]) == (408, 0, t.END_NONE)
    assert not row["flags"] & (t.REQ_SEEN | t.REQ_GARBLED)
    assert seen.connection["protocol"] == t.PROTOCOL_HTTP


def test_408_after_a_whole_exchange_is_a_second_row() -> None:
    c = opened()
    c.request(GET)
    c.response(OK)
    c.wait(60)
    c.server.send(response(status="408 Request Timeout", length=0))
    seen = Reading(c)
    assert seen.told("status", "request_ended") == [(200, t.END_COMPLETE), (408, t.END_NONE)]
    assert seen.chain() == [0, 1]


# --- versions and lines ------------------------------------------------------------------------------


def test_http_10_closes_unless_it_keeps_alive() -> None:
    seen = talk("GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\nhi")
    flags = int(seen.exchange["flags"])
    assert flags & t.REQ_HTTP10 and flags & t.REQ_CLOSE and flags & t.RSP_HTTP10 and flags & t.RSP_CLOSE
    assert not flags & (t.REQ_NO_HOST | t.REQ_BAD | t.RSP_BAD)
    kept = talk("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", OK).exchange["flags"]
    assert not kept & t.REQ_CLOSE


def test_connection_close_is_noted_on_either_side() -> None:
    seen = talk(
        "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", response("", "Connection: Close", length=0)
    )
    assert seen.exchange["flags"] & t.REQ_CLOSE and seen.exchange["flags"] & t.RSP_CLOSE


def test_lines_may_end_in_a_line_feed_alone() -> None:
    seen = talk("GET /a HTTP/1.1\nHost: a\n\n", "HTTP/1.1 200 OK\nContent-Length: 2\n\nhi")
    assert seen.told("target", "host", "status", "response_body") == [("/a", "a", 200, 2)]
    assert not seen.exchange["flags"] & (t.REQ_BAD | t.RSP_BAD)


def test_empty_lines_before_a_message_are_skipped() -> None:
    seen = talk("\r\n\r\n" + GET, "\r\n" + OK, "\r\n" + GET, OK)
    assert ends(seen) == [COMPLETE, COMPLETE]
    assert not any(f & (t.REQ_BAD | t.REQ_EXTRA) for f in seen.exchanges["flags"].tolist())


def test_folded_field_belongs_to_the_one_before() -> None:
    seen = talk("GET / HTTP/1.1\r\nHost: a\r\nX-Long: 1,\r\n\t2\r\n 3: 4\r\n\r\n", OK)
    assert not seen.exchange["flags"] & t.REQ_BAD


def test_names_and_values_are_what_the_fields_say() -> None:
    fields = "HOST:\t example.com \r\nX-Forwarded-For: 1.1.1.1, 2.2.2.2\r\n"
    fields += "X-Amzn-Trace-Id: Self=1;Root=1-ab-cd\r\n"
    seen = talk(f"GET /x?y=1 HTTP/1.1\r\n{fields}\r\n", response("", "Server: nginx", length=0))
    row = seen.exchange
    assert seen.told("target", "host") == [("/x?y=1", "example.com")]
    assert row["forwarded"] == text_hash(b"2.2.2.2") and row["trace"] == text_hash(b"1-ab-cd")
    assert row["flags"] & t.REQ_FORWARDED
    assert seen.strings[seen.servers[row["server"]]] == "nginx"


@pytest.mark.parametrize(
    ("host", "literal"),
    [("10.0.0.1", True), ("10.0.0.1:80", True), ("[::1]:80", True), ("a.b.c.d", False), ("1.2.3", False)],
)
def test_host_that_is_an_address_is_marked(host: str, literal: bool) -> None:
    seen = talk(f"GET / HTTP/1.1\r\nHost: {host}\r\n\r\n", OK)
    assert bool(seen.exchange["flags"] & t.REQ_HOST_IP) == literal


@pytest.mark.parametrize("method", ["PROPFIND", "M-SEARCH", "X"])
def test_unknown_methods_are_requests(method: str) -> None:
    seen = talk(f"{method} /dav HTTP/1.1\r\nHost: a\r\n\r\n", OK)
    assert seen.told("target", "status") == [("/dav", 200)]
    assert t.METHODS[seen.exchange["method"]] == "other"
    assert not seen.exchange["flags"] & t.REQ_BAD


# --- what is forbidden -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "ask",
    [
        "GET /\r\nHost: a\r\n\r\n",
        "GET  HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n",
        "GET / HTTP/2.0\r\nHost: a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : a\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\0b\r\n\r\n",
        "GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n",
        "GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n",
        "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ],
)
def test_forbidden_requests_are_marked_bad(ask: str) -> None:
    seen = talk(ask, response(status="400 Bad Request", length=0))
    assert seen.exchange["flags"] & t.REQ_BAD
    assert (seen.exchange["status"], seen.exchange["request_ended"]) == (400, t.END_COMPLETE)


@pytest.mark.parametrize("length", ["5x", "-1", "+1", "", "5, 6", "0x5", "99999999999999999999"])
def test_request_of_unknowable_length_is_malformed(length: str) -> None:
    seen = talk(f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\nabcde", OK)
    assert seen.exchange["flags"] & t.REQ_BAD
    assert seen.exchange["request_ended"] == t.END_MALFORMED
    assert seen.exchange["status"] == 200


@pytest.mark.parametrize("fields", [("Content-Length: 2", "Content-Length: 2"), ("Content-Length: 2, 2",)])
def test_the_same_length_twice_is_the_length(fields: tuple[str, ...]) -> None:
    seen = talk(GET, response("hi", *fields), GET, OK)
    assert ends(seen) == [COMPLETE, COMPLETE]
    assert not seen.exchanges["flags"][0] & t.RSP_BAD


@pytest.mark.parametrize("fields", [("Content-Length: 2", "Content-Length: 3"), ("Content-Length: 2, 3",)])
def test_two_different_lengths_are_malformed(fields: tuple[str, ...]) -> None:
    seen = talk(GET, response("hi", *fields))
    assert seen.exchange["response_ended"] == t.END_MALFORMED
    assert seen.exchange["flags"] & t.RSP_BAD


def test_request_without_a_host_is_marked() -> None:
    seen = talk("GET / HTTP/1.1\r\n\r\n", OK)
    assert seen.exchange["flags"] & t.REQ_NO_HOST


@pytest.mark.parametrize("chunk", ["xyz\r\n", "\r\n", "10000000000000000\r\n", "-1\r\n", "3\r\nabcd\r\n"])
def test_bad_chunks_are_malformed(chunk: str) -> None:
    seen = talk(GET, response(chunk + "0\r\n\r\n", "Transfer-Encoding: chunked"))
    assert seen.exchange["response_ended"] == t.END_MALFORMED
    assert seen.exchange["flags"] & t.RSP_BAD


def test_largest_chunk_size_that_is_a_length_is_no_fault() -> None:
    seen = talk(GET, response("fffffffffffffff\r\nabc", "Transfer-Encoding: chunked"))
    assert seen.exchange["response_ended"] == t.END_FIN
    assert seen.exchange["response_missing"] == 0xFFFFFFFE


@pytest.mark.parametrize(
    "start", ["HTTP/1.1 2x0 OK", "HTTP/1.1 20", "HTTP/2.0 200 OK", "HTTP/1.1  200 OK", "HTTP/1.1 200OK"]
)
def test_forbidden_status_lines_are_marked_bad(start: str) -> None:
    seen = talk(GET, f"{start}\r\nContent-Length: 0\r\n\r\n")
    assert seen.exchange["flags"] & t.RSP_BAD


@pytest.mark.parametrize("garbage", [b"garbage\r\n\r\n", b"\0\1\2\3\4\5", b"<html>oops</html>", b"X"])
def test_answer_that_is_no_http_is_malformed(garbage: bytes) -> None:
    seen = talk(GET, garbage)
    assert seen.exchange["response_ended"] == t.END_MALFORMED
    assert (seen.exchange["status"], bool(seen.exchange["flags"] & t.RSP_BAD)) == (0, True)


def test_garbage_answered_with_http_was_a_request_too_broken_to_be_one() -> None:
    seen = talk(b"\x05\x01\x00garbage", response(status="400 Bad Request", length=0))
    row = seen.exchange
    assert row["flags"] & t.REQ_GARBLED and row["flags"] & t.REQ_BAD and row["flags"] & t.REQ_SEEN
    assert (row["status"], row["request_ended"], row["request_frame"]) == (400, t.END_MALFORMED, 4)


CLIENT_HELLO = b"\x16\x03\x01\x00\xc8\x01\x00\x00\xc4\x03\x03" + bytes(194)
ALERT = b"\x15\x03\x03\x00\x02\x02\x28"


def test_tls_to_a_plaintext_port() -> None:
    seen = talk(CLIENT_HELLO, response(status="400 Bad Request", length=0))
    assert seen.connection["protocol"] == t.PROTOCOL_TLS
    assert seen.exchange["flags"] & t.REQ_GARBLED
    assert seen.exchange["status"] == 400


def test_plaintext_to_a_tls_port() -> None:
    seen = talk(GET, ALERT)
    assert seen.connection["protocol"] == t.PROTOCOL_HTTP
    assert seen.exchange["flags"] & t.RSP_TLS and seen.exchange["flags"] & t.RSP_BAD
    assert seen.exchange["response_ended"] == t.END_MALFORMED


def test_tls_on_both_sides_is_no_exchange() -> None:
    seen = talk(CLIENT_HELLO, b"\x16\x03\x03\x00\x50" + bytes(80), b"\x17\x03\x03\x00\x20" + GET.encode())
    assert seen.connection["protocol"] == t.PROTOCOL_TLS
    assert len(seen.exchanges) == 0


def test_http2_in_clear_is_known_and_left_alone() -> None:
    seen = talk(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), bytes(9))
    assert seen.connection["protocol"] == t.PROTOCOL_HTTP2
    assert len(seen.exchanges) == 0


def test_method_that_begins_like_http2_is_a_method() -> None:
    assert talk("PRINT /page HTTP/1.1\r\nHost: a\r\n\r\n", OK).exchange["status"] == 200


def test_server_that_speaks_first_is_no_http() -> None:
    c = opened()
    c.server.send("220 mail ready\r\n")
    c.client.send("EHLO me\r\n")
    seen = Reading(c)
    assert seen.connection["protocol"] == t.PROTOCOL_OTHER
    assert len(seen.exchanges) == 0


# --- more or fewer bytes than announced --------------------------------------------------------------


def test_bytes_beyond_the_request_body_are_extra() -> None:
    seen = talk(post("abcde-and-more", announced=5), OK)
    assert seen.exchange["flags"] & t.REQ_EXTRA
    assert (seen.exchange["request_body"], seen.exchange["request_ended"]) == (5, t.END_COMPLETE)


def test_bytes_beyond_the_response_body_are_extra() -> None:
    seen = talk(GET, response("hello there", length=5))
    assert seen.exchange["flags"] & t.RSP_EXTRA
    assert (seen.exchange["response_body"], seen.exchange["response_ended"]) == (5, t.END_COMPLETE)


def test_framing_goes_on_after_extra_bytes() -> None:
    seen = talk(post("abcde-and-more", announced=5), OK, GET, OK)
    assert seen.told("status") == [(200,), (200,)]
    assert seen.exchanges["flags"][1] & t.REQ_RESYNC
    assert not seen.exchanges["flags"][1] & (t.REQ_EXTRA | t.REQ_BAD)


def test_request_shorter_than_announced_misses_the_rest() -> None:
    seen = talk(post("abcde", announced=100))
    assert (seen.exchange["request_missing"], seen.exchange["request_ended"]) == (95, t.END_FIN)


def test_response_shorter_than_announced_misses_the_rest() -> None:
    seen = talk(GET, response("abcde", length=100))
    assert (seen.exchange["response_missing"], seen.exchange["response_ended"]) == (95, t.END_FIN)


def test_body_of_many_gigabytes_misses_a_saturated_number() -> None:
    seen = talk(GET, response("abc", length=1 << 40))
    assert seen.exchange["response_missing"] == 0xFFFFFFFE


# --- ends --------------------------------------------------------------------------------------------

HALVES = {
    "start line": (GET[:8], OK[:9]),
    "head": (GET[:20], OK[:25]),
    "body": (post("x" * 10, announced=30), response("x" * 10, length=30)),
    "chunk": (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        response("5\r\nab", "Transfer-Encoding: chunked"),
    ),
}


@pytest.mark.parametrize("state", HALVES)
@pytest.mark.parametrize(
    ("end", "expected"),
    [
        ("fin", t.END_FIN),
        ("rst by sender", t.END_RST_SENDER),
        ("rst by receiver", t.END_RST_RECEIVER),
        ("capture", t.END_OPEN),
    ],
)
@pytest.mark.parametrize("part", ["request", "response"])
def test_message_cut_in_any_state_says_how_it_ended(part: str, state: str, end: str, expected: int) -> None:
    c = opened()
    if part == "request":
        c.client.send(HALVES[state][0])
    else:
        c.client.send(GET)
        c.server.send(HALVES[state][1])
    sender = c.client if part == "request" else c.server
    if end == "fin":
        sender.fin()
    elif end == "rst by sender":
        sender.rst()
    elif end == "rst by receiver":
        sender.peer.rst()
    row = Reading(c).exchange
    assert row[f"{part}_ended"] == expected
    assert row[f"{part}_missing"] == {"body": 20, "chunk": 3}.get(state, 0)


def test_request_without_any_answer_ends_as_its_connection_does() -> None:
    for end, expected in (("fin", t.END_FIN), ("rst", t.END_RST_SENDER), ("", t.END_OPEN)):
        c = opened()
        c.request(GET)
        if end:
            getattr(c.server, end)()
        assert Reading(c).exchange["response_ended"] == expected


def test_clients_fin_after_its_request_does_not_end_the_wait() -> None:
    c = opened()
    c.request(GET)
    c.client.fin()
    assert Reading(c).exchange["response_ended"] == t.END_OPEN


def test_reset_behind_a_whole_response_takes_nothing_back() -> None:
    c = opened()
    c.request(GET)
    c.response(OK)
    c.client.rst()
    assert ends(Reading(c)) == [COMPLETE]


@pytest.mark.parametrize(
    ("ask", "answer"),
    [
        ("OPTIONS rtsp://10.2.2.2:8554/ RTSP/1.0\r\nCSeq: 2\r\n\r\n", "RTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\n"),
        ("OPTIONS RTSPS://a/ RTSP/1.0\r\nCSeq: 2\r\n\r\n", "RTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\n"),
        ("OPTIONS * RTSP/1.0\r\nCSeq: 2\r\n\r\n", "RTSP/1.0 200 OK\r\nCSeq: 2\r\n\r\n"),
        ("OPTIONS sip:bob@example.com SIP/2.0\r\n\r\n", "SIP/2.0 200 OK\r\n\r\n"),
        ("OPTIONS icap://a/scan ICAP/1.0\r\n\r\n", "ICAP/1.0 204 No Content\r\n\r\n"),
    ],
)
def test_protocols_that_borrowed_the_methods_are_not_http(ask: str, answer: str) -> None:
    seen = talk(ask, answer, ask, answer)
    assert seen.connection["protocol"] == t.PROTOCOL_OTHER
    assert len(seen.exchanges) == 0


@pytest.mark.parametrize("target", ["*", "/rtsp:", "http://sip/", "sip.example.com:80"])
def test_targets_that_only_look_like_theirs_are_http(target: str) -> None:
    seen = talk(f"OPTIONS {target} HTTP/1.1\r\nHost: a\r\n\r\n", OK)
    assert seen.exchange["status"] == 200


def test_request_that_crossed_the_reset_is_no_exchange_but_tells_the_protocol() -> None:
    c = opened()
    c.server.rst(ack=False)
    c.client.send(GET)
    seen = Reading(c)
    assert len(seen.exchanges) == 0
    assert seen.connection["protocol"] == t.PROTOCOL_HTTP


def test_next_request_of_a_kept_alive_connection_meets_the_reset() -> None:
    c = opened()
    c.request(GET)
    c.response(OK)
    c.server.rst(ack=False)
    c.client.send(GET)  # it was on its way
    assert [e for _, e in ends(Reading(c))] == [t.END_COMPLETE, t.END_RST_SENDER]


def test_next_request_of_a_kept_alive_connection_meets_the_fin() -> None:
    c = opened()
    c.request(GET)
    c.response(OK)
    c.server.fin()
    c.client.send(GET)
    assert [e for _, e in ends(Reading(c))] == [t.END_COMPLETE, t.END_FIN]


def test_status_that_is_no_number_is_none() -> None:
    seen = talk(GET, "HTTP/1.1 2OO OK\r\n\r\n")
    assert seen.exchanges["status"].tolist() == [0]
    assert seen.exchanges["flags"][0] & t.RSP_BAD


def test_all_pipelined_requests_end_with_the_connection() -> None:
    c = opened()
    c.request(GET * 3)
    c.response(OK)
    c.server.rst()
    assert [e for _, e in ends(Reading(c))] == [t.END_COMPLETE, t.END_RST_SENDER, t.END_RST_SENDER]


def test_unfinished_start_line_keeps_no_head_of_the_message_before() -> None:
    c = opened()
    c.request(GET)
    c.response(OK)
    c.client.send("GET /partial")
    c.server.send("HTTP/1.")
    c.close(c.server)
    seen = Reading(c)
    assert seen.exchanges["request_head"].tolist() == [len(GET), 0]
    assert seen.exchanges["response_head"].tolist() == [len(OK) - 2, 0]
