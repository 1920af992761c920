"""frontend-keepalive-race: the load balancer closes an idle connection as a request sets out."""

from __future__ import annotations

import pytest

from pcapdiag.causes import frontend_keepalive_race
from tests.causes.stories import CLIENT, SERVER, Story


def second_request(story: Story, at_s: float = 16.0, acked: bool = False) -> int:
    kept = story.frontend()
    story.forwarded(story.asked(at_s=1.0, connection=kept))
    return story.asked(at_s=at_s, status=0, connection=kept, acked=acked)


def test_fin_and_request_cross() -> None:
    story = Story("alibaba")
    story.fin(second_request(story), by=SERVER, after_s=0.01)
    finding = story.only(frontend_keepalive_race)
    assert finding.statuses == {"none": 1}
    assert finding.facts["alb_idle_timeout_s"] == pytest.approx(15.0)
    assert "15 s" in finding.title


def test_a_client_that_goes_on_sending_loses_every_request() -> None:
    story = Story()
    first = second_request(story)
    on = int(story.tables.exchanges[first]["connection"])
    for n in range(3):
        last = story.asked(at_s=16.1 + n, status=0, connection=on, acked=False)
    story.fin(last, by=SERVER, after_s=-2.0)
    assert story.only(frontend_keepalive_race).statuses == {"none": 4}


def test_a_balancer_that_had_taken_the_request_raced_nobody() -> None:
    story = Story()
    story.fin(second_request(story, acked=True), by=SERVER, after_s=0.5)
    assert story.silent(frontend_keepalive_race)


def test_a_client_that_closes_itself_is_no_race() -> None:
    story = Story()
    story.fin(second_request(story), by=CLIENT, after_s=0.5)
    assert story.silent(frontend_keepalive_race)


def test_an_idle_close_with_nothing_in_flight_is_no_fault() -> None:
    story = Story()
    story.fin(story.asked(), by=SERVER, after_s=15)
    assert story.silent(frontend_keepalive_race)


def test_without_a_load_balancer_nothing_is_said_of_one() -> None:
    story = Story()
    story.alb = ()
    story.fin(second_request(story), by=SERVER, after_s=0.01)
    assert story.silent(frontend_keepalive_race)
