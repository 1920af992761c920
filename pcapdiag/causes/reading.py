"""Why messages are malformed: the cold path of the detectors, a few messages read again from the capture."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcapdiag import tables as t
from pcapdiag.traffic import Traffic
from pcapdiag.wire import Span, in_order

MAX_READ = 5
EVENT_STREAM = "text/event-stream"
MAX_FIRST_BYTES = 200  # messages whose first bytes are looked at
MAX_FIRST_PACKETS = 50  # of a connection


def wire(traffic: Traffic) -> Any:
    """What reads packets again (``pcapdiag.wire.Wire``), or None when the files are not at hand."""
    return getattr(traffic, "wire", None)


def reasons(traffic: Traffic, rows: np.ndarray, direction: int) -> list[str]:
    """What is wrong with the first of these requests (direction 0) or responses (1), each reason once."""
    reader = wire(traffic)
    if reader is None:
        return []
    found = (reader.why_malformed(int(row), direction) for row in rows[:MAX_READ])
    return list(dict.fromkeys(reason for reason in found if reason))


def request_heads(traffic: Traffic, rows: np.ndarray, limit: int = MAX_READ) -> list[bytes]:
    """Start line and header fields of the first of these requests, as far as the capture holds them."""
    reader = wire(traffic)
    return [] if reader is None else [reader.request_head(int(row)) for row in rows[:limit]]


def response_heads(traffic: Traffic, rows: np.ndarray, limit: int = MAX_READ) -> list[bytes]:
    """The same of the first of these responses."""
    reader = wire(traffic)
    return [] if reader is None else [reader.response_head(int(row)) for row in rows[:limit]]


def ended_streams(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether each was a stream of events that its client closed: such a response has no other end (HTML
    Living Standard, server-sent events). No more than a limit of them are looked at."""
    asked = np.flatnonzero(traffic.exchanges["status"][rows] == 200)
    exchanges = traffic.exchanges[rows[asked]]
    closed = traffic.connections["closed_by"][exchanges["connection"]] == 0
    open_ended = (exchanges["flags"] & (t.RSP_SEEN | t.RSP_LENGTH | t.RSP_BAD)) == t.RSP_SEEN
    asked = asked[closed & open_ended & (exchanges["next"] == t.NONE)]
    result = np.zeros(len(rows), "?")
    for i, head in zip(asked.tolist(), response_heads(traffic, rows[asked], MAX_FIRST_BYTES), strict=False):
        result[i] = any(value.lower().startswith(EVENT_STREAM) for value in fields(head, "Content-Type"))
    return result


def fields(head: bytes, name: str) -> list[str]:
    """The values of a header field in a head, one for each line of that name."""
    wanted = name.lower().encode()
    lines = (line.partition(b":") for line in head.split(b"\r\n")[1:])
    return [value.strip().decode("latin-1") for key, _, value in lines if key.lower() == wanted]


def listed(head: bytes, name: str) -> list[str]:
    """The members of a header field that is a comma-separated list."""
    members = (member.strip() for value in fields(head, name) for member in value.split(","))
    return [member for member in members if member]


def first_bytes(traffic: Traffic, rows: np.ndarray) -> dict[int, bytes]:
    """What the first packets of these requests carry, by row; nothing for those beyond a limit."""
    reader = wire(traffic)
    if reader is None or not len(rows):
        return {}
    looked = rows[:MAX_FIRST_BYTES].tolist()
    exchanges = traffic.exchanges
    frames = {row: int(exchanges["request_frame"][row]) for row in looked if exchanges["request_frame"][row]}
    spans = {row: Span(int(exchanges["connection"][row]), frame, frame) for row, frame in frames.items()}
    packets = reader.collect(list(spans.values()))
    return {
        row: in_order(
            p for p in packets.get(span.connection, ()) if p.direction == 0 and p.running == span.first_frame
        )
        for row, span in spans.items()
    }


def unrecognised_answers(traffic: Traffic, rows: np.ndarray) -> dict[int, bytes]:
    """What the servers sent after these requests, by row, of those that are the first thing seen of their
    connection: on one begun before the capture, bytes that are no response are passed over."""
    reader = wire(traffic)
    if reader is None or not len(rows):
        return {}
    exchanges, connections = traffic.exchanges, traffic.connections
    looked = rows[:MAX_FIRST_BYTES].tolist()
    spans = {
        row: Span(on, int(connections["first_frame"][on]), int(connections["last_frame"][on]))
        for row, on in zip(looked, exchanges["connection"][looked].tolist(), strict=True)
    }
    packets = reader.collect(list(spans.values()), MAX_FIRST_PACKETS)
    found = {}
    for row, span in spans.items():
        own = packets.get(span.connection, [])
        sent = [p.end_seq for p in own if p.direction == 0 and p.payload_len]
        answers = [p for p in own if p.direction == 1 and p.payload_len]
        asked_first = answers and sent and own[0].running == exchanges["request_frame"][row]
        whole = asked_first and answers[0].seq == own[0].ack  # else its beginning is missing
        if whole and all(p.ack >= max(sent) for p in answers):
            found[row] = in_order(answers)
    return found


def begins_tls(data: bytes) -> bool:
    """Whether these bytes begin a TLS handshake record (RFC 8446 section 5.1)."""
    return len(data) > 2 and data[0] == 22 and data[1] == 3


def are_tls(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether what stands for each of these requests is a TLS handshake."""
    garbled = (traffic.exchanges["flags"][rows] & t.REQ_GARBLED) != 0
    data = first_bytes(traffic, rows[garbled])
    return garbled & np.fromiter((begins_tls(data.get(row, b"")) for row in rows.tolist()), "?", len(rows))
