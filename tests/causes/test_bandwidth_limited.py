"""bandwidth-limited: an even rate, a queue, and never idle."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import replace

import pytest

from pcapdiag.causes import bandwidth_limited
from pcapdiag.causes.bandwidth_limited import even_rate_bps
from pcapdiag.wirepacket import WirePacket
from tests.causes.stories import Story

SEGMENT = 1000
BLANK = WirePacket(
    **dict.fromkeys((f.name for f in dataclasses.fields(WirePacket)), 0) | {"sack": (), "icmp": None}
)


def transfer(pauses_ms: list[float], ahead: int = 10) -> Iterator[WirePacket]:
    """Segments acknowledged one by one after these pauses, the sender so many segments ahead."""
    now_ns, count = 0, len(pauses_ms)
    for n in range(min(ahead, count)):
        yield replace(BLANK, direction=1, time_ns=now_ns, seq=1 + n * SEGMENT, payload_len=SEGMENT)
    for n, pause_ms in enumerate(pauses_ms):
        now_ns += int(pause_ms * 1e6)
        yield replace(BLANK, direction=0, time_ns=now_ns, ack=1 + (n + 1) * SEGMENT)
        if n + ahead < count:
            sent_ns = now_ns if ahead > 1 else now_ns + int(0.8 * pauses_ms[n] * 1e6)
            seq = 1 + (n + ahead) * SEGMENT
            yield replace(BLANK, direction=1, time_ns=sent_ns, seq=seq, payload_len=SEGMENT)


def test_an_even_rate_is_measured() -> None:
    assert even_rate_bps(list(transfer([20] * 60)), 1) == pytest.approx(400_000, rel=0.02)


def test_selected_bytes_have_arrived_too() -> None:
    """The first segment is lost, and every later one acknowledged by SACK until it comes again."""
    packets = list(transfer([20] * 60))
    for n, packet in enumerate(packets):
        if packet.direction == 0 and packet.ack < 40 * SEGMENT:
            packets[n] = replace(packet, ack=1, sack=((1 + SEGMENT, packet.ack + SEGMENT),))
    assert even_rate_bps(packets, 1) == pytest.approx(400_000, rel=0.1)


def test_stalls_are_not_even() -> None:
    assert even_rate_bps(list(transfer([1] * 30 + [600] + [1] * 30)), 1) == 0


def test_a_sender_with_no_more_to_say_leaves_the_path_idle() -> None:
    assert even_rate_bps(list(transfer([20] * 60, ahead=1)), 1) == 0


def test_a_few_segments_say_nothing() -> None:
    assert even_rate_bps(list(transfer([20] * 10)), 1) == 0


def test_a_large_response_over_a_short_path_is_not_even_read() -> None:
    story = Story()
    on = story.frontend(server_rtt_us=50, server_mean_rtt_us=300)
    story.asked(connection=on, response_body=5_000_000)
    story.tables.connections[on]["server_bytes"] = 5_000_000
    assert story.silent(bandwidth_limited)


def test_without_packets_at_hand_nothing_is_claimed() -> None:
    story = Story()
    on = story.frontend(server_rtt_us=20_000, server_mean_rtt_us=300_000)
    story.asked(connection=on, response_body=500_000)
    story.tables.connections[on]["server_bytes"] = 500_000
    assert story.silent(bandwidth_limited)
