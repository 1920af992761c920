"""Requests refused at once because the load balancer had given a backend up a moment before.

After a failed connect many load balancers try that backend no more for a while (Apache 60 s, nginx 10 s,
Varnish a quarter of a second) and answer by themselves. What failed those requests is the connect before
them, though none was made for them.
"""

from __future__ import annotations

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import attempts, endings, outcome
from pcapdiag.columns import among, distinct, union, without
from pcapdiag.traffic import Traffic

HOLD_NS = 60_000_000_000  # Apache's "retry", the longest default of those that hold a backend down
AT_ONCE_NS = 100_000_000  # who asks nobody answers sooner than this
MAX_SERVED = 5000  # served requests looked at, to see which targets the backend had been serving


def held_down(traffic: Traffic, connections: np.ndarray, failed: np.ndarray) -> np.ndarray:
    """Rows of frontend requests answered as those that ``failed`` by these attempts, at once and with no
    attempt of their own, for targets that lead to the backend which had just failed."""
    if not len(failed):
        return failed
    exchanges = traffic.exchanges
    rows = without(outcome.unserved(traffic), failed)
    rows = rows[
        among(exchanges["status"][rows], distinct(exchanges["status"][failed]))
        & (exchanges["status"][rows] > 0)
    ]
    rows = rows[endings.heads_seen_whole(traffic, rows)]  # else their targets are not known to be alike
    rows = rows[outcome.answered_ns(traffic, rows) - exchanges["start_ns"][rows] <= AT_ONCE_NS]
    failures_ns = np.sort(traffic.connections["last_ns"][connections])
    starts_ns = exchanges["start_ns"][rows]
    latest = np.searchsorted(failures_ns, starts_ns + outcome.SLACK_NS, side="right") - 1
    since_ns = starts_ns - failures_ns[np.maximum(latest, 0)]
    rows = rows[(latest >= 0) & (since_ns <= HOLD_NS)]
    rows = rows[~outcome.connecting_meanwhile(traffic, rows)]
    if not len(rows):
        return rows
    groups = {_group(traffic, row) for row in failed.tolist()} | _served_by(traffic, connections)
    return rows[np.fromiter((_group(traffic, row) in groups for row in rows.tolist()), "?", len(rows))]


def perhaps_held_down(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether each request, answered at once, came so soon after the capture began that a failed connect
    before it may be the reason: its backend failed others later."""
    result = np.zeros(len(rows), "?")
    if not len(rows):
        return result
    failed = union(
        attempts.refused(traffic, t.LEG_BACKEND), attempts.unanswered(traffic, t.LEG_BACKEND)
    ).astype("i8")
    behind = outcome.requests_behind(traffic, failed)
    groups = {_group(traffic, row) for row in behind[behind != t.NONE].tolist()}
    if not groups:
        return result
    begun_ns = min(file.first_ns for file in traffic.files)
    early = traffic.exchanges["start_ns"][rows] - begun_ns <= HOLD_NS
    return early & np.fromiter((_group(traffic, row) in groups for row in rows.tolist()), "?", len(rows))


def told(held: np.ndarray) -> str:
    """What to say of them."""
    return f" {len(held)} more were refused at once, while it held that backend down." if len(held) else ""


def _group(traffic: Traffic, row: int) -> tuple[str, str]:
    """What a load balancer's rules choose a backend by: the host, and the first part of the path."""
    path = traffic.target(row).partition("?")[0]
    return traffic.host(row), path.split("/")[1] if path.count("/") > 1 else ""


def _served_by(traffic: Traffic, connections: np.ndarray) -> set[tuple[str, str]]:
    """The groups of requests that the backends of these attempts had been serving."""
    ports = distinct(attempts.port_keys(traffic, connections))
    rows = np.flatnonzero((traffic.exchange_leg == t.LEG_BACKEND) & (traffic.peer != t.NONE))
    rows = rows[among(attempts.port_keys(traffic, traffic.exchanges["connection"][rows]), ports)]
    return {_group(traffic, row) for row in traffic.peer[rows[:MAX_SERVED]].tolist()}
