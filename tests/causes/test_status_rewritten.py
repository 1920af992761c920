"""status-rewritten: the backend's error and the client's are not the same."""

from __future__ import annotations

from pcapdiag import tables as t
from pcapdiag.causes import status_rewritten
from pcapdiag.causes.cause import Severity
from tests.causes.stories import Story


def test_504_becomes_502() -> None:
    story = Story()
    story.works(2)
    for n in range(3):
        story.forwarded(story.asked(at_s=10 + n, status=502), at_s=10 + n, status=504)
    finding = story.only(status_rewritten)
    assert (finding.count, finding.statuses) == (3, {"502": 3})
    assert finding.facts["changes"] == ["504 became 502 (3)"]


def test_a_status_passed_on_is_not_rewritten() -> None:
    story = Story()
    story.forwarded(story.asked(status=504), status=504)
    assert story.silent(status_rewritten)


def test_client_errors_exchanged_for_another_are_a_warning() -> None:
    story = Story()
    story.forwarded(story.asked(status=403), status=401)
    assert story.only(status_rewritten).severity is Severity.WARNING


def test_a_good_answer_that_became_502_has_another_reason() -> None:
    story = Story()
    story.forwarded(story.asked(status=502), status=200)
    assert story.silent(status_rewritten)


def test_only_the_last_attempt_counts() -> None:
    story = Story()
    front = story.asked(status=502, takes_s=3)
    story.forwarded(front, status=503)
    story.forwarded(front, status=502, at_s=2)
    assert story.silent(status_rewritten)


def test_an_answer_that_breaks_off_is_not_a_whole_error() -> None:
    story = Story()
    story.forwarded(story.asked(status=502), status=500, response_ended=t.END_FIN)
    assert story.silent(status_rewritten)
