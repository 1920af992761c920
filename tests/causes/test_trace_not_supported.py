"""trace-not-supported: TRACE, refused by the load balancer itself."""

from __future__ import annotations

from pcapdiag.causes import trace_not_supported
from tests.causes.stories import Story


def test_trace_is_refused() -> None:
    story = Story()
    story.works(2)
    story.asked("TRACE /", at_s=10, status=405)
    assert story.only(trace_not_supported).statuses == {"405": 1}


def test_405_for_another_method_is_another_matter() -> None:
    story = Story()
    story.works(2)
    story.asked("DELETE /", at_s=10, status=405)
    assert story.silent(trace_not_supported)


def test_a_backends_405_is_its_own() -> None:
    story = Story()
    story.forwarded(story.asked("TRACE /", status=405), status=405)
    assert story.silent(trace_not_supported)


def test_a_backends_name_says_who_refused() -> None:
    story = Story()
    story.asked("TRACE /", status=405, server="shop/2.3")
    assert story.silent(trace_not_supported)


def test_whoever_refuses_it_trace_is_the_reason() -> None:
    story = Story("generic")
    story.alb = ()
    story.asked("TRACE /", status=405, server="nginx/1.22.1")
    assert "load balancer refuses" not in story.only(trace_not_supported).explanation
