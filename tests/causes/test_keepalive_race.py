"""keepalive-race: the backend closes an idle connection as the next request sets out."""

from __future__ import annotations

import pytest

from pcapdiag import tables as t
from pcapdiag.causes import keepalive_race
from pcapdiag.causes.cause import Severity
from tests.causes.stories import SERVER, Story


def race(story: Story, front_status: int = 502) -> int:
    """A connection idle since 1.01 s, closed at 6.01 s; the next request left a moment before."""
    kept = story.backend()
    story.works(1, connection=kept)
    front = story.asked(at_s=6.0, status=front_status)
    return story.forwarded(front, at_s=6.0, status=0, connection=kept, acked=False)


def test_fin_and_request_cross() -> None:
    story = Story()
    story.fin(race(story), by=SERVER, after_s=0.01)
    finding = story.only(keepalive_race)
    assert (finding.count, finding.statuses) == (1, {"502": 1})
    assert finding.facts["backend_idle_timeout_s"] == pytest.approx(5.0)
    assert finding.facts["alb_idle_timeout_s"] == 60
    assert "Node.js before v26" in finding.facts["servers_with_that_default"]
    assert "5 s" in finding.title and "60 s" in finding.title


def test_a_request_sent_after_the_fin_meets_it_too() -> None:
    story = Story()
    story.fin(race(story), by=SERVER, after_s=-0.01)
    assert story.only(keepalive_race).count == 1


def test_a_request_to_a_socket_that_is_gone_gets_an_rst() -> None:
    story = Story()
    story.reset(race(story), by=SERVER, after_s=0.001)
    finding = story.only(keepalive_race)
    assert "backend_idle_timeout_s" not in finding.facts
    assert finding.facts["idle_before_request_s"] == pytest.approx(4.99)


def test_healed_by_a_retry_is_a_warning() -> None:
    story = Story()
    story.fin(race(story, front_status=200), by=SERVER, after_s=0.01)
    assert story.only(keepalive_race).severity == Severity.WARNING


def test_a_connection_older_than_the_capture_counts_as_kept_alive() -> None:
    story = Story()
    old = story.backend(flags=0)
    back = story.forwarded(story.asked(status=502), status=0, connection=old, acked=False)
    story.fin(back, by=SERVER, after_s=0.01)
    assert story.only(keepalive_race).count == 1


def test_a_crash_that_had_read_the_request_is_no_race() -> None:
    story = Story()
    kept = story.backend()
    story.works(1, connection=kept)
    back = story.forwarded(story.asked(at_s=6, status=502), at_s=6, status=0, connection=kept)
    story.reset(back, by=SERVER, after_s=0.05)
    assert story.silent(keepalive_race)


def test_an_idle_close_with_nothing_in_flight_is_no_fault() -> None:
    story = Story()
    kept = story.backend()
    back = story.forwarded(story.asked(), connection=kept)
    story.fin(back, by=SERVER, after_s=5)
    assert story.silent(keepalive_race)


def test_a_new_connection_had_not_been_idle() -> None:
    story = Story()
    back = story.forwarded(story.asked(status=502), status=0, acked=False)
    story.fin(back, by=SERVER, after_s=0.001, acked=0)
    assert story.silent(keepalive_race)


def test_what_the_capture_cut_is_not_judged() -> None:
    story = Story()
    race(story)
    story.tables.exchanges[-1]["response_ended"] = t.END_OPEN
    assert story.silent(keepalive_race)
