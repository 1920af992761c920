"""backend-connect-timeout: the load balancer's SYNs are never answered."""

from __future__ import annotations

import pytest

from pcapdiag import tables as t
from pcapdiag.causes import backend_connect_timeout, backend_packet_loss
from pcapdiag.causes.cause import Severity
from tests.causes.stories import SITE, Story


def test_unanswered_syns_fail_the_request_behind_them() -> None:
    story = Story()
    front = story.asked(at_s=1.0, status=504, takes_s=10.0)
    story.syns(at_s=1.0)
    finding = story.only(backend_connect_timeout)
    assert list(finding.exchanges) == [front]
    assert finding.facts["waited_s"] == pytest.approx(10.0)
    assert "10 s" in finding.title


def test_an_attempt_shorter_than_a_repeat_counts_when_its_request_failed() -> None:
    story = Story()
    story.asked(at_s=1.0, status=504, takes_s=0.5)
    story.syns(at_s=1.0, count=1, lasts_s=0.0)
    story.ends_s = 1.6
    assert story.only(backend_connect_timeout).count == 1


def test_a_lone_syn_was_not_repeated_and_its_wait_is_not_known() -> None:
    story = Story()
    story.syns(at_s=1.0, count=1, lasts_s=0.0)
    finding = story.only(backend_connect_timeout)
    assert "gave up before its first repeat" in finding.title
    assert "repeated its SYN" not in finding.explanation


def test_a_syn_on_its_way_when_the_capture_ended_is_not_judged() -> None:
    story = Story()
    story.syns(at_s=1.0, count=1, lasts_s=0.0)
    story.ends_s = 1.5
    assert story.silent(backend_connect_timeout)


def test_syn_acks_that_nobody_hears() -> None:
    story = Story()
    story.syns(at_s=1.0, flags=t.CONN_SYN | t.CONN_SYNACK, synacks=4, server_packets=4)
    finding = story.only(backend_connect_timeout)
    assert finding.facts["answered_by_syn_ack"] == 1
    assert "do not get back" in finding.explanation


def test_a_port_that_serves_others_meanwhile_has_a_full_queue() -> None:
    story = Story()
    kept = story.backend(at_s=0.0, lasts_s=60)
    story.forwarded(story.asked(at_s=3.0), at_s=3.0, connection=kept)
    story.syns(at_s=1.0)
    assert story.silent(backend_connect_timeout)


def test_another_port_of_that_host_proves_nothing() -> None:
    story = Story()
    story.forwarded(story.asked(at_s=3.0), at_s=3.0, connection=story.backend("10.0.1.5:9090"))
    story.syns(SITE, at_s=1.0)
    assert len(story.findings(backend_connect_timeout)) == 1


def test_healed_by_another_backend_is_a_warning() -> None:
    story = Story()
    story.forwarded(story.asked(at_s=1.0, takes_s=10.5), connection=story.backend("10.0.1.6:8080"), at_s=11.0)
    story.syns(at_s=1.0)
    assert story.only(backend_connect_timeout).severity == Severity.WARNING


def test_one_direction_of_a_capture_accuses_nobody() -> None:
    story = Story()
    story.syns(at_s=1.0, client_packets=20)
    assert story.silent(backend_connect_timeout)


def test_a_lone_syn_lost_on_a_lossy_path_that_serves_others_is_loss() -> None:
    story = Story("haproxy")
    front = story.asked(at_s=1.0, status=503, takes_s=1.0)
    story.syns(at_s=1.0, count=1, lasts_s=0.0)
    served = story.backend(at_s=1.2)
    story.forwarded(story.asked(at_s=1.2), at_s=1.2, connection=served)
    assert story.only(backend_connect_timeout).statuses == {"503": 1}
    story.tables.trouble(served, 0, retransmitted=9, stall_us=600_000)
    assert story.silent(backend_connect_timeout)
    assert front in story.findings(backend_packet_loss)[0].exchanges
