"""frontend-high-rtt and backend-high-rtt: the measure, and what is not high."""

from __future__ import annotations

import pytest

from pcapdiag.causes import backend_high_rtt, frontend_high_rtt
from pcapdiag.causes.cause import Severity
from tests.causes.stories import Story

FAR = {"syn_rtt_us": 20, "ack_rtt_us": 360_000}


def served(story: Story, client: str, times: int = 1, **fields: int) -> None:
    """Requests of a client, each on a connection of its own."""
    for n in range(times):
        on = story.frontend(client, at_s=n, **fields)
        story.forwarded(story.asked(at_s=n, connection=on), at_s=n)


def test_a_far_client() -> None:
    story = Story()
    served(story, "10.0.0.1", 5)
    served(story, "203.0.113.7", 2, **FAR)
    finding = story.only(frontend_high_rtt)
    assert (finding.severity, finding.count, finding.peers) == (Severity.WARNING, 2, ("203.0.113.7",))
    assert finding.facts["median_rtt_ms"] == pytest.approx(360.0)
    assert finding.facts["others_median_rtt_ms"] == pytest.approx(0.2)


def test_the_clients_side_of_the_path_measures_the_same() -> None:
    story = Story()
    served(story, "203.0.113.7", syn_rtt_us=360_000, ack_rtt_us=20)
    assert story.only(frontend_high_rtt).count == 1


@pytest.mark.parametrize("again", [{"syns": 2}, {"synacks": 2}])
def test_a_handshake_sent_again_measures_a_timer(again: dict[str, int]) -> None:
    story = Story()
    served(story, "203.0.113.7", **FAR, **again)
    assert story.silent(frontend_high_rtt)


def test_a_handshake_that_data_contradict_was_a_busy_kernel() -> None:
    story = Story()
    served(story, "203.0.113.7", **FAR, client_rtt_us=50, server_rtt_us=1_000)
    assert story.silent(frontend_high_rtt)


def test_an_ordinary_distance() -> None:
    story = Story()
    served(story, "203.0.113.7", 3, syn_rtt_us=20, ack_rtt_us=90_000)
    assert story.silent(frontend_high_rtt)


def test_one_slow_handshake_among_many_is_chance() -> None:
    story = Story()
    served(story, "10.0.0.1", 9)
    served(story, "10.0.0.1", 1, **FAR)
    assert story.silent(frontend_high_rtt)


def test_a_path_that_grew_far_longer_than_it_was() -> None:
    story = Story()
    served(story, "10.0.0.1", 9, syn_rtt_us=20, ack_rtt_us=8_000)
    served(story, "10.0.0.1", 4, syn_rtt_us=20, ack_rtt_us=220_000)
    finding = story.only(frontend_high_rtt)
    assert finding.count == 4
    assert "220 ms (median; a warning from 10 times the same path's shortest, 8.0 ms" in finding.title


def test_servers_at_other_distances_are_other_paths() -> None:
    story = Story()
    served(story, "10.0.0.1", 9, syn_rtt_us=8_000, ack_rtt_us=20)
    for n in range(4):
        story.connection("10.0.0.1", "192.0.2.1:80", "frontend", 20.0 + n, syn_rtt_us=220_000, ack_rtt_us=20)
    assert story.silent(frontend_high_rtt)


def test_a_request_that_failed_has_another_cause() -> None:
    story = Story()
    story.asked(status=404, connection=story.frontend("203.0.113.7", **FAR))
    story.asked(status=200, connection=story.frontend("203.0.113.7", **FAR))
    assert story.only(frontend_high_rtt).count == 1


def test_a_far_backend() -> None:
    story = Story()
    story.works(4)
    far = story.backend("10.9.0.5:8080", syn_rtt_us=120_000, ack_rtt_us=10)
    story.forwarded(story.asked(), connection=far)
    finding = story.only(backend_high_rtt)
    assert (finding.leg, finding.peers, finding.count) == ("backend", ("10.9.0.5:8080",), 1)
