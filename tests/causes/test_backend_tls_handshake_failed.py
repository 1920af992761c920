"""backend-tls-handshake-failed: a ClientHello that led to no session."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcapdiag import tables as t
from pcapdiag.analysis import analyze
from pcapdiag.causes import backend_tls_handshake_failed
from pcapdiag.causes.cause import Finding
from pcapdiag.causes.hellos import alert_name, flight
from tests.causes.stories import CLIENT, SERVER, Story
from tests.conversation import Conversation, write


def record(kind: int, body: bytes, version: int = 0x303) -> bytes:
    return bytes([kind]) + version.to_bytes(2, "big") + len(body).to_bytes(2, "big") + body


def extension(kind: int, body: bytes) -> bytes:
    return kind.to_bytes(2, "big") + len(body).to_bytes(2, "big") + body


def client_hello(name: str = "backend.example.com") -> bytes:
    """A ClientHello that offers TLS 1.2 and 1.3 and asks for a name."""
    sni = len(name).to_bytes(2, "big") + name.encode()
    extensions = extension(0, (len(sni) + 1).to_bytes(2, "big") + b"\0" + sni)
    extensions += extension(43, b"\x04\x03\x04\x03\x03")
    body = b"\x03\x03" + bytes(32) + b"\0" + b"\0\x02\x13\x01" + b"\x01\0"
    body += len(extensions).to_bytes(2, "big") + extensions
    return record(22, b"\x01" + len(body).to_bytes(3, "big") + body, 0x301)


SERVER_HELLO = record(22, b"\x02\0\0\x26" + b"\x03\x03" + bytes(36))
UNKNOWN_CA = record(21, b"\x02\x30")
CLOSE_NOTIFY = record(21, b"\x01\0")
ENCRYPTED_ALERT = record(23, bytes(19))
FINISHED = record(23, bytes(53))


def talk(path: Path, *said: tuple[str, bytes], closes: str = "server") -> list[Finding]:
    conversation = Conversation(client="10.0.1.10:40000", server="10.0.1.5:8443")
    conversation.handshake()
    for side, data in said:
        getattr(conversation, side).send(data)
        conversation.wait(0.01)
    conversation.close(getattr(conversation, closes))
    found = analyze(write(path / "tls.pcap", conversation), alb=["10.0.1.10"]).findings
    return [f for f in found if f.cause is backend_tls_handshake_failed.CAUSE]


def test_the_backends_alert_is_named(tmp_path: Path) -> None:
    refusal = record(21, b"\x02\x46")
    (finding,) = talk(tmp_path, ("client", client_hello()), ("server", refusal))
    assert finding.count == 1
    assert finding.facts["ways"] == ["the backend's alert protocol_version (70)"]
    assert finding.facts["server_name"] == "backend.example.com"
    assert finding.facts["versions_offered"] == ["TLS 1.2", "TLS 1.3"]


@pytest.mark.parametrize("refusal", [UNKNOWN_CA, ENCRYPTED_ALERT])
def test_the_load_balancers_alert_is_told_apart(tmp_path: Path, refusal: bytes) -> None:
    said = (("client", client_hello()), ("server", SERVER_HELLO + FINISHED), ("client", refusal))
    (finding,) = talk(tmp_path, *said, closes="client")
    assert "the load balancer's alert" in finding.title


def test_an_answer_in_clear(tmp_path: Path) -> None:
    plain = b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"
    (finding,) = talk(tmp_path, ("client", client_hello()), ("server", plain))
    assert (finding.count, finding.facts["ways"]) == (1, ["an answer in clear"])


def test_a_session_that_was_used_and_closed_is_no_fault(tmp_path: Path) -> None:
    said = (
        ("client", client_hello()),
        ("server", SERVER_HELLO + FINISHED),
        ("client", FINISHED + record(23, bytes(200))),
        ("server", record(23, bytes(300))),
        ("client", ENCRYPTED_ALERT),
    )
    assert not talk(tmp_path, *said, closes="client")


def test_close_notify_is_no_refusal(tmp_path: Path) -> None:
    said = (("client", client_hello()), ("server", SERVER_HELLO + FINISHED), ("client", CLOSE_NOTIFY))
    assert not talk(tmp_path, *said, closes="client")


def hello_only(closed_by: int, **fields: int) -> Story:
    story = Story()
    values = {"protocol": t.PROTOCOL_TLS, "client_bytes": 517, "client_acked": 517, "closed_by": closed_by}
    on = story.backend(at_s=1.0, lasts_s=10.0, **(values | fields))
    story.tables.connections[on]["flags"] |= t.CONN_DATA_CLIENT
    story.asked(at_s=0.9, status=504, takes_s=10.2)
    return story


def test_silence_until_the_load_balancer_gives_up() -> None:
    finding = hello_only(CLIENT).only(backend_tls_handshake_failed)
    assert (finding.count, finding.statuses) == (1, {"504": 1})
    assert finding.facts["waited_s"] == pytest.approx(10.0)
    assert finding.facts["alb_tls_timeout_s"] == 10


def test_a_hang_up_right_after_the_hello() -> None:
    assert hello_only(SERVER).only(backend_tls_handshake_failed).facts["ways"] == ["FIN"]


def test_a_hello_that_never_arrived_is_tcps_matter() -> None:
    assert hello_only(CLIENT, client_acked=0).silent(backend_tls_handshake_failed)


def test_a_connection_that_is_still_open_is_not_judged() -> None:
    assert hello_only(255).silent(backend_tls_handshake_failed)


@pytest.mark.parametrize("end", range(0, 200, 7))
def test_a_hello_cut_short_is_read_as_far_as_it_goes(end: int) -> None:
    assert flight(client_hello()[:end]).is_tls == (end >= 5)


def test_alerts_have_names() -> None:
    assert alert_name(40) == "handshake_failure (40)"
    assert alert_name(-1) == "an encrypted alert"
    assert alert_name(201) == "alert 201"
