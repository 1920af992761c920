"""request-header-too-large: the header is over a limit of the load balancer, or of a backend behind it."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcapdiag.analysis import analyze
from pcapdiag.causes import request_header_too_large
from pcapdiag.causes.cause import Finding, Severity
from tests.causes.stories import SERVER, Story
from tests.conversation import Conversation, write


def test_a_header_over_the_whole_limit_is_refused() -> None:
    story = Story("aws")
    story.works(3)
    story.asked(status=400, request_head=70_000)
    finding = story.only(request_header_too_large)
    assert (finding.count, finding.statuses, finding.leg) == (1, {"400": 1}, "frontend")
    assert finding.facts["largest_header_bytes"] == 70_000
    assert finding.facts["alb_header_limit_bytes"] == 65_536


def test_a_400_to_a_small_header_has_another_reason() -> None:
    story = Story("aws")
    story.asked(status=400, request_head=900)
    assert story.silent(request_header_too_large)


def test_what_a_backend_answered_is_not_the_load_balancers_limit() -> None:
    story = Story("aws")
    story.forwarded(story.asked(status=400, request_head=70_000), status=400)
    assert story.silent(request_header_too_large)


def test_a_backends_431_names_its_reason() -> None:
    story = Story("aws")
    story.forwarded(story.asked(status=431, request_head=12_000), status=431, request_head=12_200)
    finding = story.only(request_header_too_large)
    assert (finding.leg, finding.severity, finding.count) == ("backend", Severity.WARNING, 1)


@pytest.mark.parametrize("head_bytes", [900, 70_000])
def test_a_431_from_the_client_alone_names_its_reason_whoever_made_it(head_bytes: int) -> None:
    story = Story("aws")
    story.asked(status=431, request_head=head_bytes, server="lighttpd/1.4.69")
    finding = story.only(request_header_too_large)
    assert (finding.leg, finding.statuses) == ("frontend", {"431": 1})
    assert "the backend leg would tell" in finding.explanation


def ask(path: Path, *fields: str) -> list[Finding]:
    """A request with these header fields, answered 400 by a load balancer, as a capture."""
    talk = Conversation(client="10.0.0.1:40000", server="10.0.0.10:80")
    talk.handshake()
    talk.request(
        "GET / HTTP/1.1\r\nHost: shop.example.com\r\n" + "".join(f"{f}\r\n" for f in fields) + "\r\n"
    )
    talk.response("HTTP/1.1 400 Bad Request\r\nServer: awselb/2.0\r\nContent-Length: 0\r\n\r\n")
    talk.close()
    found = analyze(write(path / "ask.pcap", talk), alb=["10.0.0.10"], profile="aws").findings
    return [f for f in found if f.cause is request_header_too_large.CAUSE]


def test_one_large_field_is_read_and_named(tmp_path: Path) -> None:
    (finding,) = ask(tmp_path, "Cookie: a=" + "x" * 17_000)
    assert finding.facts["largest_field"] == "Cookie"
    assert finding.facts["largest_field_bytes"] == 17_010


@pytest.mark.parametrize("count", [2, 3])
def test_fields_within_the_limit_are_no_reason(tmp_path: Path, count: int) -> None:
    assert not ask(tmp_path, *(f"X-Part-{n}: " + "x" * 12_000 for n in range(count)))


def test_varnish_resets_without_an_answer() -> None:
    story = Story("aws")
    story.reset(story.asked(status=0, request_head=70_000), by=SERVER, after_s=0.01)
    assert story.only(request_header_too_large).statuses == {"none": 1}


def test_a_reset_of_an_ordinary_request_says_nothing_of_its_header() -> None:
    story = Story("aws")
    story.reset(story.asked(status=0), by=SERVER, after_s=0.01)
    assert story.silent(request_header_too_large)
