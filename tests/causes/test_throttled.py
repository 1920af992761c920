"""throttled: 503 with ALB-QPS-Limited."""

from __future__ import annotations

from pcapdiag import tables as t
from pcapdiag.causes import throttled
from tests.causes.stories import Story


def test_the_field_names_the_limit() -> None:
    story = Story("alibaba")
    story.works(3)
    for n in range(4):
        story.asked(at_s=10 + n / 10, status=503, and_flags=t.RSP_THROTTLED)
    finding = story.only(throttled)
    assert (finding.count, finding.statuses, finding.leg) == (4, {"503": 4}, "frontend")


def test_a_503_without_it_is_another_matter() -> None:
    story = Story("alibaba")
    story.works(3)
    story.asked(at_s=10, status=503)
    assert story.silent(throttled)
