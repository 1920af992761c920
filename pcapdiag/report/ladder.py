"""Packets of a finding's evidence as ladder diagrams: client, load balancer and backend, step by step.

Only here does a report look at packets again, so everything is bounded: a few ladders a finding, frames
around the evidence and around the exchange it speaks of, on both legs, read in one pass.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from pcapdiag import tables as t
from pcapdiag import words
from pcapdiag.causes.cause import Evidence, Finding, Severity
from pcapdiag.causes.endings import capture_end_ns
from pcapdiag.columns import among
from pcapdiag.report.listing import tcp_flags
from pcapdiag.report.summary import row_numbers
from pcapdiag.traffic import Traffic

if TYPE_CHECKING:
    from pcapdiag.wire import Wire
    from pcapdiag.wirepacket import Span, WirePacket

LADDERS_A_FINDING = 2
LADDERS = 16
FRAMES_AN_END = 1500  # running frames read at each end of a long span
FRAMES_AROUND = 20  # and around each frame of the evidence
PACKETS_A_LADDER = 240
_SENT_AGAIN = (
    t.EVENT_RETRANSMISSION, t.EVENT_SYN_RETRANSMISSION, t.EVENT_SYNACK_RETRANSMISSION,
    t.EVENT_FIN_RETRANSMISSION,
)  # fmt: skip
_EVENTS = {
    t.EVENT_RETRANSMISSION: "retransmission",
    t.EVENT_SPURIOUS: "spurious retransmission",
    t.EVENT_LOST_BEFORE: "retransmission (lost before the capture)",
    t.EVENT_OUT_OF_ORDER: "out of order",
    t.EVENT_ZERO_WINDOW: "zero window",
    t.EVENT_WINDOW_REOPENED: "window open again",
    t.EVENT_SYN_RETRANSMISSION: "SYN retransmission",
    t.EVENT_SYNACK_RETRANSMISSION: "SYN-ACK retransmission",
    t.EVENT_FIN_RETRANSMISSION: "FIN retransmission",
    t.EVENT_KEEP_ALIVE: "keep-alive",
    t.EVENT_GAP: "bytes before this were not captured",
    t.EVENT_MISSING: "acknowledges bytes never captured",
}

PACKET_COLUMNS = (
    "time_us", "file", "frame", "leg", "direction", "flags", "seq", "ack", "length", "window", "wirelen",
    "event", "http", "is_evidence", "sack", "again_in", "again_of", "is_unanswered",
)  # fmt: skip


@dataclass
class Plan:
    """One ladder to be: whose packets, which frames."""

    finding: int
    evidence: Evidence
    connections: dict[int, int]  # connection -> 1 frontend, 2 backend, 0 neither
    marked: set[int]  # running frames of the evidence
    spans: list[Span] = field(default_factory=list)


def ladders(traffic: Traffic, wire: Wire, findings: list[Finding]) -> list[dict[str, Any]]:
    """The ladders of the worst findings' first pieces of evidence."""
    plans = [plan for number, finding in enumerate(findings) for plan in plans_of(traffic, number, finding)][
        :LADDERS
    ]
    found = wire.collect(span for plan in plans for span in plan.spans)
    return [ladder for plan in plans if (ladder := drawn(traffic, plan, found))["packets"]]


def plans_of(traffic: Traffic, number: int, finding: Finding) -> list[Plan]:
    if finding.severity is Severity.INFO:
        return []
    claimed = row_numbers(finding.exchanges)
    return [plan_of(traffic, number, item, claimed) for item in finding.evidence[:LADDERS_A_FINDING]]


def plan_of(traffic: Traffic, number: int, item: Evidence, claimed: np.ndarray) -> Plan:
    """The evidence's connection, and the other leg's of the exchange it speaks of."""
    marked = set(running_frames(traffic, item))
    plan = Plan(number, item, {item.connection: int(traffic.leg[item.connection])}, marked)
    exchange = exchange_of(traffic, item, claimed, marked)
    first, last = exchange_frames(traffic, exchange) if exchange is not None else (0, 0)
    frames = sorted({*marked, *({first, last} - {0})}) or connection_frames(traffic, item.connection)
    plan.spans += spans_of(item.connection, frames, marked)
    if exchange is not None and (peer := int(traffic.peer[exchange])) != t.NONE:
        connection = int(traffic.exchanges[peer]["connection"])
        plan.connections[connection] = int(traffic.leg[connection])
        plan.spans += spans_of(connection, list(exchange_frames(traffic, peer)), set())
    return plan


def running_frames(traffic: Traffic, item: Evidence) -> list[int]:
    """The evidence's frames as running numbers."""
    at = [info.first_frame - 1 for info in traffic.files if info.path == item.file] or [0]
    return [at[0] + frame for frame in item.frames]


def exchange_of(traffic: Traffic, item: Evidence, claimed: np.ndarray, marked: set[int]) -> int | None:
    """The exchange the evidence speaks of: claimed by the finding if one is, and at its frames."""
    rows = np.fromiter(traffic.of_connection(item.connection), "i8")
    own = rows[among(rows, claimed)]
    candidates = own if len(own) else rows[among(rows, traffic.peer[claimed])]
    if not len(candidates):
        candidates = rows
    frames = sorted(marked)
    for row in candidates.tolist():
        first, last = exchange_frames(traffic, row)
        if any(first <= frame <= last for frame in frames):
            return int(row)
    return int(candidates[0]) if len(candidates) else None


def exchange_frames(traffic: Traffic, row: int) -> tuple[int, int]:
    """First and last frame of an exchange."""
    exchange = traffic.exchanges[row]
    names = ("request_frame", "request_end_frame", "response_frame", "response_end_frame")
    frames = [int(exchange[name]) for name in names if exchange[name]]
    return min(frames, default=0), max(frames, default=0)


def connection_frames(traffic: Traffic, connection: int) -> list[int]:
    row = traffic.connections[connection]
    return [int(row["first_frame"]), int(row["last_frame"])]


def spans_of(connection: int, frames: list[int], marked: set[int]) -> list[Span]:
    """From the first frame to the last; only both ends and the marked frames where that is far."""
    from pcapdiag.wirepacket import Span

    first, last = min(frames), max(frames)
    if last - first <= 2 * FRAMES_AN_END:
        return [Span(connection, first - FRAMES_AROUND, last + FRAMES_AROUND)]
    ends = [
        Span(connection, first - FRAMES_AROUND, first + FRAMES_AN_END),
        Span(connection, last - FRAMES_AN_END, last + FRAMES_AROUND),
    ]
    return ends + [Span(connection, frame - FRAMES_AROUND, frame + FRAMES_AROUND) for frame in sorted(marked)]


def drawn(traffic: Traffic, plan: Plan, found: dict[int, list[WirePacket]]) -> dict[str, Any]:
    """A ladder as the page draws it."""
    packets = [
        (packet, connection)
        for connection in plan.connections
        for packet in found.get(connection, ())
        if any(
            s.connection == connection and s.first_frame <= packet.running <= s.last_frame for s in plan.spans
        )
    ]
    packets.sort(key=lambda pair: (pair[0].time_ns, pair[0].running))
    left_out = max(0, len(packets) - PACKETS_A_LADDER)
    packets = thinned(packets, plan.marked)
    start_ns = packets[0][0].time_ns if packets else 0
    notes = {connection: notes_of(traffic, connection) for connection in plan.connections}
    for connection in plan.connections:
        if sum(span.connection == connection for span in plan.spans) == 1:
            mark_holes(found.get(connection, []), notes[connection][0])
    repeats = {
        later.running: earlier
        for connection in plan.connections
        for later, earlier in repeated(traffic, connection, found.get(connection, []))
    }
    silent = {
        running
        for connection in plan.connections
        if sum(span.connection == connection for span in plan.spans) == 1
        for running in unanswered(traffic, connection, found.get(connection, []), repeats)
    }
    return {
        "finding": plan.finding,
        "leg": plan.connections[plan.evidence.connection],
        "title": f"{plan.evidence.client} - {plan.evidence.server}",
        "note": plan.evidence.note,
        "start_ns": str(start_ns),
        "lanes": lanes(traffic, plan),
        "unscaled": sorted(leg for c, leg in plan.connections.items() if not scale_known(traffic, c)),
        "files": [words.file_name(info.path) for info in traffic.files],
        "columns": PACKET_COLUMNS,
        "packets": [
            [*row_of(packet, c, plan, start_ns, *notes[c]), *pair, int(packet.running in silent)]
            for (packet, c), pair in zip(packets, told_apart(packets, repeats), strict=True)
        ],
        "left_out": left_out,
    }


def thinned(packets: list[tuple[WirePacket, int]], marked: set[int]) -> list[tuple[WirePacket, int]]:
    """The evidence, both ends, and as many between as there is room for."""
    if len(packets) <= PACKETS_A_LADDER:
        return packets
    half = PACKETS_A_LADDER // 2
    places = {n for n, (packet, _) in enumerate(packets) if packet.running in marked}
    places |= {near for n in places for near in range(n - 3, n + 4)}
    places |= {*range(half), *range(len(packets) - half, len(packets))}
    return [pair for n, pair in enumerate(packets) if n in places]


def lanes(traffic: Traffic, plan: Plan) -> list[dict[str, str]]:
    """The ladder's lifelines from left to right."""
    roles = {t.LEG_FRONTEND: ("client", "ALB"), t.LEG_BACKEND: ("ALB", "backend")}
    names: dict[str, list[str]] = {}
    for connection, leg in sorted(plan.connections.items(), key=lambda item: item[1]):
        ends = traffic.client(connection), traffic.server(connection)
        for role, name in zip(roles.get(leg, ("client", "server")), ends, strict=True):
            names.setdefault(role, []).append(name)
    return [{"role": role, "name": " / ".join(dict.fromkeys(names[role]))} for role in names]


def notes_of(traffic: Traffic, connection: int) -> tuple[dict[int, str], dict[int, str]]:
    """What the tables know of a connection's frames: TCP events, and where HTTP messages begin."""
    events = {
        int(event["frame"]): _EVENTS[int(event["kind"])]
        for event in traffic.events_of(connection)
        if int(event["kind"]) in _EVENTS
    }
    messages: dict[int, str] = {}
    for row in islice(traffic.of_connection(connection), 2000):
        exchange = traffic.exchanges[row]
        if exchange["request_frame"]:
            target = traffic.target(row)
            join(messages, int(exchange["request_frame"]), f"{traffic.method(row)} {target[:80]}")
        if exchange["response_frame"] and exchange["status"]:
            join(messages, int(exchange["response_frame"]), f"{exchange['status']}")
    return events, messages


def mark_holes(packets: list[WirePacket], events: dict[int, str]) -> None:
    """Say where a segment comes before bytes that should have come first; needs every packet of a stretch."""
    following: dict[int, int] = {}
    holes: list[tuple[WirePacket, int]] = []  # each with the number its sender had come to before
    for packet in packets:
        if packet.icmp or packet.flags & t.RST:
            continue
        expected = following.setdefault(packet.direction, packet.seq)
        if packet.seq > expected:
            holes.append((packet, expected))
        elif packet.seq < expected:
            late = [h for h in holes if fills(packet, *h)]
            for after, began in late:
                tell(events, after, began, "come later")
            holes = [h for h in holes if h not in late] if late else holes
        following[packet.direction] = max(expected, packet.end_seq)
    for after, began in holes:
        tell(events, after, began, "are missing")


def fills(packet: WirePacket, after: WirePacket, began: int) -> bool:
    return packet.direction == after.direction and packet.seq < after.seq and packet.end_seq > began


def tell(events: dict[int, str], after: WirePacket, began: int, what: str) -> None:
    events.setdefault(after.running, f"{after.seq - began:,} bytes before this {what}")


def scale_known(traffic: Traffic, connection: int) -> bool:
    """Whether this connection's windows are in bytes: its handshake told the scale, or that there is none."""
    row = traffic.connections[connection]
    if row["client_wscale"] >= 0 and row["server_wscale"] >= 0:
        return True
    return bool(row["flags"] & t.CONN_SYN and row["flags"] & t.CONN_SYNACK)


def repeated(
    traffic: Traffic, connection: int, packets: list[WirePacket]
) -> Iterator[tuple[WirePacket, WirePacket]]:
    """Each packet sent again, with the earlier one that had not been acknowledged by then."""
    again = {int(event["frame"]) for event in traffic.events_of(connection) if event["kind"] in _SENT_AGAIN}
    for place, packet in enumerate(packets):
        if packet.running not in again or packet.icmp:
            continue
        for earlier in reversed(packets[:place]):
            if earlier.direction != packet.direction:
                if earlier.flags & t.ACK and earlier.ack > packet.seq:
                    break
            elif not earlier.icmp and earlier.seq <= packet.seq < earlier.end_seq:
                yield packet, earlier
                break


def unanswered(
    traffic: Traffic, connection: int, packets: list[WirePacket], repeats: dict[int, WirePacket]
) -> Iterator[int]:
    """Running frames of packets sent again that nothing acknowledged, up to the connection's end.

    The capture must have gone on for as long as the sender had waited before, and show the receiver at all.
    """
    row = traffic.connections[connection]
    if not packets or packets[-1].running != row["last_frame"]:
        return
    end_ns = int(capture_end_ns(traffic)[row["vantage"]])
    for packet in packets:
        earlier = repeats.get(packet.running)
        if earlier is None or end_ns - packet.time_ns < packet.time_ns - earlier.time_ns:
            continue
        heard = [p for p in packets if p.direction != packet.direction and p.flags & t.ACK and not p.icmp]
        told = [(0, p.ack) for p in heard] + [block for p in heard for block in p.sack]
        if heard and not any(left <= packet.seq and packet.end_seq <= right for left, right in told):
            yield packet.running


def told_apart(
    packets: list[tuple[WirePacket, int]], repeats: dict[int, WirePacket]
) -> Iterator[tuple[int, list[int]]]:
    """For each packet: the frame that sent it again (0: none), and [frame, µs ago] of what it repeats."""
    frames = {earlier.running: later for later, earlier in repeats.items()}
    numbers = {packet.running: packet.frame for packet, _ in packets}
    for packet, _ in packets:
        earlier = repeats.get(packet.running)
        ago = [earlier.frame, (packet.time_ns - earlier.time_ns) // 1000] if earlier else []
        yield numbers.get(frames.get(packet.running, 0), 0), ago


def join(messages: dict[int, str], frame: int, text: str) -> None:
    messages[frame] = f"{messages[frame]}, {text}" if frame in messages else text


def row_of(
    packet: WirePacket,
    connection: int,
    plan: Plan,
    start_ns: int,
    events: dict[int, str],
    messages: dict[int, str],
) -> list[Any]:
    event = events.get(packet.running, "")
    if packet.flags & t.RST and event == _EVENTS[t.EVENT_GAP]:
        event = ""  # its number is the sender's next, or one the receiver named: nothing need come before it
    if packet.icmp:
        event = f"ICMP error type {packet.icmp[0]} code {packet.icmp[1]}"
    return [
        (packet.time_ns - start_ns) // 1000,
        packet.file,
        packet.frame,
        plan.connections[connection],
        packet.direction,
        tcp_flags(packet.flags),
        packet.seq,
        packet.ack,
        packet.payload_len,
        packet.window,
        packet.wirelen,
        event,
        messages.get(packet.running, ""),
        int(packet.running in plan.marked),
        list(packet.sack),
    ]
