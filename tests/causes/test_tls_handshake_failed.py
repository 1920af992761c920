"""tls-handshake-failed: a handshake with a client that was not finished."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace

import numpy as np
import pytest

from pcapdiag import tables as t
from pcapdiag.causes import attempts, tls_handshake_failed
from pcapdiag.causes.cause import Finding
from pcapdiag.wire import Span
from tests.causes.stories import CLIENT, SERVER, Story
from tests.tables_builder import START_NS


def record(kind: int, body: bytes) -> bytes:
    return bytes([kind, 3, 3]) + len(body).to_bytes(2, "big") + body


HELLO = record(22, b"\x01\x00\x00\x2b\x03\x03" + bytes(32) + b"\x00\x00\x02\x13\x01\x01\x00\x00\x00")
SERVER_HELLO = record(22, b"\x02" + bytes(80))
UNKNOWN_CA, CLOSE_NOTIFY = record(21, b"\x02\x30"), record(21, b"\x01\x00")
CIPHERED = record(20, b"\x01")
FINISHED_12, FINISHED_13 = CIPHERED + record(22, bytes(40)), CIPHERED + record(23, bytes(53))
ENCRYPTED_ALERT = CIPHERED + record(23, bytes(19))


class Reader:
    """Stands in for what reads packets again: each side said these bytes."""

    def __init__(self, *said: bytes) -> None:
        self.said = said

    def collect(self, spans: Iterable[Span]) -> dict[int, list[SimpleNamespace]]:
        packets = [
            SimpleNamespace(direction=d, icmp=None, seq=1, flags=t.ACK, payload=data, payload_len=len(data))
            for d, data in enumerate(self.said)
        ]
        return {span.connection: packets for span in spans}


def told(client: bytes, server: bytes, by: int = CLIENT, **fields: int) -> list[Finding]:
    story = Story()
    sizes = {
        "client_bytes": len(client),
        "server_bytes": len(server),
        "closed_by": by,
        "rst_ns": START_NS + 10**9,
    }
    story.connection("10.0.0.1", "10.0.0.10:443", "frontend", protocol=t.PROTOCOL_TLS, **(sizes | fields))
    traffic = story.build()
    traffic.wire = Reader(client, server)  # type: ignore[assignment]
    return list(tls_handshake_failed.find(traffic, story.profile))


@pytest.mark.parametrize(
    ("client", "server", "by", "way"),
    [
        (HELLO + UNKNOWN_CA, SERVER_HELLO, CLIENT, "the client's alert unknown_ca (48)"),
        (HELLO, record(21, b"\x02\x46"), SERVER, "the load balancer's alert protocol_version (70)"),
        (HELLO + ENCRYPTED_ALERT, SERVER_HELLO, CLIENT, "the client's alert an encrypted alert"),
        (HELLO, SERVER_HELLO, CLIENT, "the client reset before its end"),
        (HELLO, b"", SERVER, "the load balancer reset before its end"),
    ],
)
def test_who_objected_and_how(client: bytes, server: bytes, by: int, way: str) -> None:
    (finding,) = told(client, server, by)
    assert finding.count == 1
    assert finding.statuses == {"none": 1}
    assert way in finding.title
    assert finding.facts["versions_offered"] == ["TLS 1.2"]


@pytest.mark.parametrize("finished", [FINISHED_12, FINISHED_13])
def test_a_finished_handshake_failed_nothing(finished: bytes) -> None:
    assert not told(HELLO + finished + CLOSE_NOTIFY, SERVER_HELLO)


def test_a_port_that_answers_in_clear_is_another_cause() -> None:
    assert not told(HELLO, b"HTTP/1.1 400 Bad Request\r\n\r\n", SERVER)


def test_a_handshake_under_way_at_the_end_is_not_judged() -> None:
    assert not told(HELLO, SERVER_HELLO, closed_by=255)


def test_bytes_that_the_capture_lacks_may_have_finished_it() -> None:
    assert not told(HELLO, SERVER_HELLO, flags=t.CONN_SYN | t.CONN_ESTABLISHED | t.CONN_GAP)


def test_a_client_that_left_before_any_answer_could_come_changed_its_mind() -> None:
    path = {"syn_rtt_us": 39_000, "ack_rtt_us": 32}
    at_ns = START_NS + 39_000_000 + 31_000_000  # 31 ms after the SYN-ACK
    assert not told(HELLO, SERVER_HELLO, CLIENT, client_fin_ns=at_ns, rst_ns=at_ns + 18_000_000, **path)
    assert not told(HELLO, b"", CLIENT, rst_ns=at_ns, **path)


def test_a_client_that_waited_for_the_answer_gave_up() -> None:
    path = {"syn_rtt_us": 39_000, "ack_rtt_us": 32}
    at_ns = START_NS + 39_000_000 + 2_000_000_000
    (finding,) = told(HELLO, b"", CLIENT, client_fin_ns=at_ns, rst_ns=0, **path)
    assert "no answer to the ClientHello" in finding.title
    assert "10.0.0.10:443" in finding.title


@pytest.mark.parametrize("by", [CLIENT, SERVER])
def test_an_alert_of_who_heard_nothing_is_no_reason(by: int) -> None:
    """OpenSSL says decode_error when the server closes without a word."""
    (finding,) = told(HELLO + record(21, b"\x02\x32"), b"", by)
    assert "decode_error" not in finding.title + finding.explanation
    assert ("the load balancer reset before its end" in finding.title) == (by == SERVER)


def test_where_no_load_balancer_is_known_the_client_may_be_one() -> None:
    story = Story()
    story.alb = ()
    story.connection("10.0.1.10", "10.0.1.5:8443", "frontend", protocol=t.PROTOCOL_TLS, closed_by=CLIENT,
                     client_bytes=len(HELLO), rst_ns=START_NS + 2 * 10**9)  # fmt: skip
    traffic = story.build()
    traffic.wire = Reader(HELLO, b"")  # type: ignore[assignment]
    (finding,) = tls_handshake_failed.find(traffic, story.profile)
    assert "if it is the load balancer, this may be backend-tls-handshake-failed" in finding.explanation


def test_packets_without_times_end_no_analysis() -> None:
    """As text2pcap and anonymisers write them: all at 1970."""
    row = np.zeros(1, t.Connection)[0]
    assert not attempts.left_at_once(row)


def test_a_client_that_leaves_at_once_is_known_at_the_load_balancer_too() -> None:
    """25 ms each way; it closes 2 ms after its hello, before the answer can have come."""
    row = np.zeros(1, t.Connection)[0]
    row["first_ns"], row["syn_rtt_us"], row["ack_rtt_us"] = 10**18, 100, 50_000
    row["client_fin_ns"] = 10**18 + 52_100_000
    assert attempts.left_at_once(row)
    row["client_fin_ns"] += 100_000_000
    assert not attempts.left_at_once(row)
