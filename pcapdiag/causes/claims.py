"""From the rows that a detector chose to its Finding: count, statuses, peers, severity, evidence."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from pcapdiag import tables as t
from pcapdiag import words
from pcapdiag.causes import endings, evidence, outcome
from pcapdiag.causes.cause import Cause, Evidence, Finding, Severity
from pcapdiag.traffic import Traffic, endpoint

MAX_PEERS = 50
NO_ROWS = np.zeros(0, "i8")

Facts = dict[str, float | int | str | list]


def finding(
    traffic: Traffic,
    cause: Cause,
    leg: int,
    *,
    title: str,
    explanation: str,
    remedy: Sequence[str],
    exchanges: np.ndarray = NO_ROWS,
    connections: np.ndarray = NO_ROWS,
    facts: Facts | None = None,
    severity: Severity | None = None,
    shown_by: np.ndarray | None = None,
    note: str = "",
    kinds: Iterable[int] = (),
    shown: tuple[Evidence, ...] | None = None,
) -> Finding:
    """A finding about these exchanges, and these connections on which none began.

    ``shown_by`` are connections to take as evidence when they are others than those. ``note`` says what the
    frames of the evidence show; events of ``kinds`` are among them. ``shown`` is evidence already chosen.
    """
    if shown is not None:
        pass
    elif shown_by is None:
        shown = evidence.of_exchanges(traffic, exchanges, note, kinds)
        shown += evidence.of_connections(
            traffic, connections[: evidence.MAX_EVIDENCE - len(shown)], note, kinds
        )
    else:
        shown = evidence.of_connections(traffic, shown_by, note, kinds)
    seen = outcome.statuses(traffic, exchanges)
    if leg != t.LEG_BACKEND and len(connections):
        seen["none"] = seen.get("none", 0) + len(connections)
    on = np.concatenate([traffic.exchanges["connection"][exchanges], connections]).astype("i8")
    names = peers(traffic, on if shown_by is None else shown_by, leg)
    if leg == t.LEG_FRONTEND and not traffic.alb:
        explanation += doubt(cause, names)
    return Finding(
        cause=cause,
        severity=cause.severity if severity is None else severity,
        leg=t.LEGS[leg],
        title=title,
        explanation=explanation,
        remedy=tuple(remedy),
        count=len(exchanges) + len(connections),
        statuses=seen,
        facts=dict(facts or {}),
        peers=names,
        evidence=shown,
        exchanges=exchanges,
        connections=connections,
    )


def doubt(cause: Cause, clients: Sequence[str]) -> str:
    """That those taken for clients, where no load balancer was recognised, may be one; what it is then."""
    then = f"this may be {cause.on_backend} instead: " if cause.on_backend else ""
    if len(clients) == 1:
        taken, one = f"{clients[0]} is taken for a client", "it is the load balancer"
        name = f"say --alb {clients[0]}"
    else:
        taken, one = "these are taken for connections of clients", "they come from it"
        name = "name its address with --alb"
    return f" No load balancer was recognised, so {taken}; if {one}, {then}{name}."


def peers(traffic: Traffic, connections: np.ndarray, leg: int) -> tuple[str, ...]:
    """The backends (address and port), or the clients (address), behind these connections; the most first."""
    column = traffic.connections["server" if leg == t.LEG_BACKEND else "client"]
    keys = column[connections].astype("u8") << 16
    if leg == t.LEG_BACKEND:
        keys |= traffic.connections["server_port"][connections]
    found, counts = np.unique(keys, return_counts=True)
    first = found[np.argsort(-counts, kind="stable")][:MAX_PEERS].tolist()
    if leg == t.LEG_BACKEND:
        return tuple(endpoint(traffic.addresses[key >> 16], key & 0xFFFF) for key in first)
    return tuple(traffic.addresses[key >> 16] for key in first)


def failed_or_healed(traffic: Traffic, rows: np.ndarray) -> tuple[np.ndarray, Severity | None, int]:
    """The rows whose requests failed, or all when the load balancer healed every one: then a warning.

    The third is how many it healed.
    """
    healed = outcome.healed(traffic, rows)
    if healed.all():
        return rows, Severity.WARNING, len(rows)
    return rows[~healed], None, int(healed.sum())


def what_failed(attempts: outcome.Attempts) -> str:
    """What attempts to connect meant for requests: ``{count} requests failed``, or that none did."""
    if attempts.severity:
        return "no request failed by it"
    if len(attempts.exchanges):
        return f"{{count}} request{'s' if len(attempts.exchanges) != 1 else ''} failed"
    if attempts.again:
        return "tried again and again, they were for {count} requests"
    return f"{{count}} attempt{'s' if len(attempts.connections) != 1 else ''} failed"


def who(names: Sequence[str], what: str = "backends") -> str:
    """``10.0.1.5:8080``, or ``10.0.1.5:8080 and 2 other backends``."""
    if len(names) < 2:
        return names[0] if names else "nobody"
    if len(names) == 2:
        return f"{names[0]} and {names[1]}"
    return f"{names[0]} and {len(names) - 1} other {what}"


def of_requests(traffic: Traffic, leg: int) -> str:
    """``3 of 40 requests`` of the leg; the verdict fills in the count once it is settled. Where no request
    was read the count is of connections."""
    total = int(np.count_nonzero(endings.on_leg(traffic, leg)))
    if not total:
        return "{count} of the connections"
    return f"{{count}} of {words.counted(total, 'request')}"


def involved(traffic: Traffic, exchanges: np.ndarray, leg: int) -> tuple[str, ...]:
    """The peers of these exchanges, the most first."""
    return peers(traffic, traffic.exchanges["connection"][exchanges], leg)


def answers(statuses: dict[str, int]) -> str:
    """`` with 502``, `` with 502 or 504``, ``: no answer``: how failed requests ended for the client."""
    codes = sorted(code for code in statuses if code != "none")
    if not codes:
        return " without an answer" if statuses else ""
    return f" with {' or '.join(codes)}"


def first_reason(reasons: Sequence[str]) -> str:
    """``: the first``, and how many more there are."""
    if len(reasons) < 2:
        return f": {reasons[0]}" if reasons else ""
    return f" for {len(reasons)} reasons, first: {reasons[0]}"


def all_reasons(reasons: Sequence[str]) -> str:
    """`` for these reasons: one; another.``, or a full stop where the title tells the only one."""
    return f" for these reasons: {'; '.join(reasons)}." if len(reasons) > 1 else "."


def median(values: np.ndarray) -> float:
    """The median, to the microsecond; 0 of none."""
    known = values[~np.isnan(values)]
    return round(float(np.median(known)), 6) if len(known) else 0.0


def cluster(values: np.ndarray) -> bool:
    """Whether several measured times are one value: a timer, not chance."""
    if len(values) < 3:
        return False
    low, middle, high = np.percentile(values, (10, 50, 90))
    return bool(high - low <= max(0.05 * middle, 0.02))


def common(values: np.ndarray) -> np.ndarray:
    """Which of several measured times lie at their common value: what a timer ended."""
    if len(values) < 2:
        return np.zeros(len(values), "?")
    middle = float(np.median(values))
    near = np.abs(values - middle) <= max(0.05 * middle, 0.02)
    return near & (np.count_nonzero(near) > 1)
