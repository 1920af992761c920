"""What receivers acknowledged beyond a hole in their stream (SACK, RFC 2018): packets read again.

Such an acknowledgement says more than a missing packet does. It is the receiver itself, not only the capture,
that lacks what lies in the hole; and what it selects did pass.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pcapdiag.causes import reading
from pcapdiag.traffic import Traffic
from pcapdiag.wire import Span
from pcapdiag.wirepacket import WirePacket

MAX_READ = 20  # directions read again
BEFORE = 20_000  # frames before a direction's first trouble, among which the segments were sent
AFTER = 1_000  # frames after the last, among which the receiver answers


def largest_selected(traffic: Traffic, connections: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """The largest segment of each direction that its receiver acknowledged beyond a hole; 0 = none, or not
    looked at."""
    result = np.zeros(len(connections), "i8")
    reader = reading.wire(traffic)
    if reader is None or not len(connections):
        return result
    looked = list(zip(connections.tolist(), directions.tolist(), strict=True))[:MAX_READ]
    packets = reader.collect([_span(traffic, connection, direction) for connection, direction in looked])
    for i, (connection, direction) in enumerate(looked):
        result[i] = _largest(packets.get(connection, ()), direction)
    return result


def _span(traffic: Traffic, connection: int, direction: int) -> Span:
    row, trouble = traffic.connections[connection], traffic.trouble_of[connection, direction]
    first = max(int(trouble["first_trouble_frame"]) - BEFORE, int(row["first_frame"]))
    return Span(connection, first, min(int(trouble["last_trouble_frame"]) + AFTER, int(row["last_frame"])))


def _largest(packets: Sequence[WirePacket], direction: int) -> int:
    blocks = {
        block for p in packets if p.direction != direction for block in p.sack if block[0] > p.ack
    }  # a block at or below the ACK tells of a duplicate (RFC 2883)
    sent = (p for p in packets if p.direction == direction and p.payload_len)
    return max(
        (
            p.payload_len
            for p in sent
            if any(left <= p.seq and p.seq + p.payload_len <= right for left, right in blocks)
        ),
        default=0,
    )
