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
