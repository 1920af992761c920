"""unsupported-request: what the load balancer does not speak."""

from __future__ import annotations

from pathlib import Path

from pcapdiag import tables as t
from pcapdiag.analysis import analyze
from pcapdiag.causes import unsupported_request
from pcapdiag.causes.cause import Finding
from tests.causes.stories import SERVER, Story
from tests.conversation import Conversation, write


def test_464_is_a_protocol_mismatch() -> None:
    story = Story("aws")
    story.works(2)
    story.asked("POST /shop.Items/List", status=464)
    assert story.only(unsupported_request).statuses == {"464": 1}


def test_501_needs_an_unknown_transfer_coding() -> None:
    story = Story("aws")
    story.works(2)
    story.asked("POST /", status=501)
    assert story.silent(unsupported_request)
    story.asked("POST /", status=501, and_flags=t.REQ_TE_OTHER, at_s=2)
    assert story.only(unsupported_request).count == 1


def test_a_backends_501_is_its_own() -> None:
    story = Story("aws")
    story.forwarded(story.asked("POST /", status=501, and_flags=t.REQ_TE_OTHER), status=501)
    assert story.silent(unsupported_request)


def test_a_preface_that_is_hung_up_on_is_refused() -> None:
    story = Story("aws")
    story.frontend(
        protocol=t.PROTOCOL_HTTP2, client_bytes=24, client_acked=24, closed_by=SERVER, server_fin_frame=9
    )
    finding = story.only(unsupported_request)
    assert (finding.count, finding.facts["http2_prefaces"]) == (1, 1)


def prefaced(path: Path, answer: bytes) -> list[Finding]:
    talk = Conversation(client="10.0.0.1:40000", server="10.0.0.10:80")
    talk.handshake()
    talk.request(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\4\0\0\0\0\0")
    talk.response(answer)
    talk.close(talk.server)
    found = analyze(write(path / "preface.pcap", talk), alb=["10.0.0.10"]).findings
    return [f for f in found if f.cause is unsupported_request.CAUSE]


def test_http2_that_is_answered_in_http2_is_no_fault(tmp_path: Path) -> None:
    assert not prefaced(tmp_path, b"\0\0\0\4\0\0\0\0\0" + b"\0\0\0\4\1\0\0\0\0")


def test_http2_that_is_answered_in_http1_is_refused(tmp_path: Path) -> None:
    (finding,) = prefaced(tmp_path, b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
    assert finding.statuses == {"400": 1}
