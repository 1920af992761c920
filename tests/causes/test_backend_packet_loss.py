"""backend-packet-loss: what is sent again between load balancer and backends."""

from __future__ import annotations

import pytest

from pcapdiag import tables as t
from pcapdiag.causes import backend_packet_loss, frontend_packet_loss
from pcapdiag.causes.cause import Severity
from tests.causes.stories import CLIENT, SERVER, Story


def lossy(
    story: Story, lost: int, packets: int = 200, stall_s: float = 0.2, direction: int = SERVER
) -> list[int]:
    """One request each 0.5 s on a kept connection; the first ones wait for a repeat."""
    kept = story.backend(client_packets=packets, server_packets=packets, lasts_s=60.0)
    rows = []
    for n in range(10):
        late_s = stall_s if n < lost else 0.0
        rows.append(
            story.forwarded(
                story.asked(at_s=1 + n / 2), at_s=1 + n / 2, connection=kept, takes_s=0.01 + late_s
            )
        )
        if n < lost:
            story.tables.event(kept, t.EVENT_RETRANSMISSION, 1 + n / 2 + stall_s, direction=direction)
    stall_us = round(lost * stall_s * 1e6)
    story.tables.trouble(kept, direction, data_packets=packets, retransmitted=lost, stall_us=stall_us)
    return rows


def test_requests_that_waited_for_a_repeat_are_counted() -> None:
    story = Story()
    rows = lossy(story, lost=6)
    finding = story.only(backend_packet_loss)
    assert list(finding.exchanges) == rows[:6]
    assert finding.severity == Severity.WARNING
    assert finding.facts["lost_to_client"] == 6
    assert finding.facts["loss_rate"] == pytest.approx(6 / 200, abs=0.001)
    assert finding.facts["stall_s"] == pytest.approx(1.2)


def test_below_the_profiles_rate_it_is_ordinary() -> None:
    story = Story()
    lossy(story, lost=6, packets=50_000)
    assert story.silent(backend_packet_loss)


def test_one_or_two_say_nothing() -> None:
    story = Story()
    lossy(story, lost=2, packets=20)
    assert story.silent(backend_packet_loss)


def test_the_other_leg_is_another_cause() -> None:
    story = Story()
    lossy(story, lost=6)
    assert story.silent(frontend_packet_loss)


@pytest.mark.parametrize(
    "harmless", ["spurious", "keep_alives", "fin_retransmitted", "out_of_order", "duplicate_acks"]
)
def test_what_is_no_loss_is_not_counted(harmless: str) -> None:
    story = Story()
    kept = story.backend(client_packets=20, server_packets=20)
    story.works(3, connection=kept)
    story.tables.trouble(kept, SERVER, data_packets=20, **{harmless: 15})
    assert story.silent(backend_packet_loss)


def test_a_segment_that_nobody_ever_acknowledged_met_a_silent_peer() -> None:
    story = Story()
    kept = story.backend(client_packets=20, server_packets=20)
    story.works(1, connection=kept)
    story.tables.trouble(kept, CLIENT, data_packets=9, retransmitted=8, unacked_bytes=200, unacked_retries=9)
    assert story.silent(backend_packet_loss)


def test_a_receiver_without_room_is_no_loss() -> None:
    story = Story()
    kept = story.backend(client_packets=40, server_packets=20)
    story.works(1, connection=kept)
    story.tables.trouble(kept, CLIENT, data_packets=40, retransmitted=8, stall_us=900_000)
    story.tables.trouble(kept, SERVER, zero_windows=1, longest_zero_us=60_000)
    assert story.silent(backend_packet_loss)


def test_second_copies_in_the_capture_are_no_loss() -> None:
    story = Story()
    kept = story.backend(client_packets=40, server_packets=40)
    story.works(1, connection=kept)
    story.tables.connections[kept]["flags"] |= t.CONN_DUPLICATES
    story.tables.trouble(kept, SERVER, data_packets=40, retransmitted=20, stall_us=40)
    assert story.silent(backend_packet_loss)


def test_first_syns_lost_cost_a_second_each() -> None:
    story = Story()
    for n in range(3):
        late = story.backend(at_s=1.0, syns=2, lasts_s=2.0)
        story.tables.event(late, t.EVENT_SYN_RETRANSMISSION, 2.0)
        story.forwarded(story.asked(at_s=1.0, takes_s=1.1), at_s=2.01 + n / 100, connection=late)
    finding = story.only(backend_packet_loss)
    assert finding.count == 3
    assert finding.facts["lost_to_server"] == 3
    assert finding.facts["stall_s"] == 3.0
