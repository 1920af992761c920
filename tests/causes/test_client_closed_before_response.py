"""client-closed-before-response: the client left after its request, before the whole response."""

from __future__ import annotations

import pytest

from pcapdiag import tables as t
from pcapdiag.causes import client_closed_before_response
from tests.causes.stories import CLIENT, SERVER, Story


def gave_up(story: Story, after_s: float, at_s: float = 1.0) -> int:
    """The client closes, and the load balancer closes upon that."""
    front = story.asked(at_s=at_s, status=0)
    story.fin(front, by=CLIENT, after_s=after_s)
    story.fin(front, by=SERVER, after_s=after_s + 0.001)
    return front


def test_waits_at_one_value_are_a_client_timeout() -> None:
    story = Story()
    story.works(2)
    for n, wait_s in enumerate((0.5, 0.501, 0.503, 0.5)):
        gave_up(story, wait_s, at_s=1.0 + n)
    finding = story.only(client_closed_before_response)
    assert (finding.count, finding.statuses) == (4, {"none": 4})
    assert finding.facts["median_wait_s"] == pytest.approx(0.5, abs=0.01)
    assert finding.facts["waits_cluster"]
    assert "time-out" in finding.title


def test_where_no_load_balancer_is_known_the_time_out_is_nobodys_yet() -> None:
    story = Story()
    story.alb = ()
    for n in range(3):
        gave_up(story, 0.5, at_s=1.0 + n)
    finding = story.only(client_closed_before_response)
    assert finding.title.endswith("(median): a time-out")
    assert "in whoever asked, a client or a load balancer" in finding.remedy[0]
    assert "backend-response-timeout instead: say --alb 10.0.0.1" in finding.explanation


@pytest.mark.parametrize(("starts_s", "left"), [((1, 3, 5, 7, 9), 0), ((1, 2, 6, 7, 13), 5)])
def test_who_resets_upon_the_head_at_a_steady_pace_wants_the_status_only(
    starts_s: tuple[float, ...], left: int
) -> None:
    """HAProxy's checks, where nobody said that it is the load balancer."""
    story = Story("generic")
    story.alb = ()
    for at_s in starts_s:
        check = story.asked("GET /hc", at_s=at_s, response_ended=t.END_RST_RECEIVER, takes_s=0.001)
        story.reset(check, by=CLIENT, after_s=0.0012)
    assert sum(f.count for f in story.findings(client_closed_before_response)) == left


def test_waits_of_all_lengths_are_people() -> None:
    story = Story()
    for n, wait_s in enumerate((0.5, 2.0, 7.0, 30.0)):
        gave_up(story, wait_s, at_s=1.0 + n)
    assert not story.only(client_closed_before_response).facts["waits_cluster"]


def test_a_backend_that_had_not_answered_is_the_reason() -> None:
    story = Story()
    front = gave_up(story, 0.5)
    story.fin(story.forwarded(front, status=0), by=CLIENT, after_s=0.5)
    assert story.only(client_closed_before_response).facts["reason"] == "slow backend"


def test_rst_in_the_middle_of_a_download() -> None:
    story = Story()
    front = story.asked(status=200, response_ended=t.END_RST_RECEIVER, response_missing=6000)
    story.reset(front, by=CLIENT, after_s=0.3)
    assert story.only(client_closed_before_response).facts["responses_begun"] == 1


def test_an_answer_that_came_after_the_close_was_not_broken_off() -> None:
    """Caddy answers 200 with no body to a client that has gone."""
    story = Story()
    front = story.asked(status=200, response_ended=t.END_FIN, takes_s=20.2)
    story.tables.exchanges[front]["response_start_us"] = 20_200_000
    story.fin(front, by=CLIENT, after_s=20.0)
    story.reset(front, by=CLIENT, after_s=20.3)
    finding = story.only(client_closed_before_response)
    assert "in the middle of the response" not in finding.explanation
    assert finding.facts["reason"] == "unknown"


def test_an_answer_to_a_client_that_is_gone_is_read_by_nobody() -> None:
    story = Story()
    front = story.asked(status=200, takes_s=1.2)
    story.fin(front, by=CLIENT, after_s=0.5, acked=0)
    story.reset(front, by=CLIENT, after_s=1.2)
    story.tables.connections[0]["server_acked"] = 0
    assert story.only(client_closed_before_response).count == 1


@pytest.mark.parametrize(("takes_s", "is_silent"), [(0.4, True), (1.2, False)])
def test_through_tls_only_a_response_after_the_close_was_read_by_nobody(
    takes_s: float, is_silent: bool
) -> None:
    """The last bytes of the server, unread, may be its close_notify or an empty frame of HTTP/2."""
    story = Story()
    front = story.asked(status=200, takes_s=takes_s)
    story.fin(front, by=CLIENT, after_s=0.5, acked=0)
    story.reset(front, by=CLIENT, after_s=1.2)
    story.tables.connections[0]["server_acked"] = 0
    story.tables.decrypted = [0]
    assert story.silent(client_closed_before_response) == is_silent


def test_half_close_is_no_fault() -> None:
    story = Story()
    front = story.asked(status=200, takes_s=0.3)
    story.fin(front, by=CLIENT, after_s=0.01, acked=0)
    story.fin(front, by=SERVER, after_s=0.31)
    assert story.silent(client_closed_before_response)


def test_half_close_still_waiting_at_the_end_is_not_judged() -> None:
    story = Story()
    front = story.asked(status=0, response_ended=t.END_OPEN)
    story.fin(front, by=CLIENT, after_s=0.01, acked=0)
    assert story.silent(client_closed_before_response)


def test_rst_after_the_whole_response_is_no_fault() -> None:
    story = Story()
    story.reset(story.asked(status=200), by=CLIENT, after_s=0.02)
    assert story.silent(client_closed_before_response)


def test_a_balancer_that_hung_up_is_not_the_client() -> None:
    story = Story()
    front = story.asked(status=0)
    story.fin(front, by=SERVER, after_s=0.1)
    story.fin(front, by=CLIENT, after_s=0.2)
    assert story.silent(client_closed_before_response)


def test_the_backend_leg_has_no_clients() -> None:
    story = Story()
    back = story.forwarded(None, status=0)
    story.fin(back, by=CLIENT, after_s=0.5)
    story.fin(back, by=SERVER, after_s=0.6)
    assert story.silent(client_closed_before_response)
