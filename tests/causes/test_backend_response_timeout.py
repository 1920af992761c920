"""backend-response-timeout: the request was taken, and no answer came before the load balancer gave up."""

from __future__ import annotations

import pytest

from pcapdiag import tables as t
from pcapdiag.causes import backend_response_timeout
from pcapdiag.causes.cause import Severity
from tests.causes.stories import CLIENT, SERVER, Story


def test_the_balancer_closes_with_a_request_outstanding_and_answers_504() -> None:
    story = Story()
    back = story.forwarded(story.asked(status=504, takes_s=60.0), status=0)
    story.fin(back, by=CLIENT, after_s=60.0)
    finding = story.only(backend_response_timeout)
    assert finding.count == 1
    assert finding.statuses == {"504": 1}
    assert finding.facts["waited_s"] == pytest.approx(60.0)
    assert finding.facts["alb_response_timeout_s"] == 60


def test_a_backend_that_never_closes_either_is_judged_all_the_same() -> None:
    story = Story()
    back = story.forwarded(story.asked(status=504, takes_s=60.0), status=0, response_ended=t.END_OPEN)
    story.fin(back, by=CLIENT, after_s=60.0)
    assert story.only(backend_response_timeout).count == 1


def test_an_answer_to_a_balancer_that_has_closed_comes_too_late() -> None:
    story = Story()
    front = story.asked(status=504, takes_s=2.0)
    back = story.forwarded(front, status=200, takes_s=3.0)
    story.fin(back, by=CLIENT, after_s=2.0, acked=0)
    story.reset(back, by=CLIENT, after_s=3.0)
    story.tables.connections[-1]["server_acked"] = 0
    assert story.only(backend_response_timeout).facts["waited_s"] == pytest.approx(2.0)


@pytest.mark.parametrize(("status", "is_silent"), [(503, True), (504, False)])
def test_what_is_dropped_at_once_was_not_waited_for_unless_the_balancer_says_so(
    status: int, is_silent: bool
) -> None:
    """Varnish closes at once when the client's body turns out to be malformed."""
    story = Story("generic")
    front = story.asked(status=status, takes_s=0.01)
    back = story.forwarded(front, status=200, takes_s=0.02)
    story.fin(back, by=CLIENT, after_s=0.01, acked=0)
    story.reset(back, by=CLIENT, after_s=0.02)
    story.tables.connections[-1]["server_acked"] = 0
    assert story.silent(backend_response_timeout) == is_silent


def test_bytes_that_meet_the_balancers_reset_come_too_late() -> None:
    story = Story()
    back = story.forwarded(story.asked(status=504, takes_s=2.5), status=0)
    story.reset(back, by=CLIENT, after_s=2.5, acked=0)
    story.tables.connections[-1] |= {"server_bytes": 91, "server_acked": 0}
    assert story.only(backend_response_timeout).facts["waited_s"] == pytest.approx(2.5)


def test_bytes_behind_a_hole_that_never_filled_did_not_come_late() -> None:
    story = Story()
    back = story.forwarded(story.asked(status=504, takes_s=2.5), status=0)
    story.reset(back, by=CLIENT, after_s=2.5, acked=0)
    story.tables.connections[-1] |= {"server_bytes": 2000, "server_acked": 0}
    story.tables.trouble(len(story.tables.connections) - 1, SERVER, hole_bytes=1448)
    assert story.silent(backend_response_timeout)


def test_a_client_that_left_first_is_the_deeper_cause() -> None:
    story = Story()
    front = story.asked(status=0)
    story.reset(front, by=CLIENT, after_s=0.5)
    story.fin(story.forwarded(front, status=0), by=CLIENT, after_s=0.5)
    assert story.silent(backend_response_timeout)


def test_a_request_never_acknowledged_never_arrived() -> None:
    story = Story()
    back = story.forwarded(story.asked(status=504), status=0, acked=False)
    story.fin(back, by=CLIENT, after_s=10)
    assert story.silent(backend_response_timeout)


def test_a_backend_that_closed_first_did_not_keep_anyone_waiting() -> None:
    story = Story()
    story.fin(story.forwarded(story.asked(status=502), status=0), by=SERVER, after_s=10)
    assert story.silent(backend_response_timeout)


def test_from_the_backend_alone_equal_waits_tell_of_a_timer() -> None:
    story = Story()
    for n, wait_s in enumerate((2.0, 2.001, 2.003)):
        story.fin(story.forwarded(None, status=0, at_s=1.0 + n), by=CLIENT, after_s=wait_s)
    finding = story.only(backend_response_timeout)
    assert finding.count == 3
    assert "frontend is not in this capture" in finding.explanation


def test_from_the_backend_alone_two_equal_waits_may_be_a_clients() -> None:
    story = Story()
    for n in range(2):
        story.fin(story.forwarded(None, status=0, at_s=1.0 + n), by=CLIENT, after_s=1.7)
    finding = story.only(backend_response_timeout)
    assert finding.severity == Severity.WARNING
    assert "its time-out, or its clients'" in finding.title
    assert "only 2 waits were alike" in finding.explanation
    assert "499" in finding.remedy[0]


def test_a_balancer_that_waited_longer_for_another_answer_did_not_give_up_here() -> None:
    story = Story()
    story.forwarded(None, takes_s=7.0)
    for n in range(4):
        story.fin(story.forwarded(None, status=0, at_s=1.0 + n), by=CLIENT, after_s=5.0)
    finding = story.only(backend_response_timeout)
    assert finding.severity == Severity.WARNING
    assert "waited longer for another answer (7 s)" in finding.explanation


def test_from_the_backend_alone_the_profiles_own_time_out_is_the_balancers() -> None:
    story = Story()
    story.fin(story.forwarded(None, status=0), by=CLIENT, after_s=60.0)
    finding = story.only(backend_response_timeout)
    assert finding.severity == Severity.ERROR
    assert "gave up after 60 s" in finding.title


@pytest.mark.parametrize(
    ("clients", "words"), [((7, 7, 7), "All were for one client."), ((7, 8, 9), "They were for 3 clients.")]
)
def test_for_whom_the_balancer_waited_is_told(clients: tuple[int, ...], words: str) -> None:
    story = Story()
    for n, client in enumerate(clients):
        back = story.forwarded(None, status=0, at_s=1.0 + n, forwarded=client)
        story.fin(back, by=CLIENT, after_s=5.0)
    assert story.only(backend_response_timeout).explanation.endswith(words)


def test_from_the_backend_alone_equal_waits_of_half_a_second_are_a_clients_timer() -> None:
    story = Story()
    for n in range(4):
        story.fin(story.forwarded(None, status=0, at_s=1.0 + n), by=CLIENT, after_s=0.45)
    assert story.silent(backend_response_timeout)


def test_from_the_backend_alone_one_short_wait_tells_nothing() -> None:
    story = Story()
    story.fin(story.forwarded(None, status=0), by=CLIENT, after_s=2.0)
    assert story.silent(backend_response_timeout)


def test_a_long_poll_still_open_when_the_capture_ends_is_not_judged() -> None:
    story = Story()
    story.forwarded(story.asked(status=0, response_ended=t.END_OPEN), status=0, response_ended=t.END_OPEN)
    assert story.silent(backend_response_timeout)


def test_what_was_dropped_at_once_was_not_waited_for() -> None:
    story = Story()
    front = story.asked(status=503, takes_s=0.001)
    back = story.forwarded(front, status=201, takes_s=0.02)
    story.reset(back, by=CLIENT, after_s=0.001, acked=0)
    story.tables.connections[-1]["server_acked"] = 0
    assert story.silent(backend_response_timeout)


def gave_up_at(*closes_s: float, waits_s: tuple[float, ...]) -> Story:
    story = Story("generic")
    for n, (close_s, wait_s) in enumerate(zip(closes_s, waits_s, strict=True)):
        back = story.forwarded(
            None, status=0, at_s=close_s - wait_s, connection=story.backend(f"10.0.1.{n}:80")
        )
        story.fin(back, by=CLIENT, after_s=wait_s)
    return story


def test_a_timer_that_ticks_once_a_second_ends_unequal_waits() -> None:
    """As Traffic Server was recorded: a time-out of 3 s, looked at once a second, two closed at one tick."""
    story = gave_up_at(7.915, 8.874, 8.8741, 9.909, waits_s=(3.417, 3.776, 3.176, 3.61))
    assert story.only(backend_response_timeout).count == 4


@pytest.mark.parametrize(
    ("closes_s", "waits_s"),
    [
        ((7.1, 8.4, 9.7), (3.417, 3.776, 3.176)),  # whenever each client liked
        ((7.9, 8.9, 9.9), (3.4, 9.7, 5.2)),  # no time-out of a few seconds and its tick
    ],
)
def test_unequal_waits_that_no_tick_ended_are_nobodys_timer(
    closes_s: tuple[float, ...], waits_s: tuple[float, ...]
) -> None:
    assert gave_up_at(*closes_s, waits_s=waits_s).silent(backend_response_timeout)
