"""Where a request's time went: its whole time cut into parts that add up to it.

A request's time runs from its first byte to the last of its answer, or to what ended it without one. Every
microsecond belongs to the first of these that was going on: a zero window, a stall until something lost was
sent again, the answer on its way to the client, the client's upload, the backend at work, the load balancer
connecting, its request on the way to the backend, the backend's answer on the way to the load balancer. What
is left is the load balancer's own, or, where the capture does not show which, of it and what is behind it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from pcapdiag import tables as t
from pcapdiag import words
from pcapdiag.causes import endings, outcome
from pcapdiag.causes.account import failed_rows
from pcapdiag.causes.cause import Finding, Severity
from pcapdiag.columns import among, distinct
from pcapdiag.report import lengths
from pcapdiag.report.summary import client_leg, row_numbers
from pcapdiag.traffic import Traffic

if TYPE_CHECKING:
    from pcapdiag.analysis import Analysis

#: A part's name and how people call it, in the order of a request's way.
PARTS = {
    "client_upload": "client upload",
    "alb": "ALB",
    "connect": "connect to the backend",
    "backend_upload": "upload to the backend",
    "backend_thinking": "backend thinking",
    "backend_download": "response to the ALB",
    "alb_and_backend": "ALB and backend",
    "download": "download",
    "loss_stalls": "loss stalls",
    "zero_window": "zero window",
}
#: Which part a moment belongs to when several go on.
_RANKS = (
    "zero_window", "loss_stalls", "download", "client_upload", "backend_thinking", "connect",
    "backend_upload", "backend_download",
)  # fmt: skip
REQUESTS_A_FINDING = 100
FAILED_LISTED, SLOW_LISTED = 50, 20
ATTEMPTS = 2000
_NEVER_NS = 1 << 62
_WORTH_SAYING = 0.005  # of the whole: a smaller part is not named in a line

_CUT_SHORT = (t.END_OPEN, t.END_FIN, t.END_RST_SENDER, t.END_RST_RECEIVER)

Stretch = tuple[str, int, int]  # part, from and until in µs after the request began


class Spent(NamedTuple):
    """The time of some requests together, in µs, and its parts (those that are not 0)."""

    requests: int
    whole_us: int
    parts_us: dict[str, int]


def of_finding(traffic: Traffic, finding: Finding) -> Spent | None:
    """Where the time of a finding's requests went; of many, those of an even sample."""
    each = of_requests(traffic, _asked(traffic, finding, REQUESTS_A_FINDING))
    return together(list(each.values())) if each else None


def _asked(traffic: Traffic, finding: Finding, most: int) -> np.ndarray:
    """The requests of a finding as the client saw them; evenly chosen where they are many."""
    claimed = row_numbers(finding.exchanges)
    claimed = claimed[:: len(claimed) // most + 1]
    if not len(claimed):
        return claimed
    seen = outcome.frontend_rows(traffic, claimed)
    return distinct(np.where(seen == t.NONE, claimed, seen)).astype("i8")


def together(each: Sequence[Spent]) -> Spent:
    parts = {name: sum(spent.parts_us.get(name, 0) for spent in each) for name in PARTS}
    return Spent(
        sum(spent.requests for spent in each),
        sum(spent.whole_us for spent in each),
        {name: us for name, us in parts.items() if us},
    )


def listed(analysis: Analysis) -> dict[int, Spent]:
    """Failed requests, those that findings tell of, and the slowest, with where the time of each went."""
    traffic, findings = analysis.traffic, analysis.findings
    failed = failed_rows(traffic) if analysis.account.rows is None else analysis.account.rows
    rows = [failed[:: len(failed) // FAILED_LISTED + 1], _slowest(traffic)]
    rows += [
        _asked(traffic, finding, FAILED_LISTED) for finding in findings if finding.severity > Severity.INFO
    ]
    measure(traffic, findings, *rows)
    return of_requests(traffic, distinct(np.concatenate(rows)))


def measure(traffic: Traffic, findings: Sequence[Finding], *rows: np.ndarray) -> None:
    """Measure these requests and those of the findings; all at once is quicker than as they are asked for."""
    of_findings = [_asked(traffic, finding, REQUESTS_A_FINDING) for finding in findings]
    of_requests(traffic, distinct(np.concatenate([*rows, *of_findings, np.zeros(0, "i8")])))


def _slowest(traffic: Traffic) -> np.ndarray:
    exchanges = traffic.exchanges
    near = np.flatnonzero(
        (traffic.exchange_leg == client_leg(traffic)) & (exchanges["response_end_us"] != t.NEVER)
    )
    took_us = exchanges["response_end_us"][near]
    return near[np.argpartition(took_us, -SLOW_LISTED)[-SLOW_LISTED:]] if len(near) > SLOW_LISTED else near


def of_requests(traffic: Traffic, rows: np.ndarray) -> dict[int, Spent]:
    """Where the time of each of these exchanges (of the client's leg, or alone on theirs) went."""
    kept: dict[int, Spent] = traffic.__dict__.setdefault("_spent", {})
    wanted = np.asarray(rows, "i8").tolist()
    kept.update(_measured(traffic, np.array([row for row in wanted if row not in kept], "i8")))
    return {row: kept[row] for row in wanted}


def _measured(traffic: Traffic, rows: np.ndarray) -> Iterator[tuple[int, Spent]]:
    if not len(rows):
        return
    served = _served(traffic, rows)
    bare = _bare_attempts(traffic, rows)
    pauses = _pauses(traffic, rows, served, bare)
    in_clear = bool(
        ((traffic.leg == t.LEG_BACKEND) & (traffic.connections["protocol"] == t.PROTOCOL_HTTP)).any()
    )
    unseen = outcome.connecting_meanwhile(traffic, rows) if in_clear else np.ones(len(rows), "?")
    took = lengths.took_us(traffic, rows).tolist()
    inner = distinct(np.array([exchange for own in served.values() for exchange in own], "i8"))
    ended = dict(zip(inner.tolist(), lengths.ended_us(traffic, inner).tolist(), strict=True))
    for place, (row, whole_us) in enumerate(zip(rows.tolist(), took, strict=True)):
        known = row in served or row in bare or not unseen[place]
        rest = {t.LEG_FRONTEND: "alb" if known else "alb_and_backend"}.get(
            int(traffic.exchange_leg[row]), "backend_thinking"
        )
        stretches = [
            *_own(traffic, row, whole_us),
            *(s for one in served.get(row, ()) for s in _backend(traffic, row, one, ended[one])),
            *_connects(traffic, row, bare.get(row, []), whole_us),
            *pauses.get(row, ()),
        ]
        yield row, Spent(1, whole_us, cut(whole_us, stretches, rest))


def cut(whole_us: int, stretches: Sequence[Stretch], rest: str) -> dict[str, int]:
    """The whole cut at the stretches' ends, each piece given to the part that ranks first there."""
    inside = [
        (_RANKS.index(part), max(0, begin), min(whole_us, end))
        for part, begin, end in stretches
        if min(whole_us, end) > max(0, begin)
    ]
    edges = sorted({0, whole_us, *(begin for _, begin, _ in inside), *(end for _, _, end in inside)})
    parts: dict[str, int] = {}
    for begin, end in pairwise(edges):
        rank = min((rank for rank, b, e in inside if b <= begin and e >= end), default=None)
        name = rest if rank is None else _RANKS[rank]
        parts[name] = parts.get(name, 0) + end - begin
    return {name: parts[name] for name in PARTS if name in parts}


def in_words(spent: Spent) -> str:
    """``2.5 s = connect to the backend 2.4 s + ALB 100 ms``; of several requests the mean of each."""
    return f"{mean(spent, spent.whole_us)} = " + " + ".join(f"{name} {time}" for name, time in shares(spent))


def shares(spent: Spent) -> list[tuple[str, str]]:
    """(part, its mean time), the longest first; what is too little to matter together as the rest."""
    parts = sorted(spent.parts_us.items(), key=lambda part: -part[1])
    large = [(name, us) for name, us in parts if us >= _WORTH_SAYING * spent.whole_us]
    rest_us = spent.whole_us - sum(us for _, us in large)
    said = [(PARTS[name], mean(spent, us)) for name, us in large]
    return said + ([("the rest", mean(spent, rest_us))] if rest_us else [])


def mean(spent: Spent, us: int) -> str:
    return words.duration(us / spent.requests / 1e6)


# --- what went on, and when --------------------------------------------------------------------------


def _sent_us(traffic: Traffic, row: int, ended_us: int) -> int:
    """When the last byte of the request had come; of one cut short, when the exchange ended."""
    exchange = traffic.exchanges[row]
    if (
        exchange["request_ended"] in _CUT_SHORT
        or exchange["request_end_us"] == t.NEVER
        or _holes(traffic, row, 0)
    ):
        return ended_us
    return int(exchange["request_end_us"])


def _own(traffic: Traffic, row: int, whole_us: int) -> Iterator[Stretch]:
    """Upload and download of an exchange itself."""
    exchange = traffic.exchanges[row]
    answered_us = int(exchange["response_start_us"])
    upload = "backend_upload" if traffic.exchange_leg[row] == t.LEG_BACKEND else "client_upload"
    sent_us = _sent_us(traffic, row, whole_us)
    yield "loss_stalls" if _holes(traffic, row, 0) else upload, 0, sent_us
    if answered_us != t.NEVER:
        yield "download", answered_us, whole_us
    elif _holes(traffic, row, 1):
        yield "loss_stalls", sent_us, whole_us


def _holes(traffic: Traffic, row: int, direction: int) -> bool:
    """Whether of this side's bytes some never came though later ones did, so that its message has no end."""
    exchange = traffic.exchanges[row]
    trouble = traffic.trouble_of.get((int(exchange["connection"]), direction))
    ended = exchange["response_ended" if direction else "request_ended"]
    return trouble is not None and bool(trouble["hole_bytes"]) and ended != t.END_COMPLETE


def _backend(traffic: Traffic, row: int, exchange: int, ended_us: int) -> Iterator[Stretch]:
    """What a backend exchange of the request was doing, in the request's time."""
    at_us = _after(traffic, row, int(traffic.exchanges["start_ns"][exchange]), exchange)
    inner = traffic.exchanges[exchange]
    connection = int(inner["connection"])
    if traffic.connections["first_exchange"][connection] == exchange:
        opened_us = _after(traffic, row, int(traffic.connections["first_ns"][connection]), exchange)
        if opened_us >= 0:
            yield (
                "connect",
                opened_us,
                min(at_us, opened_us + _handshake_us(traffic, connection, at_us - opened_us)),
            )
    sent_us = at_us + _sent_us(traffic, exchange, ended_us)
    ended_us += at_us
    yield "backend_upload", at_us, sent_us
    if inner["response_start_us"] == t.NEVER:
        yield "loss_stalls" if _holes(traffic, exchange, 1) else "backend_thinking", sent_us, ended_us
        return
    answered_us = at_us + int(inner["response_start_us"])
    yield "backend_thinking", sent_us, answered_us
    yield "backend_download", answered_us, ended_us


def _handshake_us(traffic: Traffic, connection: int, otherwise_us: int) -> int:
    """How long a connection took to open, TLS included where it speaks it."""
    row = traffic.connections[connection]
    syn_us, ack_us = int(row["syn_rtt_us"]), int(row["ack_rtt_us"])
    if (
        row["syns"] != 1
        or row["synacks"] != 1
        or t.NEVER in (syn_us, ack_us)
        or row["protocol"] != t.PROTOCOL_HTTP
    ):
        return otherwise_us
    return syn_us + ack_us


def _connects(traffic: Traffic, row: int, attempts: Sequence[int], whole_us: int) -> Iterator[Stretch]:
    """Connections to a backend that carried no request: each until it ended, or was given up."""
    begun = sorted((_at_connection(traffic, row, c, "first_ns"), c) for c in attempts)
    for place, (first_us, connection) in enumerate(begun):
        answered = traffic.connections["flags"][connection] & (t.CONN_SYNACK | t.CONN_REFUSED | t.CONN_ICMP)
        if answered:
            yield "connect", first_us, _at_connection(traffic, row, connection, "last_ns")
        else:  # silence: it lasts until the load balancer tries another, or answers
            yield "connect", first_us, begun[place + 1][0] if place + 1 < len(begun) else whole_us


def _served(traffic: Traffic, rows: np.ndarray) -> dict[int, list[int]]:
    """The backend exchanges of each request, as far as the clocks can be compared."""
    backs = np.flatnonzero((traffic.exchange_leg == t.LEG_BACKEND) & among(traffic.peer, rows))
    backs = backs[traffic.peer[backs] != t.NONE]
    pairs = {(int(traffic.peer[back]), back) for back in backs.tolist()}
    front = rows[traffic.exchange_leg[rows] == t.LEG_FRONTEND]
    pairs |= {
        (row, peer)
        for row, peer in zip(front.tolist(), traffic.peer[front].tolist(), strict=True)
        if peer != t.NONE
    }
    served: dict[int, list[int]] = {}
    for row, back in sorted(pairs):
        if _ahead_ns(traffic, row, int(traffic.exchanges["connection"][back])) is not None:
            served.setdefault(row, []).append(back)
    return served


def _bare_attempts(traffic: Traffic, rows: np.ndarray) -> dict[int, list[int]]:
    """The backend connections without an exchange that were opened for each request."""
    bare = np.flatnonzero((traffic.leg == t.LEG_BACKEND) & (traffic.connections["exchanges"] == 0))[:ATTEMPTS]
    behind = outcome.requests_behind(traffic, bare)
    attempts: dict[int, list[int]] = {}
    for connection, row in zip(bare.tolist(), behind.tolist(), strict=True):
        if row != t.NONE and _ahead_ns(traffic, row, connection) is not None:
            attempts.setdefault(row, []).append(connection)
    return attempts


def _pauses(
    traffic: Traffic, rows: np.ndarray, served: dict[int, list[int]], bare: dict[int, list[int]]
) -> dict[int, list[Stretch]]:
    """Stalls and zero windows on the connections of each request."""
    on = {
        row: [int(traffic.exchanges["connection"][e]) for e in (row, *served.get(row, ()))]
        + bare.get(row, [])
        for row in rows.tolist()
    }
    wanted = distinct(np.array([c for connections in on.values() for c in connections], "i8"))
    events = traffic.events[among(traffic.events["connection"], wanted)]
    closed: dict[int, list[tuple[str, int, int]]] = {}
    open_since: dict[tuple[int, int], int] = {}
    again_at: dict[tuple[int, int], int] = {}
    for event in events[np.argsort(events["time_ns"], kind="stable")]:
        connection, kind, now_ns = int(event["connection"]), int(event["kind"]), int(event["time_ns"])
        key = (connection, int(event["direction"]))
        if kind in (t.EVENT_RETRANSMISSION, t.EVENT_LOST_BEFORE) and event["stall_us"]:
            begun_ns = now_ns - int(event["stall_us"]) * 1000
            closed.setdefault(connection, []).append(("loss_stalls", begun_ns, now_ns))
            again_at[key] = now_ns
        elif kind == t.EVENT_ZERO_WINDOW:
            open_since.setdefault(key, now_ns)
        elif kind == t.EVENT_WINDOW_REOPENED and key in open_since:
            closed.setdefault(connection, []).append(("zero_window", open_since.pop(key), now_ns))
    for (connection, direction), begun_ns in again_at.items():
        trouble = traffic.trouble_of.get((connection, direction))
        if trouble is not None and trouble["unacked_retries"]:  # in vain: the stall never ended
            of = traffic.connections[connection]
            until_ns = int(of["last_ns"]) if of["closed_by"] != endings.NOBODY else _NEVER_NS
            closed.setdefault(connection, []).append(("loss_stalls", begun_ns, until_ns))
    for (connection, _), begun_ns in open_since.items():
        last_ns = int(traffic.connections["last_ns"][connection])
        closed.setdefault(connection, []).append(("zero_window", begun_ns, last_ns))
    return {
        row: [
            (part, _after_on(traffic, row, begun, connection), _after_on(traffic, row, end, connection))
            for connection in connections
            for part, begun, end in closed.get(connection, ())
        ]
        for row, connections in on.items()
        if closed
    }


# --- clocks ------------------------------------------------------------------------------------------


def _after(traffic: Traffic, row: int, time_ns: int, exchange: int) -> int:
    return _after_on(traffic, row, time_ns, int(traffic.exchanges["connection"][exchange]))


def _at_connection(traffic: Traffic, row: int, connection: int, column: str) -> int:
    return _after_on(traffic, row, int(traffic.connections[column][connection]), connection)


def _after_on(traffic: Traffic, row: int, time_ns: int, connection: int) -> int:
    """A time of this connection's vantage point, in µs after the request began."""
    ahead_ns = _ahead_ns(traffic, row, connection) or 0
    return (time_ns - ahead_ns - int(traffic.exchanges["start_ns"][row])) // 1000


def _ahead_ns(traffic: Traffic, row: int, connection: int) -> int | None:
    """How far the clock that saw the connection is ahead of the one that saw the request; None: unknown."""
    front = int(traffic.connections["vantage"][traffic.exchanges["connection"][row]])
    back = int(traffic.connections["vantage"][connection])
    if front == back:
        return 0
    offset = traffic.clock_offsets_ns.get((front, back))
    return offset[0] if offset else None
