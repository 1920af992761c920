"""uri-too-long: 414, by the load balancer or by a backend behind it."""

from __future__ import annotations

from pcapdiag.causes import uri_too_long
from pcapdiag.causes.cause import Severity
from tests.causes.stories import Story

LONG = "GET /search?q=" + "x" * 100


def test_the_load_balancer_refuses_a_long_target() -> None:
    story = Story("alibaba")
    story.works(3)
    story.asked(LONG, status=414, request_head=34_000)
    finding = story.only(uri_too_long)
    assert (finding.leg, finding.statuses, finding.severity) == ("frontend", {"414": 1}, Severity.ERROR)
    assert finding.facts["alb_limit_bytes"] == 32_768
    assert "32,768" in finding.title


def test_a_backend_with_a_lower_limit_is_named_on_its_leg() -> None:
    story = Story()
    story.forwarded(story.asked(LONG, status=414, request_head=9_000), status=414, request_head=9_200)
    finding = story.only(uri_too_long)
    assert (finding.leg, finding.severity, finding.peers) == ("backend", Severity.WARNING, ("10.0.1.5:8080",))


def test_without_the_backend_leg_nobody_is_blamed() -> None:
    story = Story()
    story.asked(LONG, status=414, request_head=9_000)
    assert "the backend leg would tell" in story.only(uri_too_long).explanation


def test_a_long_target_that_is_answered_is_no_fault() -> None:
    story = Story()
    story.asked(LONG, status=200, request_head=30_000)
    assert story.silent(uri_too_long)
