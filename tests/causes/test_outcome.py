"""What the client saw of what happened behind the load balancer."""

from __future__ import annotations

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import outcome
from tests.causes.stories import CLIENT, Story


def test_the_clients_status_not_the_backends() -> None:
    story = Story()
    back = story.forwarded(story.asked(status=502), status=0)
    assert outcome.statuses(story.build(), np.array([back])) == {"502": 1}


def test_without_the_frontend_no_status_is_invented() -> None:
    story = Story()
    rows = [story.forwarded(None, status=0), story.forwarded(None, status=500)]
    assert outcome.statuses(story.build(), np.array(rows)) == {"500": 1}


def test_a_client_without_an_answer_has_none() -> None:
    story = Story()
    row = story.asked(status=0)
    assert outcome.statuses(story.build(), np.array([row])) == {"none": 1}


def test_a_whole_good_answer_heals_an_attempt() -> None:
    story = Story()
    good = story.forwarded(story.asked(status=200), status=0)
    bad = story.forwarded(story.asked(status=502), status=0)
    cut = story.forwarded(story.asked(status=200, response_ended=t.END_FIN), status=0)
    alone = story.forwarded(None, status=0)
    assert outcome.healed(story.build(), np.array([good, bad, cut, alone])).tolist() == [
        True,
        False,
        False,
        False,
    ]


def test_an_attempt_belongs_to_the_request_it_was_made_for() -> None:
    story = Story()
    early = story.asked(at_s=1.0, status=502, takes_s=0.002)
    late = story.asked(at_s=2.0, status=502, takes_s=0.002)
    rows = [story.refused(at_s=2.0005), story.refused(at_s=1.0005), story.refused(at_s=3.0)]
    assert outcome.requests_behind(story.build(), np.array(rows)).tolist() == [late, early, t.NONE]


def test_a_request_that_a_backend_answered_has_no_attempt_to_explain() -> None:
    story = Story()
    story.forwarded(story.asked(at_s=1.0, status=502, takes_s=0.002), status=502)
    assert outcome.requests_behind(story.build(), np.array([story.refused(at_s=1.0005)])).tolist() == [t.NONE]


def test_two_hosts_clocks_are_brought_together() -> None:
    story = Story()
    front = story.asked(at_s=1.0, status=502, takes_s=0.002)
    row = story.refused(at_s=3.5005)
    story.tables.connections[row]["vantage"] = 1
    traffic = story.build()
    assert outcome.requests_behind(traffic, np.array([row])).tolist() == [t.NONE]
    traffic.clock_offsets_ns = {(0, 1): (2_500_000_000, 100_000)}
    assert outcome.requests_behind(traffic, np.array([row])).tolist() == [front]


def test_a_client_that_goes_on_reading_has_not_left() -> None:
    story = Story()
    row = story.asked(status=200, takes_s=0.3)
    story.fin(row, by=CLIENT, after_s=0.01, acked=0)
    assert not outcome.left_early(story.build(), np.array([row])).any()


def test_an_attempt_is_not_for_a_request_still_unsent_when_its_client_left() -> None:
    story = Story()
    refused = story.asked(at_s=1.0, status=503, takes_s=0.002)
    partial = story.asked(at_s=1.0003, status=0, request_ended=t.END_RST_SENDER)
    story.reset(partial, by=CLIENT, after_s=0.2)
    row = story.refused(at_s=1.0006)
    assert outcome.requests_behind(story.build(), np.array([row])).tolist() == [refused]


def test_an_attempt_is_rather_for_a_request_answered_than_for_one_whose_client_left() -> None:
    story = Story()
    refused = story.asked(at_s=1.0, status=503, takes_s=0.002)
    story.reset(story.asked(at_s=1.0003, status=0), by=CLIENT, after_s=0.6)
    row = story.refused(at_s=1.0006)
    assert outcome.requests_behind(story.build(), np.array([row])).tolist() == [refused]


def test_an_answer_cut_by_the_snaplen_was_given_all_the_same() -> None:
    story = Story()
    front = story.asked(at_s=1.0, status=503, response_ended=t.END_GAP, takes_s=0.002)
    row = story.refused(at_s=1.0005)
    assert outcome.requests_behind(story.build(), np.array([row])).tolist() == [t.NONE]
    story.tables.connections[0]["flags"] |= t.CONN_TRUNCATED
    assert outcome.requests_behind(story.build(), np.array([row])).tolist() == [front]


def test_an_attempt_is_for_a_request_before_it_rather_than_one_just_after() -> None:
    """Varnish refuses the requests behind the first at once: four of them within two milliseconds."""
    story = Story()
    first = story.asked(at_s=1.0000, status=503, takes_s=0.0003)
    story.asked(at_s=1.0007, status=503, takes_s=0.0003)
    row = story.refused(at_s=1.0001)
    assert outcome.requests_behind(story.build(), np.array([row])).tolist() == [first]


def test_a_malformed_head_that_was_let_pass_reached_its_client() -> None:
    """Varnish relays a Content-Length that stands twice; of wrong chunks the client has not the body."""
    story = Story()
    bad = {"response_ended": t.END_MALFORMED, "response_head": 100}
    backs = []
    for flags in (t.RSP_BAD, t.RSP_BAD | t.RSP_CHUNKED):
        front = story.asked(and_flags=flags, **bad)
        backs.append(story.forwarded(front, and_flags=flags, **bad))
    unread = story.asked(and_flags=t.RSP_BAD, **bad)
    story.tables.connections[-1]["server_acked"] = 0
    backs.append(story.forwarded(unread, and_flags=t.RSP_BAD, **bad))
    assert outcome.healed(story.build(), np.array(backs)).tolist() == [True, False, False]
