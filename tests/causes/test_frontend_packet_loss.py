"""frontend-packet-loss: what is sent again between clients and the load balancer."""

from __future__ import annotations

from pcapdiag import tables as t
from pcapdiag.causes import frontend_packet_loss
from pcapdiag.causes.cause import Severity
from tests.causes.stories import CLIENT, SERVER, Story


def lossy_client(story: Story, lost: int, client: str = "10.0.0.7") -> list[int]:
    rows = []
    for n in range(lost):
        on = story.frontend(client, at_s=1.0 + n, client_packets=10, server_packets=10)
        rows.append(story.asked(at_s=1.0 + n, takes_s=0.3, connection=on))
        story.tables.event(on, t.EVENT_RETRANSMISSION, 1.2 + n, direction=CLIENT)
        story.tables.trouble(on, CLIENT, data_packets=5, retransmitted=1, stall_us=200_000)
    return rows


def test_one_lossy_client_among_many_healthy_ones_is_found() -> None:
    story = Story()
    for n in range(40):
        story.asked(
            at_s=float(n), connection=story.frontend(f"10.0.1.{n}", client_packets=200, server_packets=200)
        )
    rows = lossy_client(story, lost=6)
    finding = story.only(frontend_packet_loss)
    assert list(finding.exchanges) == rows
    assert finding.peers == ("10.0.0.7",)
    assert finding.severity == Severity.WARNING


def test_a_request_that_failed_waiting_for_repeats_is_an_error() -> None:
    story = Story()
    lossy_client(story, lost=5)
    on = story.frontend("10.0.0.7", at_s=10.0, client_packets=10, server_packets=5)
    row = story.asked(
        "POST /", status=0, at_s=10.0, connection=on, request_ended=t.END_FIN, request_end_us=t.NEVER
    )
    story.tables.event(on, t.EVENT_RETRANSMISSION, 14.0, direction=CLIENT)
    story.tables.trouble(on, CLIENT, data_packets=9, retransmitted=4, stall_us=4_000_000)
    story.fin(row, by=SERVER, after_s=5.0)
    finding = story.only(frontend_packet_loss)
    assert finding.severity == Severity.ERROR
    assert finding.facts["failed_requests"] == 1
    assert row in finding.exchanges


def test_a_stall_of_microseconds_is_no_stall_of_nothing() -> None:
    story = Story()
    for n in range(6):
        on = story.frontend("10.0.0.7", at_s=1.0 + n, client_packets=10, server_packets=10)
        story.asked(at_s=1.0 + n, takes_s=0.3, connection=on)
        story.tables.event(on, t.EVENT_RETRANSMISSION, 1.2 + n, direction=SERVER)
        story.tables.trouble(on, SERVER, data_packets=5, retransmitted=1, stall_us=41)
    finding = story.only(frontend_packet_loss)
    assert finding.facts["stall_s"] == 0.000246
    assert (
        "6 segments to the client were sent again; the connections stood still for 246 µs"
        in finding.explanation
    )
