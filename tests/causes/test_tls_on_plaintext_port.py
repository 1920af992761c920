"""tls-on-plaintext-port: a ClientHello where a request was due."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace

import pytest

from pcapdiag import tables as t
from pcapdiag.causes import malformed_request, tls_handshake_failed, tls_on_plaintext_port
from pcapdiag.causes.cause import Finding
from pcapdiag.wire import Span
from tests.causes.stories import CLIENT, SERVER, Story
from tests.tables_builder import START_NS

HELLO = bytes.fromhex("16030100f8010000f40303")


class Reader:
    """Stands in for what reads packets again: every connection begins with these bytes."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def collect(self, spans: Iterable[Span]) -> dict[int, list[SimpleNamespace]]:
        said = {"direction": 0, "seq": 1, "flags": t.ACK, "payload": self.data, "payload_len": len(self.data)}
        return {s.connection: [SimpleNamespace(running=s.first_frame, **said)] for s in spans}

    def why_malformed(self, exchange: int, direction: int) -> str:
        return "not HTTP"


def told(data: bytes, cause: object = tls_on_plaintext_port) -> list[Finding]:
    story = Story()
    story.works(1)
    story.asked(status=400, and_flags=t.REQ_BAD | t.REQ_GARBLED)
    traffic = story.build()
    traffic.wire = Reader(data)  # type: ignore[assignment]
    return list(cause.find(traffic, story.profile))  # type: ignore[attr-defined]


def test_a_client_hello_is_answered_400() -> None:
    (finding,) = told(HELLO)
    assert (finding.count, finding.statuses) == (1, {"400": 1})
    assert "10.0.0.10:80" in finding.title
    assert not told(HELLO, malformed_request)


@pytest.mark.parametrize("data", [b"SSH-2.0-x\r\n", b"\x16\x03", b""])
def test_other_bytes_are_no_tls(data: bytes) -> None:
    assert not told(data)
    assert told(data, malformed_request)


def test_without_the_file_at_hand_nothing_is_said_of_tls() -> None:
    story = Story()
    story.asked(status=400, and_flags=t.REQ_BAD | t.REQ_GARBLED)
    assert story.silent(tls_on_plaintext_port)


def unanswered(story: Story, by: int = SERVER, **fields: int) -> int:
    """A ClientHello to which the listener says nothing, and closes (Varnish, after 5 s)."""
    at_ns = START_NS + 5 * 10**9
    closed = {"closed_by": by, "client_fin_ns": at_ns if by == CLIENT else 0} | fields
    return story.frontend(protocol=t.PROTOCOL_TLS, client_bytes=517, client_acked=517, server_fin_ns=at_ns,
                          lasts_s=5.0, **closed)  # fmt: skip


@pytest.mark.parametrize("by", [CLIENT, SERVER])
def test_a_port_that_answers_others_in_clear_says_nothing(by: int) -> None:
    story = Story()
    story.works(1)
    row = unanswered(story, by)
    finding = story.only(tls_on_plaintext_port)
    assert list(finding.connections) == [row]
    assert "10.0.0.10:80" in finding.title
    assert story.silent(tls_handshake_failed)


def test_a_port_that_answers_nobody_in_clear_may_speak_tls() -> None:
    story = Story()
    unanswered(story)
    assert story.silent(tls_on_plaintext_port)


def test_a_port_that_speaks_both_is_no_port_in_clear() -> None:
    story = Story()
    story.works(1)
    story.frontend(protocol=t.PROTOCOL_TLS, client_bytes=900, server_bytes=3000)
    unanswered(story)
    assert story.silent(tls_on_plaintext_port)


def test_a_client_that_left_at_once_was_refused_nothing() -> None:
    story = Story()
    story.works(1)
    path = {"syn_rtt_us": 39_000, "ack_rtt_us": 32}
    unanswered(story, CLIENT, client_fin_ns=START_NS + 70_000_000, **path)
    assert story.silent(tls_on_plaintext_port)


def test_what_a_key_log_opened_came_in_tls() -> None:
    story = Story()
    story.works(1)
    unanswered(story)
    traffic = story.build()
    traffic.decrypted = traffic.connections["protocol"] == t.PROTOCOL_HTTP
    assert not list(tls_on_plaintext_port.find(traffic, story.profile))
