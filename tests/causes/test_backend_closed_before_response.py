"""backend-closed-before-response: the backend's FIN, a request outstanding, not a byte of response."""

from __future__ import annotations

from pcapdiag import tables as t
from pcapdiag.causes import backend_closed_before_response
from tests.causes.stories import CLIENT, SERVER, Story


def test_fin_that_acknowledges_the_request() -> None:
    story = Story("alibaba")
    back = story.forwarded(story.asked(status=500), status=0)
    story.fin(back, by=SERVER, after_s=0.2)
    finding = story.only(backend_closed_before_response)
    assert finding.count == 1
    assert finding.statuses == {"500": 1}
    assert finding.facts["median_closed_after_s"] == 0.2
    assert "500" in finding.explanation


def test_fin_upon_the_first_request_of_a_connection_is_no_race() -> None:
    story = Story()
    back = story.forwarded(story.asked(status=502), status=0, acked=False)
    story.fin(back, by=SERVER, after_s=0.001, acked=0)
    assert story.only(backend_closed_before_response).count == 1


def test_fin_that_did_not_see_the_request_of_a_kept_connection_is_a_race() -> None:
    story = Story()
    kept = story.backend()
    story.works(1, connection=kept)
    back = story.forwarded(story.asked(at_s=6, status=502), at_s=6, status=0, connection=kept, acked=False)
    story.fin(back, by=SERVER, after_s=0.001)
    assert story.silent(backend_closed_before_response)


def test_a_close_in_the_middle_of_a_response_is_another_cause() -> None:
    story = Story()
    front = story.asked(status=200, response_ended=t.END_FIN)
    back = story.forwarded(front, status=200, response_ended=t.END_FIN, response_missing=10)
    story.fin(back, by=SERVER)
    assert story.silent(backend_closed_before_response)


def test_a_backend_that_closes_after_the_balancer_gave_up_is_not_accused() -> None:
    story = Story()
    back = story.forwarded(story.asked(status=504), status=0)
    story.fin(back, by=CLIENT, after_s=60)
    story.fin(back, by=SERVER, after_s=61)
    assert story.silent(backend_closed_before_response)


def test_an_idle_close_is_no_fault() -> None:
    story = Story()
    kept = story.backend()
    back = story.forwarded(story.asked(), connection=kept)
    story.fin(back, by=SERVER, after_s=5)
    assert story.silent(backend_closed_before_response)
