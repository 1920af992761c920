"""frontend-packet-loss: what is sent again between clients and the load balancer."""

from __future__ import annotations

from collections.abc import Iterable
from types import SimpleNamespace

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import frontend_packet_loss
from pcapdiag.causes.cause import Finding, Severity
from pcapdiag.wire import Span
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


class Reader:
    """Stands in for what reads packets again: the numbers of the copies of each segment, in their order."""

    def __init__(self, **copies_on: list[int]) -> None:
        self.copies_on = {int(name[1:]): ids for name, ids in copies_on.items()}

    def collect(self, spans: Iterable[Span], limit: int) -> dict[int, list[SimpleNamespace]]:
        return {s.connection: [_copy(n, i) for n in range(6) for i in self.of(s)] for s in spans}

    def of(self, span: Span) -> list[int]:
        return self.copies_on.get(span.connection, [])


def _copy(segment: int, ip_id: int) -> SimpleNamespace:
    at = {"seq": 1000 * segment, "ip_id": ip_id + segment, "payload_len": 1000}
    return SimpleNamespace(direction=SERVER, sack=(), ack=1, **at)


def repeated(reader: Reader, *, seen_twice: bool = False) -> list[Finding]:
    """Six holes that were filled late, soon after they opened."""
    story = Story()
    for _ in range(1 + seen_twice):
        on = story.frontend("10.0.0.7:40000", client_packets=10, server_packets=60)
        story.asked(takes_s=0.3, connection=on)
        story.tables.trouble(on, SERVER, data_packets=60, lost_before=6, stall_us=1200)
    traffic = story.build()
    if seen_twice:
        traffic.twin = np.array([False, True])
    traffic.wire = reader  # type: ignore[assignment]
    return list(frontend_packet_loss.find(traffic, story.profile))


def test_originals_that_come_behind_their_repeats_were_not_lost() -> None:
    assert not repeated(Reader(c0=[500, 300]))
    assert not repeated(Reader(c0=[20, 65_500]))  # the numbers begin again at 0


def test_repeats_that_come_alone_or_first_sent_last_are_of_lost_segments() -> None:
    for copies in ([500], [300, 500]):
        (finding,) = repeated(Reader(c0=copies))
        assert finding.facts["lost_to_client"] == 6


def test_what_arrived_at_another_vantage_point_was_not_lost() -> None:
    assert not repeated(Reader(c0=[300, 500], c1=[500, 300]), seen_twice=True)
    assert repeated(Reader(c0=[300, 500], c1=[500]), seen_twice=True)
