"""response-header-too-large: the load balancer made 502 of an answer whose header it does not take."""

from __future__ import annotations

import pytest

from pcapdiag.causes import response_header_too_large
from tests.causes.stories import CLIENT, SERVER, Story

LARGE = 40_000


def test_a_large_header_becomes_502() -> None:
    story = Story("aws")
    story.works(2)
    story.forwarded(story.asked(status=502), status=200, response_head=LARGE)
    finding = story.only(response_header_too_large)
    assert (finding.count, finding.statuses, finding.leg) == (1, {"502": 1}, "backend")
    assert finding.facts["alb_limit_bytes"] == 32_768


def test_a_large_header_that_was_relayed_is_no_fault() -> None:
    story = Story("aws")
    story.forwarded(story.asked(status=200), status=200, response_head=LARGE)
    assert story.silent(response_header_too_large)


@pytest.mark.parametrize(
    ("by", "status", "is_silent"), [(CLIENT, 200, False), (SERVER, 200, True), (CLIENT, 503, True)]
)
def test_503_of_the_balancers_own_after_it_hung_up(by: int, status: int, is_silent: bool) -> None:
    story = Story("generic")
    back = story.forwarded(story.asked(status=503), status=status, response_head=LARGE)
    story.fin(back, by=by, after_s=0.01)
    assert story.silent(response_header_too_large) == is_silent


def test_without_the_frontend_the_documented_limit_tells() -> None:
    story = Story("aws")
    story.forwarded(None, status=200, response_head=LARGE)
    assert story.only(response_header_too_large).count == 1


def test_without_frontend_and_documented_limit_nothing_is_claimed() -> None:
    story = Story("generic")
    row = story.forwarded(None, status=200, response_head=14_000)
    story.reset(row, by=CLIENT, after_s=0.02)  # as HAProxy ends all its connections
    assert story.silent(response_header_too_large)


def test_a_cloud_without_a_documented_limit_is_not_judged() -> None:
    story = Story("alibaba")
    story.forwarded(story.asked(status=502), status=200, response_head=LARGE)
    assert story.silent(response_header_too_large)
