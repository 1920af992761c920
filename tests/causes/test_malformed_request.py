"""malformed-request: bytes that are no request by HTTP/1.1's rules, and were refused."""

from __future__ import annotations

import pytest

from pcapdiag import tables as t
from pcapdiag.causes import malformed_request
from tests.causes.stories import CLIENT, SERVER, Story


@pytest.mark.parametrize("wrong", [t.REQ_BAD, t.REQ_NO_HOST, t.REQ_BAD | t.REQ_GARBLED])
def test_refused_with_400(wrong: int) -> None:
    story = Story()
    story.works(2)
    story.asked(status=400, and_flags=wrong)
    finding = story.only(malformed_request)
    assert (finding.count, finding.statuses) == (1, {"400": 1})


def test_hung_up_on_without_a_word() -> None:
    story = Story()
    story.fin(story.asked(status=0, and_flags=t.REQ_BAD), by=SERVER, after_s=0.01)
    assert story.only(malformed_request).statuses == {"none": 1}


def test_what_was_taken_all_the_same_is_no_fault() -> None:
    story = Story()
    story.forwarded(story.asked(status=200, and_flags=t.REQ_BAD))
    assert story.silent(malformed_request)


def test_http_1_0_needs_no_host() -> None:
    story = Story()
    story.asked(status=400, and_flags=t.REQ_NO_HOST | t.REQ_HTTP10)
    assert story.silent(malformed_request)


def test_bytes_beyond_a_body_are_a_wrong_length() -> None:
    story = Story()
    kept = story.frontend()
    story.asked("POST /", connection=kept, and_flags=t.REQ_EXTRA)
    story.asked(status=400, connection=kept, and_flags=t.REQ_BAD | t.REQ_GARBLED, at_s=1.1)
    assert story.silent(malformed_request)


def test_a_client_that_left_broke_off() -> None:
    story = Story()
    story.fin(story.asked(status=0, and_flags=t.REQ_BAD), by=CLIENT, after_s=0.01)
    assert story.silent(malformed_request)


def test_an_application_that_fails_on_it_has_a_fault_of_its_own() -> None:
    story = Story()
    story.forwarded(story.asked(status=500, and_flags=t.REQ_BAD), status=500)
    assert story.silent(malformed_request)


@pytest.mark.parametrize("answered", [False, True])
def test_a_bad_body_found_while_it_was_passed_on(answered: bool) -> None:
    """Varnish closes the backend connection and answers 503; an application's answer is its own."""
    story = Story("generic")
    front = story.asked("POST /", status=503, and_flags=t.REQ_BAD, request_ended=t.END_MALFORMED)
    back = story.forwarded(front, status=503 if answered else 0)
    story.fin(back, by=CLIENT, after_s=0.5)
    assert story.silent(malformed_request) == answered


@pytest.mark.parametrize("hidden", [t.CONN_GAP, t.CONN_TRUNCATED])
def test_what_the_capture_lacks_is_not_held_against_it(hidden: int) -> None:
    story = Story()
    story.asked(status=400, and_flags=t.REQ_BAD)
    story.tables.connections[0]["flags"] |= hidden
    assert story.silent(malformed_request)


def test_whatever_error_a_bad_chunk_got_is_for_that() -> None:
    story = Story()
    story.asked("POST /", status=503, and_flags=t.REQ_BAD | t.REQ_CHUNKED, request_ended=t.END_MALFORMED)
    assert story.only(malformed_request).statuses == {"503": 1}
