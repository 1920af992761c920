"""Look-alikes that real captures of Apache, Varnish, nginx and HAProxy showed, and what they are not."""

from __future__ import annotations

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import (
    attempts,
    backend_closed_before_response,
    backend_connect_refused,
    backend_connect_timeout,
    backend_error_status,
    backend_packet_loss,
    backend_response_timeout,
    backlog_overflow,
    client_closed_before_request,
    client_closed_before_response,
    frontend_packet_loss,
    malformed_response,
    mtu_blackhole,
    outcome,
)
from pcapdiag.causes.cause import Severity
from tests.causes.stories import ALB, CLIENT, SERVER, Story
from tests.tables_builder import START_NS

LATER = "10.0.1.6:8080"


def loses(story: Story, connection: int, direction: int, segments: int = 4, stall_s: float = 0.3) -> None:
    """Segments of a connection are repeated, the first 0.2 s into it."""
    story.tables.trouble(
        connection, direction, retransmitted=segments, stall_us=round(stall_s * 1e6),
        first_trouble_frame=1, last_trouble_frame=2,
    )  # fmt: skip
    story.tables.event(connection, t.EVENT_RETRANSMISSION, 1.2, direction=direction)


# Which request an attempt to connect was for


def test_each_of_several_attempts_at_once_belongs_to_the_request_just_before_it() -> None:
    story = Story()
    shifts = (0.0, 0.001, 0.002)
    asked = [story.asked(at_s=1.0 + shift, status=504, takes_s=2.0 + shift) for shift in shifts]
    # Their SYNs are repeated in another order.
    tried = [story.syns(at_s=1.0002 + shift, count=2, lasts_s=1.001 - shift) for shift in shifts]
    traffic = story.build()
    assert outcome.requests_behind(traffic, np.array(tried)).tolist() == asked


def test_a_second_attempt_shares_its_request() -> None:
    story = Story()
    front = story.asked(at_s=1.0, status=502, takes_s=2.0)
    tried = [story.refused(at_s=1.0001), story.refused(LATER, at_s=2.0)]
    assert outcome.requests_behind(story.build(), np.array(tried)).tolist() == [front, front]
    assert story.only(backend_connect_refused).count == 1


def test_a_request_whose_answer_the_capture_misses_did_not_fail_with_a_refusal() -> None:
    story = Story()
    story.asked(at_s=0.9, status=502, takes_s=0.2)
    row = story.frontend(client_packets=6, server_packets=6)
    story.tables.connections[row]["flags"] |= t.CONN_GAP
    gone = story.asked(at_s=1.0, status=0, connection=row)
    story.fin(gone, by=SERVER, after_s=1.0)
    story.refused(at_s=1.0001)
    story.refused(at_s=1.0002)
    assert gone not in list(story.only(backend_connect_refused).exchanges)


def test_a_syn_answered_for_at_once_was_refused_out_of_sight() -> None:
    story = Story()
    story.asked(at_s=1.0, status=502, takes_s=0.002)
    story.syns(at_s=1.0005, count=1, lasts_s=0.0)
    story.ends_s = 1.5
    assert story.silent(backend_connect_timeout)


def test_a_lone_syn_in_a_capture_that_drops_packets_is_not_judged() -> None:
    story = Story()
    story.syns(leg="frontend", at_s=1.0, count=1, lasts_s=0.0)
    assert len(attempts.unanswered(story.build(), t.LEG_FRONTEND)) == 1
    dropping = story.frontend()
    story.tables.connections[dropping]["flags"] |= t.CONN_GAP
    assert not len(attempts.unanswered(story.build(), t.LEG_FRONTEND))


# A full queue


def overflowing(story: Story) -> int:
    """A connection whose SYN-ACK came twice more, between repeats of its request, which was taken at last."""
    kept = story.backend(at_s=0.0, lasts_s=60.0)
    story.forwarded(story.asked(at_s=2.0), at_s=2.0, connection=kept)
    stuck = story.backend(at_s=1.0, synacks=3, lasts_s=5.0)
    for n, at_s in enumerate((1.2, 1.5, 2.1, 3.9)):
        story.tables.event(stuck, t.EVENT_RETRANSMISSION, at_s, direction=0)
        if n in (2, 3):
            story.tables.event(stuck, t.EVENT_SYNACK_RETRANSMISSION, at_s + 0.05, direction=1)
    return stuck


def test_a_request_that_a_full_queue_took_too_late_is_no_response_timeout() -> None:
    story = Story()
    stuck = overflowing(story)
    front = story.asked(status=504, takes_s=2.5)
    back = story.forwarded(front, status=200, connection=stuck, takes_s=3.7)
    story.fin(back, by=CLIENT, after_s=2.5)
    story.tables.trouble(stuck, 0, retransmitted=4, stall_us=3_600_000)
    assert list(story.only(backlog_overflow).exchanges) == [back]
    assert story.silent(backend_response_timeout)


def test_copies_of_a_syn_ack_are_no_repeats() -> None:
    story = Story()
    kept = story.backend(at_s=0.0, lasts_s=60.0)
    story.forwarded(story.asked(at_s=1.5), at_s=1.5, connection=kept)
    twice = story.backend(at_s=1.0, synacks=2)
    story.tables.connections[twice]["flags"] |= t.CONN_DUPLICATES
    story.tables.event(twice, t.EVENT_SYNACK_RETRANSMISSION, 1.0001, direction=1)
    story.fin(story.forwarded(story.asked(status=504), status=0, connection=twice, acked=False), by=CLIENT)
    assert story.silent(backlog_overflow)


def test_copies_of_handshakes_are_no_packet_loss() -> None:
    story = Story()
    for n in range(4):
        row = story.frontend(at_s=1.0 + n, synacks=2)
        story.tables.connections[row]["flags"] |= t.CONN_DUPLICATES
        story.tables.event(row, t.EVENT_SYNACK_RETRANSMISSION, 1.0001 + n, direction=1)
        story.asked(at_s=1.0 + n, connection=row)
    assert story.silent(frontend_packet_loss)


def test_syns_beside_others_in_limbo_met_the_same_full_queue() -> None:
    story = Story()
    stuck = overflowing(story)
    story.fin(story.forwarded(story.asked(status=504), status=0, connection=stuck), by=CLIENT, after_s=2.5)
    front = story.asked(at_s=7.0, status=504, takes_s=3.0)
    story.syns(at_s=7.0001, count=3, lasts_s=2.0)
    assert front in list(story.only(backlog_overflow).exchanges)


def test_syns_lost_on_a_lossy_path_found_no_full_queue() -> None:
    story = Story()
    for n in range(4):
        kept = story.backend(at_s=float(n), lasts_s=1.0)
        story.forwarded(story.asked(at_s=n + 0.5), at_s=n + 0.5, connection=kept)
        loses(story, kept, direction=0)
    front = story.asked(at_s=1.0, status=504, takes_s=2.0)
    story.syns(at_s=1.0001, count=2, lasts_s=1.0)
    assert story.silent(backlog_overflow)
    assert story.silent(backend_connect_timeout)
    loss = story.only(backend_packet_loss)
    assert front in list(loss.exchanges)
    assert loss.severity == Severity.ERROR


def test_an_abort_may_come_a_little_later_than_one_round_trip() -> None:
    story = Story()
    kept = story.backend(at_s=0.0, lasts_s=60.0)
    story.forwarded(story.asked(at_s=2.0), at_s=2.0, connection=kept)
    slow = story.backend(at_s=1.0, syn_rtt_us=30_000, ack_rtt_us=100)
    back = story.forwarded(story.asked(status=502), status=0, at_s=1.031, connection=slow, acked=False)
    story.reset(back, by=SERVER, after_s=0.0322, acked=0)
    assert story.only(backlog_overflow).facts["reset_after_handshake"] == 1


# Who left, and why


def test_a_client_driven_away_by_bytes_that_are_no_response_did_not_leave() -> None:
    story = Story()
    front = story.asked(status=0, and_flags=t.RSP_SEEN | t.RSP_BAD, response_ended=t.END_MALFORMED)
    back = story.forwarded(front, status=0, and_flags=t.RSP_SEEN | t.RSP_BAD, response_ended=t.END_MALFORMED)
    story.fin(front, by=CLIENT, after_s=0.01)
    story.fin(front, by=SERVER, after_s=0.02)
    assert story.silent(client_closed_before_response)
    finding = story.only(malformed_response)
    assert list(finding.exchanges) == [back]
    assert finding.severity == Severity.ERROR


def test_a_status_line_that_nobody_can_read_heals_nothing() -> None:
    story = Story()
    front = story.asked(status=2, and_flags=t.RSP_BAD)
    story.forwarded(front, status=2, and_flags=t.RSP_BAD)
    assert story.only(malformed_response).severity == Severity.ERROR


def test_a_balancer_that_takes_a_half_close_for_an_abort_did_not_time_out() -> None:
    story = Story()
    front = story.asked(status=400, takes_s=0.4)
    back = story.forwarded(front, status=0)
    story.fin(front, by=CLIENT, after_s=0.1)
    story.fin(back, by=CLIENT, after_s=0.1001)
    assert story.silent(backend_response_timeout)


def test_requests_given_up_at_once_were_not_waited_for() -> None:
    story = Story()
    for n in range(3):
        story.fin(story.forwarded(None, status=0, at_s=1.0 + n), by=CLIENT, after_s=0.001)
    assert story.silent(backend_response_timeout)


def test_clients_that_leave_an_encrypted_frontend_end_what_the_balancer_asked_for_them() -> None:
    for leaves in (False, True):
        story = Story()
        for at_s in (1.0, 4.0, 7.0):
            row = story.frontend(at_s=at_s, protocol=t.PROTOCOL_TLS)
            if leaves:
                story.tables.connections[row] |= {
                    "closed_by": CLIENT,
                    "client_fin_ns": START_NS + round((at_s + 0.7) * 1e9),
                }
            story.fin(story.forwarded(None, status=0, at_s=at_s), by=CLIENT, after_s=0.7005)
        assert story.silent(backend_response_timeout) == leaves


# What the capture does not show


def test_bytes_of_a_server_on_a_connection_older_than_the_capture_may_be_the_answer() -> None:
    story = Story()
    old = story.backend()
    story.tables.connections[old]["flags"] = t.CONN_ESTABLISHED
    back = story.forwarded(story.asked(status=502), status=0, connection=old)
    story.fin(back, by=SERVER, after_s=0.1)
    assert len(story.findings(backend_closed_before_response)) == 1
    story.tables.connections[old]["server_bytes"] = 34
    assert story.silent(backend_closed_before_response)


def test_after_a_response_that_no_request_came_before_pairs_are_not_trusted() -> None:
    story = Story()
    row = story.frontend(lasts_s=5.0)
    story.asked(connection=row)
    orphan = story.asked(connection=row, at_s=2.0)
    last = story.asked(connection=row, at_s=2.1, status=0)
    story.fin(last, by=CLIENT, after_s=1.0)
    story.fin(last, by=SERVER, after_s=1.1)
    assert story.only(client_closed_before_response).count == 1
    story.tables.exchanges[orphan]["flags"] = t.RSP_SEEN
    assert story.silent(client_closed_before_response)


def hidden(story: Story, method: str) -> int:
    """A request of which a short snaplen hides the end, whose client closed without an answer."""
    row = story.frontend(client_packets=6)
    story.tables.connections[row]["flags"] |= t.CONN_TRUNCATED
    front = story.asked(f"{method} /", status=0, connection=row, request_ended=t.END_GAP)
    story.reset(front, by=CLIENT, after_s=0.5)
    return front


def test_a_request_cut_by_snaplen_is_neither_whole_nor_broken_off() -> None:
    for method in ("GET", "POST"):
        story = Story()
        hidden(story, method)
        assert story.silent(client_closed_before_response)
        assert story.silent(client_closed_before_request)


def test_a_get_cut_by_snaplen_and_handed_on_was_whole() -> None:
    story = Story()
    story.forwarded(hidden(story, "GET"), status=0)
    assert story.only(client_closed_before_response).count == 1


def test_what_a_snaplen_hides_did_not_hang_when_more_came_after_it() -> None:
    story = Story()
    row = story.backend(client_largest_acked=100, client_mss=1460)
    story.tables.connections[row]["flags"] |= t.CONN_TRUNCATED
    story.forwarded(story.asked(), connection=row, response_ended=t.END_GAP)
    last = story.forwarded(story.asked(at_s=2.0, status=504), status=0, connection=row, at_s=2.0)
    story.tables.trouble(row, 0, unacked_bytes=1448, unacked_retries=4)
    story.tables.trouble(row, 1, duplicate_acks=2)
    story.fin(last, by=CLIENT, after_s=5.0)
    assert list(story.only(mtu_blackhole).exchanges) == [last]


def from_nowhere(status: int, server: str) -> Story:
    """An answer in a capture of which no load balancer is known."""
    story = Story("generic")
    story.alb = ()
    row = story.tables.connection("10.0.0.1", ALB, 1.0, leg="frontend")
    story.asked(status=status, connection=row, server=server)
    return story


def test_without_a_known_balancer_its_own_answers_are_not_laid_on_a_backend() -> None:
    for status, server in ((502, "nginx/1.22.1"), (504, ""), (503, "Varnish"), (400, "Apache/2.4.6")):
        assert from_nowhere(status, server).silent(backend_error_status)
    for status, server in ((500, "nginx/1.22.1"), (503, "gunicorn")):
        assert from_nowhere(status, server).only(backend_error_status).count == 1


# Loss beside other faults


def lossy_frontend(story: Story, status: int = 200, **ended: int) -> int:
    """Requests that waited for a repeat; the row of the last, which got this."""
    for n in range(3):
        row = story.frontend(at_s=1.0, lasts_s=1.0)
        last = {"status": status, **ended} if n == 2 else {}
        front = story.asked(connection=row, takes_s=0.4, **last)
        loses(story, row, direction=1)
    return front


def test_a_loss_that_slowed_an_error_did_not_cause_it() -> None:
    story = Story()
    front = lossy_frontend(story, status=502)
    assert front not in list(story.only(frontend_packet_loss).exchanges)


def test_a_response_cut_short_by_its_server_was_not_cut_by_a_loss() -> None:
    story = Story()
    front = lossy_frontend(story, response_ended=t.END_FIN)
    story.fin(front, by=SERVER, after_s=0.5)
    finding = story.only(frontend_packet_loss)
    assert front not in list(finding.exchanges)
    assert finding.severity == Severity.WARNING


def test_loss_one_way_is_measured_against_what_went_that_way() -> None:
    story = Story()
    row = story.backend(client_packets=200, server_packets=2000, lasts_s=2.0)
    story.forwarded(story.asked(), connection=row)
    loses(story, row, direction=0, segments=6)
    assert story.only(backend_packet_loss).facts["loss_rate"] == 0.03
