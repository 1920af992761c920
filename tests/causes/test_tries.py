"""Attempts made one after another for one request, seen from the backend leg alone."""

from __future__ import annotations

from pcapdiag.causes import backend_connect_refused, backend_connect_timeout
from tests.causes.stories import Story


def refused_at(*starts_s: float) -> Story:
    story = Story("haproxy")
    for at_s in starts_s:
        story.refused(at_s=at_s)
    return story


def test_haproxys_four_attempts_are_one_request() -> None:
    # Two requests, one after the other: HAProxy lets a second pass before it tries again, three times.
    story = refused_at(1.0, 2.004, 3.013, 4.017, 4.021, 5.023, 6.025, 7.026)
    finding = story.only(backend_connect_refused)
    assert (finding.count, finding.facts["refused_connections"]) == (2, 8)
    assert "refused 8 connections: tried again and again, they were for {count} requests" in finding.title


def test_attempts_for_requests_at_once_are_told_apart() -> None:
    story = refused_at(1.0, 1.08, 1.09, 2.001, 2.082, 2.111, 3.002, 3.084, 3.112, 4.003, 4.086, 4.117)
    assert story.only(backend_connect_refused).count == 3


def test_unanswered_attempts_follow_one_another_at_the_connect_time_out() -> None:
    story = Story("haproxy")
    for wave_s in (1.0, 3.001, 5.004, 7.005):
        for after_s in (0.0, 0.0004, 0.003):
            story.syns(at_s=wave_s + after_s, count=2, lasts_s=1.02)
    finding = story.only(backend_connect_timeout)
    assert (finding.count, finding.facts["connections"]) == (3, 12)


def test_one_row_may_be_requests_at_a_steady_pace() -> None:
    assert refused_at(1.0, 2.001, 3.002, 4.003).only(backend_connect_refused).count == 4


def test_rows_of_different_length_prove_nothing() -> None:
    assert refused_at(1.0, 2.001, 3.002, 1.3, 2.301).only(backend_connect_refused).count == 5


def test_attempts_at_no_pace_are_requests_of_their_own() -> None:
    assert refused_at(1.0, 1.2, 1.5, 2.9, 4.1).only(backend_connect_refused).count == 5
