"""backlog-overflow: new connections are dropped while old ones on the same port are served."""

from __future__ import annotations

from pcapdiag import tables as t
from pcapdiag.causes import backend_connect_timeout, backlog_overflow
from pcapdiag.causes.cause import Severity
from tests.causes.stories import SERVER, SITE, Story


def served(story: Story, at_s: float, server: str = SITE) -> None:
    """A connection made earlier is answered at this time."""
    kept = story.backend(server, at_s=0.0, lasts_s=60.0)
    story.forwarded(story.asked(at_s=at_s), at_s=at_s, connection=kept)


def test_syns_unanswered_while_the_port_serves_others() -> None:
    story = Story()
    served(story, at_s=3.0)
    front = story.asked(at_s=1.0, status=504, takes_s=7.5)
    story.syns(at_s=1.0)
    finding = story.only(backlog_overflow)
    assert list(finding.exchanges) == [front]
    assert finding.facts["syns_dropped"] == 1


def test_an_answer_after_the_last_syn_counts_on_a_connection_older_than_it() -> None:
    """HAProxy's two SYNs, a second apart, given up after two: the port answers in the last of them."""
    story = Story()
    served(story, at_s=2.5)
    for n in range(3):
        story.asked(at_s=1.0 + n / 100, status=503, takes_s=2.0)
        story.syns(at_s=1.0 + n / 100, count=2, lasts_s=1.0)
    finding = story.only(backlog_overflow)
    assert finding.count == finding.facts["syns_dropped"] == 3
    assert story.silent(backend_connect_timeout)


def test_a_port_that_comes_up_after_the_last_syn_was_not_full() -> None:
    story = Story()
    for n in range(3):
        story.asked(at_s=1.0 + n / 100, status=503, takes_s=2.0)
        story.syns(at_s=1.0 + n / 100, count=2, lasts_s=1.0)
    story.forwarded(story.asked(at_s=2.5), at_s=2.5, connection=story.backend(at_s=2.4))
    assert story.silent(backlog_overflow)
    assert story.only(backend_connect_timeout).count == 3


def test_lone_syns_to_one_port_that_answers_older_connections() -> None:
    """Go gives a dial up as soon as a connection is free for its request: one SYN each."""
    story = Story()
    kept = story.backend(at_s=0.0, lasts_s=60.0)
    story.forwarded(None, at_s=1.4, connection=kept)
    for n in range(3):
        story.syns(at_s=1.0 + n / 100, count=1, lasts_s=0.0)
    finding = story.only(backlog_overflow)
    assert finding.severity is Severity.WARNING
    assert finding.facts["syns_dropped"] == 3
    assert story.silent(backend_connect_timeout)


def test_one_lone_syn_may_be_lost_by_chance() -> None:
    story = Story()
    served(story, at_s=1.4)
    story.syns(at_s=1.0, count=1, lasts_s=0.0)
    assert story.silent(backlog_overflow)


def test_a_silent_port_is_unreachable_not_full() -> None:
    story = Story()
    served(story, at_s=0.5)
    story.syns(at_s=1.0)
    assert story.silent(backlog_overflow)


def test_the_last_ack_dropped_leaves_the_balancer_talking_to_nobody() -> None:
    story = Story()
    served(story, at_s=2.0)
    stuck = story.backend(at_s=1.0, synacks=3, lasts_s=5.0)
    back = story.forwarded(story.asked(status=504), status=0, connection=stuck, acked=False)
    story.fin(back, by=0, after_s=4.0)
    finding = story.only(backlog_overflow)
    assert finding.facts["last_acks_dropped"] == 1
    assert finding.statuses == {"504": 1}


def test_an_rst_right_after_the_handshake() -> None:
    story = Story()
    served(story, at_s=1.0001)
    back = story.forwarded(story.asked(status=502), status=0, at_s=1.0, acked=False)
    story.reset(back, by=SERVER, after_s=0.0003, acked=0)
    finding = story.only(backlog_overflow)
    assert finding.facts["reset_after_handshake"] == 1


def test_an_rst_after_the_request_was_read_is_a_reset() -> None:
    story = Story()
    served(story, at_s=1.0)
    story.reset(story.forwarded(story.asked(status=502), status=0), by=SERVER, after_s=0.05)
    assert story.silent(backlog_overflow)


def test_a_first_syn_lost_and_its_repeat_answered_is_loss() -> None:
    story = Story()
    served(story, at_s=1.5)
    for _ in range(3):
        late = story.backend(at_s=1.0, syns=2, lasts_s=2.0)
        story.forwarded(story.asked(takes_s=1.1), connection=late)
    assert story.silent(backlog_overflow)


def test_a_syn_ack_lost_and_repeated_is_loss() -> None:
    story = Story()
    served(story, at_s=2.0)
    late = story.backend(
        at_s=1.0, synacks=2, lasts_s=3.0, flags=t.CONN_SYN | t.CONN_SYNACK | t.CONN_ESTABLISHED
    )
    story.forwarded(story.asked(at_s=2.1), at_s=2.1, connection=late)
    assert story.silent(backlog_overflow)


def test_an_answer_of_which_the_snaplen_hides_the_end_shows_a_server_alive() -> None:
    story = Story()
    kept = story.backend(at_s=0.0, lasts_s=60.0)
    story.forwarded(story.asked(at_s=3.0), at_s=3.0, connection=kept, response_ended=t.END_GAP)
    story.tables.connections[kept]["flags"] |= t.CONN_TRUNCATED
    story.asked(at_s=1.0, status=504, takes_s=7.5)
    story.syns(at_s=1.0)
    assert story.only(backlog_overflow).facts["syns_dropped"] == 1


def test_syns_repeated_when_the_capture_ends_count_when_there_are_many() -> None:
    """Sent at 8 s and 9 s, a third SYN due at 11 s, the capture ends at 10 s: three to one port."""
    for many, found in ((3, 3), (2, 0)):
        story = Story()
        story.ends_s = 10.0
        kept = story.backend(at_s=0.0, lasts_s=10.0)
        story.forwarded(None, at_s=8.5, connection=kept)
        for n in range(many):
            story.syns(at_s=8.0 + n / 1000, count=2, lasts_s=1.0)
        assert sum(f.facts["syns_dropped"] for f in story.findings(backlog_overflow)) == found
