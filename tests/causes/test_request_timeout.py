"""request-timeout: a part of a request, then silence, until the load balancer gave up."""

from __future__ import annotations

import pytest

from pcapdiag import tables as t
from pcapdiag.causes import request_timeout
from tests.causes.stories import CLIENT, SERVER, Story

HALF_A_BODY = {
    "request_body": 700,
    "request_missing": 1300,
    "and_flags": t.REQ_LENGTH,
    "request_ended": t.END_OPEN,
}


def test_answered_408() -> None:
    story = Story("alibaba")
    row = story.asked("POST /", status=408, takes_s=60.0, **HALF_A_BODY)
    story.fin(row, by=SERVER, after_s=60.0)
    finding = story.only(request_timeout)
    assert finding.statuses == {"408": 1}
    assert finding.facts["silence_s"] == pytest.approx(60.0)
    assert finding.facts["in_body"] == 1


def test_closed_without_a_word() -> None:
    story = Story()
    row = story.asked(status=0, request_ended=t.END_OPEN, request_end_us=t.NEVER)
    story.fin(row, by=SERVER, after_s=1.5)
    finding = story.only(request_timeout)
    assert finding.statuses == {"none": 1}
    assert finding.facts["in_head"] == 1


def test_a_balancer_that_had_asked_the_backend_answers_503() -> None:
    story = Story()
    row = story.asked("POST /", status=503, takes_s=1.5, **HALF_A_BODY)
    story.fin(row, by=SERVER, after_s=1.5)
    back = story.forwarded(row, status=0, **HALF_A_BODY)
    story.reset(back, by=CLIENT, after_s=1.5)
    assert story.only(request_timeout).statuses == {"503": 1}


def test_a_backend_that_closed_in_mid_upload_is_another_cause() -> None:
    story = Story()
    row = story.asked("POST /", status=502, takes_s=1.5, **HALF_A_BODY)
    story.fin(row, by=SERVER, after_s=1.5)
    story.reset(story.forwarded(row, status=0, **HALF_A_BODY), by=SERVER, after_s=1.5)
    assert story.silent(request_timeout)


def test_a_balancer_that_hangs_up_at_once_was_not_waiting() -> None:
    story = Story()
    story.fin(story.asked("POST /", status=0, **HALF_A_BODY), by=SERVER, after_s=0.01)
    assert story.silent(request_timeout)


def test_a_client_that_broke_off_is_another_cause() -> None:
    story = Story()
    row = story.asked("POST /", status=0, **(HALF_A_BODY | {"request_ended": t.END_FIN}))
    story.fin(row, by=CLIENT, after_s=5.0)
    assert story.silent(request_timeout)


def test_a_refusal_in_mid_upload_is_no_timeout() -> None:
    story = Story()
    row = story.asked("POST /", status=413, takes_s=2.0, **HALF_A_BODY)
    story.fin(row, by=SERVER, after_s=2.0)
    assert story.silent(request_timeout)


def test_an_upload_under_way_at_the_end_is_not_judged() -> None:
    story = Story()
    story.asked("POST /", status=0, **HALF_A_BODY)
    assert story.silent(request_timeout)
