"""slow-backend: far slower than its own median, and by nothing but thinking."""

from __future__ import annotations

import pytest

from pcapdiag import tables as t
from pcapdiag.causes import slow_backend
from pcapdiag.causes.cause import Severity
from tests.causes.stories import HEAD_BYTES, Story


def story_with(takes_s: float = 3.0, request: str = "GET /report", **fields: object) -> Story:
    """Twenty quick answers, and one that takes long, all on one kept-alive connection but the last."""
    story = Story()
    quick = story.backend(lasts_s=100)
    for n in range(20):
        story.forwarded(story.asked(at_s=n), at_s=n, connection=quick)
    front = story.asked(request, at_s=30, takes_s=takes_s)
    slow = story.forwarded(front, at_s=30, takes_s=takes_s, **fields)
    story.tables.exchanges[slow]["target"] = story.tables.exchanges[front]["target"]
    return story


def test_one_answer_far_over_the_backends_median() -> None:
    finding = story_with().only(slow_backend)
    assert (finding.severity, finding.count, finding.leg) == (Severity.INFO, 1, "backend")
    assert finding.facts["slowest_s"] == pytest.approx(3.0)
    assert finding.facts["usual_median_s"] == pytest.approx(0.01)
    assert finding.facts["most_frequent_target"] == "/report"


def test_a_path_that_can_do_better_is_slow() -> None:
    story = story_with()
    front = story.asked("GET /report?month=1", at_s=40)
    quick = story.forwarded(front, at_s=40)
    story.tables.exchanges[quick]["target"] = story.tables.exchanges[front]["target"]
    finding = story.only(slow_backend)
    assert (finding.severity, finding.count) == (Severity.WARNING, 1)


def test_an_answer_within_the_floor_is_quick_enough() -> None:
    assert story_with(takes_s=0.9).silent(slow_backend)


def test_a_backend_all_of_whose_answers_take_so_long_is_as_it_is_built() -> None:
    story = Story()
    for n in range(5):
        story.forwarded(story.asked(at_s=10 * n, takes_s=3), at_s=10 * n, takes_s=3)
    assert story.silent(slow_backend)


def test_nobody_should_wait_longer_than_the_budget() -> None:
    story = Story()
    for n in range(5):
        story.forwarded(story.asked(at_s=10 * n, takes_s=8), at_s=10 * n, takes_s=8)
    assert story.only(slow_backend).count == 5


@pytest.mark.parametrize("target", ["/events", "/socket.io/?transport=polling", "/v1/kv/a?wait=30s&index=7"])
def test_a_long_poll_waits_on_purpose(target: str) -> None:
    assert story_with(request=f"GET {target}").silent(slow_backend)


@pytest.mark.parametrize("target", ["/assets/watches.js", "/passenger/list", "/eventually"])
def test_a_word_within_a_word_is_no_long_poll(target: str) -> None:
    assert not story_with(request=f"GET {target}").silent(slow_backend)


def test_nothing_new_after_a_long_wait_is_a_long_poll() -> None:
    story = story_with()
    story.tables.exchanges[-1]["status"] = 204
    assert story.silent(slow_backend)


def test_a_slow_upload_is_the_clients() -> None:
    assert story_with(request_end_us=2_990_000).silent(slow_backend)


def test_a_long_download_is_not_slow() -> None:
    assert story_with(response_start_us=5_000).silent(slow_backend)


def test_an_upgrade_and_a_health_check_are_not_asked() -> None:
    assert story_with(and_flags=t.REQ_HEALTH).silent(slow_backend)
    story = story_with()
    story.tables.exchanges[-1]["status"] = 101
    assert story.silent(slow_backend)


def test_what_was_sent_again_explains_the_wait() -> None:
    story = story_with()
    on = story.tables.exchanges[-1]["connection"]
    story.tables.event(on, t.EVENT_RETRANSMISSION, at_s=31, a=HEAD_BYTES, direction=0)
    assert story.silent(slow_backend)


def test_loss_at_another_time_explains_nothing() -> None:
    story = story_with()
    on = story.tables.exchanges[-1]["connection"]
    story.tables.event(on, t.EVENT_RETRANSMISSION, at_s=40, direction=0)
    assert not story.silent(slow_backend)


def test_connections_cut_by_the_snaplen_are_not_judged() -> None:
    story = story_with()
    for connection in story.tables.connections:
        connection["flags"] = connection.get("flags", 0) | t.CONN_TRUNCATED
    assert story.silent(slow_backend)


def test_two_slow_backends_are_spoken_of_as_two() -> None:
    story = story_with()
    other = story.backend("10.0.1.6:8080", lasts_s=100)
    for n in range(20):
        story.forwarded(story.asked(at_s=n), at_s=n, connection=other)
    for back, at_s in ((None, 50), (other, 60)):
        story.forwarded(story.asked(at_s=at_s, takes_s=3.0), at_s=at_s, takes_s=3.0, connection=back)
    assert ":8080, which answer within" in story.only(slow_backend).title
