"""backend-reset: the backend's RST with a request outstanding."""

from __future__ import annotations

import pytest

from pcapdiag import tables as t
from pcapdiag.causes import backend_reset
from pcapdiag.causes.cause import Severity
from tests.causes.stories import CLIENT, SERVER, Story


def test_rst_in_place_of_an_answer() -> None:
    story = Story()
    story.works(2)
    back = story.forwarded(story.asked(status=502), status=0)
    story.reset(back, by=SERVER, after_s=0.05)
    finding = story.only(backend_reset)
    assert (finding.count, finding.severity, finding.leg) == (1, Severity.ERROR, "backend")
    assert finding.statuses == {"502": 1}
    assert finding.peers == ("10.0.1.5:8080",)
    assert finding.facts["median_reset_after_s"] == 0.05


def test_rst_in_mid_response_cuts_it() -> None:
    story = Story()
    front = story.asked(status=200, response_ended=t.END_FIN)
    back = story.forwarded(front, status=200, response_ended=t.END_RST_SENDER, response_missing=3800)
    story.reset(back, by=SERVER, after_s=0.1)
    finding = story.only(backend_reset)
    assert finding.count == 1
    assert finding.facts["responses_begun"] == 1


def test_healed_by_a_retry_is_a_warning() -> None:
    story = Story()
    front = story.asked(status=200)
    story.reset(story.forwarded(front, status=0), by=SERVER)
    story.forwarded(front, status=200, connection=story.backend("10.0.1.6:8080"))
    finding = story.only(backend_reset)
    assert (finding.severity, finding.count) == (Severity.WARNING, 1)
    assert finding.facts["healed_requests"] == 1


def test_seen_from_the_backend_leg_alone() -> None:
    story = Story()
    story.reset(story.forwarded(None, status=0), by=SERVER)
    finding = story.only(backend_reset)
    assert finding.statuses == {}


def test_rst_after_a_whole_response_is_no_fault() -> None:
    story = Story()
    back = story.forwarded(story.asked(), status=200)
    story.reset(back, by=SERVER)
    assert story.silent(backend_reset)


def test_the_balancers_own_rst_is_no_fault_of_the_backend() -> None:
    story = Story()
    story.reset(story.forwarded(story.asked(status=504), status=0), by=CLIENT)
    assert story.silent(backend_reset)


def test_a_backend_that_resets_when_the_client_has_left_is_not_accused() -> None:
    story = Story()
    front = story.asked(status=0)
    story.reset(front, by=CLIENT, after_s=0.5)
    story.reset(story.forwarded(front, status=0), by=SERVER, after_s=0.6)
    assert story.silent(backend_reset)


@pytest.mark.parametrize(("status", "is_silent"), [(502, False), (200, True)])
def test_a_client_that_closed_upon_an_error_whose_end_a_short_snaplen_hides_had_its_answer(
    status: int, is_silent: bool
) -> None:
    story = Story()
    front = story.asked(status=status, takes_s=0.05, response_ended=t.END_GAP)
    story.fin(front, by=CLIENT, after_s=0.06)
    story.fin(front, by=SERVER, after_s=0.07)
    story.reset(story.forwarded(front, status=0), by=SERVER, after_s=0.04)
    assert story.silent(backend_reset) == is_silent


def test_a_request_that_met_a_closing_connection_is_a_race() -> None:
    story = Story()
    kept = story.backend()
    story.works(1, connection=kept)
    back = story.forwarded(story.asked(at_s=6, status=502), at_s=6, status=0, connection=kept, acked=False)
    story.reset(back, by=SERVER, after_s=0.001)
    assert story.silent(backend_reset)


def test_without_a_load_balancer_nobody_is_a_backend() -> None:
    story = Story()
    row = story.exchange(story.connection("10.0.0.1", "10.0.0.9:80", ""), "GET /", 1.0, 0)
    story.reset(row, by=SERVER)
    assert story.silent(backend_reset)


def test_a_connection_with_a_gap_in_the_capture_is_not_judged() -> None:
    story = Story()
    back = story.forwarded(story.asked(status=502), status=0)
    story.reset(back, by=SERVER)
    story.tables.connections[1]["flags"] |= t.CONN_GAP
    assert story.silent(backend_reset)
