"""response-content-length-mismatch: a body not as long as its head announced."""

from __future__ import annotations

import pytest

from pcapdiag import tables as t
from pcapdiag.causes import response_content_length_mismatch as mismatch
from pcapdiag.causes.cause import Severity
from tests.causes.stories import CLIENT, SERVER, Story

CUT = {"response_ended": t.END_FIN, "response_missing": 2000, "and_flags": t.RSP_LENGTH}


def test_the_backend_closes_short_of_its_length() -> None:
    story = Story()
    back = story.forwarded(story.asked(status=200, **CUT), **CUT)
    story.fin(back, by=SERVER, after_s=0.1)
    finding = story.only(mismatch)
    assert (finding.count, finding.leg) == (1, "backend")
    assert finding.facts["largest_missing_bytes"] == 2000
    assert "2,000 bytes short" in finding.title


def test_a_chunked_body_without_its_last_chunk() -> None:
    story = Story()
    chunked = {"response_ended": t.END_FIN, "and_flags": t.RSP_CHUNKED}
    story.fin(story.forwarded(story.asked(**chunked), **chunked), by=SERVER)
    assert story.only(mismatch).facts["closed_short"] == 1


def test_left_open_short_until_the_balancer_gave_up() -> None:
    story = Story()
    front = story.asked(**CUT)
    story.fin(front, by=SERVER, after_s=60)
    story.fin(story.forwarded(front, **CUT), by=CLIENT, after_s=60)
    assert story.only(mismatch).facts["left_open_short"] == 1


def test_bytes_beyond_the_length_are_a_warning_when_the_client_got_its_answer() -> None:
    story = Story()
    story.forwarded(story.asked(), and_flags=t.RSP_LENGTH | t.RSP_EXTRA)
    finding = story.only(mismatch)
    assert (finding.severity, finding.facts["sent_beyond"]) == (Severity.WARNING, 1)


def test_from_the_frontend_alone_a_cut_response_is_seen() -> None:
    story = Story()
    story.fin(story.asked(**CUT), by=SERVER, after_s=0.1)
    finding = story.only(mismatch)
    assert finding.leg == "frontend"
    assert "backend leg" in finding.explanation


def test_a_body_without_a_length_ends_by_close() -> None:
    story = Story()
    back = story.forwarded(story.asked(), response_ended=t.END_BY_CLOSE)
    story.fin(back, by=SERVER)
    assert story.silent(mismatch)


def test_a_head_answered_with_a_body_is_not_this() -> None:
    story = Story()
    story.forwarded(story.asked("HEAD /"), and_flags=t.RSP_LENGTH | t.RSP_EXTRA | t.RSP_NO_BODY)
    assert story.silent(mismatch)


def test_an_rst_in_the_body_is_a_reset() -> None:
    story = Story()
    cut = CUT | {"response_ended": t.END_RST_SENDER}
    story.reset(story.forwarded(story.asked(**CUT), **cut), by=SERVER)
    assert story.silent(mismatch)


def test_a_client_that_left_cut_it_itself() -> None:
    story = Story()
    front = story.asked(**(CUT | {"response_ended": t.END_RST_RECEIVER}))
    story.reset(front, by=CLIENT, after_s=0.1)
    story.fin(story.forwarded(front, **CUT), by=CLIENT, after_s=0.1)
    assert story.silent(mismatch)


LEFT_OPEN = {
    "response_ended": t.END_RST_RECEIVER, "response_missing": 15_000, "response_body": 5000,
    "and_flags": t.RSP_LENGTH, "takes_s": 0.01,
}  # fmt: skip


def test_from_the_backend_alone_a_server_that_fell_silent_in_its_body_is_a_warning() -> None:
    story = Story()
    story.reset(story.forwarded(None, **LEFT_OPEN), by=CLIENT, after_s=3.01)
    finding = story.only(mismatch)
    assert (finding.count, finding.severity) == (1, Severity.WARNING)
    assert "15,000 bytes less" in finding.title
    assert "silent for 3 s" in finding.title


@pytest.mark.parametrize(
    ("after_s", "changes"),
    [
        (0.3, {}),  # still at work
        (3.0, {"response_missing": 0, "and_flags": t.RSP_CHUNKED}),  # perhaps a stream of events
    ],
)
def test_a_pause_of_a_body_accuses_nobody(after_s: float, changes: dict[str, int]) -> None:
    story = Story()
    story.reset(story.forwarded(None, **(LEFT_OPEN | changes)), by=CLIENT, after_s=after_s)
    assert story.silent(mismatch)


def test_a_balancer_that_read_no_further_held_its_backend_up() -> None:
    story = Story()
    back = story.forwarded(None, **LEFT_OPEN)
    story.reset(back, by=CLIENT, after_s=3.01)
    story.tables.trouble(story.tables.exchanges[back]["connection"], CLIENT, zero_windows=1)
    assert story.silent(mismatch)


def test_where_the_frontend_is_seen_it_tells_who_gave_up() -> None:
    story = Story()
    story.asked()
    story.reset(story.forwarded(None, **LEFT_OPEN), by=CLIENT, after_s=3.01)
    assert story.silent(mismatch)


def test_a_chunked_response_has_no_length_to_fall_short_of() -> None:
    story = Story()
    chunked = {"response_ended": t.END_FIN, "and_flags": t.RSP_CHUNKED}
    story.fin(story.asked(status=200, **chunked), by=SERVER, after_s=0.1)
    assert "closed before its last chunk" in story.only(mismatch).title
