"""client-closed-before-request: the client ended having sent only a part of a request."""

from __future__ import annotations

from pcapdiag import tables as t
from pcapdiag.causes import client_closed_before_request
from pcapdiag.causes.cause import Severity
from tests.causes.stories import CLIENT, SERVER, Story


def half_a_head(story: Story, **fields: object) -> int:
    return story.asked(status=0, request_ended=t.END_FIN, request_end_us=t.NEVER, **fields)


def half_a_body(story: Story, **fields: object) -> int:
    given = {
        "request_ended": t.END_RST_SENDER,
        "and_flags": t.REQ_LENGTH,
        "request_body": 700,
        "request_missing": 1300,
    }
    return story.asked("POST /", status=0, **(given | fields))


def test_fin_within_the_head() -> None:
    story = Story()
    story.works(2)
    story.fin(half_a_head(story), by=CLIENT, after_s=0.1)
    finding = story.only(client_closed_before_request)
    assert (finding.count, finding.severity) == (1, Severity.ERROR)
    assert finding.statuses == {"none": 1}
    assert finding.facts["in_head"] == 1


def test_rst_within_the_body() -> None:
    story = Story()
    story.reset(half_a_body(story), by=CLIENT, after_s=0.1)
    finding = story.only(client_closed_before_request)
    assert finding.facts["in_body"] == 1
    assert finding.facts["by_reset"] == 1


def test_broken_off_although_an_answer_had_begun() -> None:
    story = Story()
    row = half_a_body(story)
    story.tables.exchanges[row] |= {
        "status": 200,
        "response_start_us": 1000,
        "response_ended": t.END_COMPLETE,
    }
    story.reset(row, by=CLIENT, after_s=0.1)
    assert story.only(client_closed_before_request).count == 1


def test_breaking_off_upon_a_refusal_is_what_one_should_do() -> None:
    story = Story()
    row = half_a_body(story)
    story.tables.exchanges[row] |= {
        "status": 413,
        "response_start_us": 1000,
        "response_ended": t.END_COMPLETE,
    }
    story.reset(row, by=CLIENT, after_s=0.1)
    assert story.silent(client_closed_before_request)


def test_the_balancer_that_closed_first_had_waited_long_enough() -> None:
    story = Story()
    story.fin(half_a_head(story), by=SERVER, after_s=60)
    assert story.silent(client_closed_before_request)


def test_ending_in_order_a_few_bytes_short_is_a_wrong_length() -> None:
    story = Story()
    story.fin(half_a_body(story, request_ended=t.END_FIN), by=CLIENT, after_s=0.1)
    assert story.silent(client_closed_before_request)


def test_ending_in_order_far_short_is_breaking_off() -> None:
    story = Story()
    story.fin(half_a_body(story, request_ended=t.END_FIN, request_missing=5_000_000), by=CLIENT, after_s=0.1)
    assert story.only(client_closed_before_request).count == 1


def test_connections_never_used_are_information() -> None:
    story = Story()
    for _ in range(3):
        unused = story.frontend(protocol=t.PROTOCOL_NONE, closed_by=CLIENT)
        story.tables.connections[unused]["flags"] |= t.CONN_FIN_CLIENT
    finding = story.only(client_closed_before_request)
    assert (finding.count, finding.severity) == (3, Severity.INFO)


def test_a_kept_alive_connection_closed_by_its_client_is_no_fault() -> None:
    story = Story()
    row = story.asked()
    story.tables.connections[0]["flags"] |= t.CONN_DATA_CLIENT | t.CONN_DATA_SERVER
    story.fin(row, by=CLIENT, after_s=5)
    assert story.silent(client_closed_before_request)


def test_an_upload_still_going_on_at_the_end_is_not_judged() -> None:
    story = Story()
    half_a_body(story, request_ended=t.END_OPEN)
    assert story.silent(client_closed_before_request)
