"""frontend-keepalive-race: the load balancer closes an idle connection as a request sets out."""

from __future__ import annotations

import numpy as np
import pytest

from pcapdiag import tables as t
from pcapdiag.causes import frontend_keepalive_race
from pcapdiag.causes.account import account_for
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


def test_without_a_load_balancer_it_is_a_server_that_closed() -> None:
    story = Story()
    story.alb = ()
    story.fin(second_request(story), by=SERVER, after_s=0.01)
    finding = story.only(frontend_keepalive_race)
    assert "the server was closing" in finding.title
    assert "this may be keepalive-race instead" in finding.explanation


def test_a_client_told_that_the_connection_closes_raced_nobody() -> None:
    """HAProxy, option httpclose: the answer says close, its FIN follows, and the client asks on."""
    story = Story()
    kept = story.frontend()
    story.forwarded(story.asked(at_s=1.0, connection=kept, and_flags=t.RSP_CLOSE))
    for at_s in (1.05, 1.06):
        row = story.asked(at_s=at_s, status=0, connection=kept, acked=False)
    story.fin(row, by=SERVER, after_s=-0.03)
    assert story.silent(frontend_keepalive_race)
    (group,) = account_for(story.build(), np.zeros(4, "?")).unexplained
    assert (group.count, group.status) == (2, "none")
    assert "Connection: close" in group.missing


def test_a_request_on_its_way_before_the_last_answer_came_is_nobodys_fault() -> None:
    """Pipelined, before the answer that is the last of the connection (nginx, keepalive_requests)."""
    story = Story()
    kept = story.frontend()
    story.forwarded(story.asked(at_s=1.0, connection=kept, and_flags=t.RSP_CLOSE, takes_s=0.2))
    story.fin(story.asked(at_s=1.1, status=0, connection=kept, acked=False), by=SERVER, after_s=0.15)
    assert len(story.findings(frontend_keepalive_race)) == 1
