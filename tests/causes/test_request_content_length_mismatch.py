"""request-content-length-mismatch: a body not as long as its Content-Length."""

from __future__ import annotations

from pcapdiag import tables as t
from pcapdiag.causes import client_closed_before_request
from pcapdiag.causes import request_content_length_mismatch as mismatch
from tests.causes.stories import CLIENT, SERVER, Story

SHORT = {"request_ended": t.END_FIN, "request_body": 400, "request_missing": 600, "and_flags": t.REQ_LENGTH}


def test_the_client_ends_its_side_in_order_short_of_the_length() -> None:
    story = Story()
    row = story.asked("POST /", status=400, takes_s=0.2, **SHORT)
    story.fin(row, by=CLIENT, after_s=0.1)
    finding = story.only(mismatch)
    assert (finding.count, finding.statuses) == (1, {"400": 1})
    assert finding.facts["median_missing_bytes"] == 600


def test_a_balancer_that_closes_without_a_word() -> None:
    story = Story()
    row = story.asked("POST /", status=0, **SHORT)
    story.fin(row, by=CLIENT, after_s=0.1)
    story.fin(row, by=SERVER, after_s=0.11)
    assert story.only(mismatch).statuses == {"none": 1}


def test_bytes_beyond_the_body_are_refused() -> None:
    story = Story()
    kept = story.frontend()
    story.asked("POST /", connection=kept, and_flags=t.REQ_LENGTH | t.REQ_EXTRA)
    tail = story.asked("? ", status=400, connection=kept, and_flags=t.REQ_BAD | t.REQ_GARBLED, at_s=1.1)
    finding = story.only(mismatch)
    assert list(finding.exchanges) == [tail]
    assert finding.facts["sent_beyond"] == 1


def test_a_client_that_resets_broke_off() -> None:
    story = Story()
    row = story.asked("POST /", status=0, **(SHORT | {"request_ended": t.END_RST_SENDER}))
    story.reset(row, by=CLIENT, after_s=0.1)
    assert story.silent(mismatch)


def test_a_client_that_closed_for_good_broke_off() -> None:
    story = Story()
    row = story.asked("POST /", status=400, takes_s=0.2, **SHORT)
    story.fin(row, by=CLIENT, after_s=0.1)
    story.reset(row, by=CLIENT, after_s=0.21)
    assert story.silent(mismatch)


def test_a_client_that_falls_silent_is_timed_out() -> None:
    story = Story()
    row = story.asked("POST /", status=408, takes_s=60, **(SHORT | {"request_ended": t.END_OPEN}))
    story.fin(row, by=SERVER, after_s=60)
    assert story.silent(mismatch)


def test_frames_sent_before_an_upgrade_was_refused_are_no_body() -> None:
    story = Story()
    story.asked("GET /socket", status=502, and_flags=t.REQ_UPGRADE | t.REQ_EXTRA)
    assert story.silent(mismatch)


def test_pipelined_requests_are_allowed() -> None:
    story = Story()
    kept = story.frontend()
    story.asked("POST /", connection=kept, and_flags=t.REQ_LENGTH)
    story.asked(connection=kept, and_flags=t.REQ_PIPELINED)
    assert story.silent(mismatch)


def test_a_client_held_up_with_most_of_its_body_unsent_broke_off() -> None:
    """10 of 400 bytes, 15 s of silence, FIN."""
    story = Story()
    held_up = SHORT | {"request_body": 10, "request_missing": 390}
    story.fin(story.asked("POST /", status=0, **held_up), by=CLIENT, after_s=15.0)
    assert story.silent(mismatch)
    assert story.only(client_closed_before_request).count == 1


def test_most_of_a_body_missing_at_once_is_a_wrong_length() -> None:
    story = Story()
    compressed = SHORT | {"request_body": 10, "request_missing": 390}
    story.fin(story.asked("POST /", status=400, takes_s=0.2, **compressed), by=CLIENT, after_s=0.1)
    assert story.only(mismatch).count == 1
