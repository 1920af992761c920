"""Answers that the load balancer made by itself: whether any backend was asked for them.

Where the backend leg is in the capture it tells. A backend was asked when one of its exchanges carries the
request (``Traffic.peer``), and may have been when the load balancer opened a connection, or sent a request
that belongs to nobody, between the request and its answer. Where that leg is missing, only the Server field
tells, and only of those backends whose name no load balancer bears.
"""

from __future__ import annotations

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import endings, outcome
from pcapdiag.profiles import Profile, load_profile
from pcapdiag.traffic import Traffic


def backend_seen(traffic: Traffic) -> bool:
    """Whether the backend leg is in the capture."""
    return bool((traffic.leg == t.LEG_BACKEND).any())


def refused(traffic: Traffic, *statuses: int) -> np.ndarray:
    """Rows of frontend exchanges answered with one of these statuses (with any of 400 and above, if none)."""
    rows = np.flatnonzero(traffic.exchanges["status"] >= 400)
    rows = rows[traffic.exchange_leg[rows] != t.LEG_BACKEND]
    rows = rows[endings.has_flag(traffic, rows, t.REQ_SEEN)]
    return rows[np.isin(traffic.exchanges["status"][rows], statuses)] if statuses else rows


def by_itself(traffic: Traffic, profile: Profile, rows: np.ndarray) -> np.ndarray:
    """Whether no backend is known to have answered each of these frontend requests."""
    if backend_seen(traffic):
        return traffic.peer[rows] == t.NONE
    return ~by_backend_name(traffic, profile, rows)


def by_backend_name(traffic: Traffic, profile: Profile, rows: np.ndarray) -> np.ndarray:
    """Whether each answer's Server field names a software that is no load balancer's."""
    named = np.zeros(max(len(traffic.servers), 1), "?")
    own = profile.own_server_names or load_profile("generic").own_server_names
    for number, name in enumerate(traffic.servers):
        named[number] = not any(name == mark or name.startswith(f"{mark}/") for mark in own)
    named[0] = False
    return named[traffic.exchanges["server"][rows]]


def asked_nobody(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether the backend leg shows that nobody was asked for each of these frontend requests.

    Connections in which nothing can be read (TLS, HTTP/2) may have carried any request while they lasted.
    """
    result = np.zeros(len(rows), "?")
    if not len(rows) or not backend_seen(traffic):
        return result
    exchanges = traffic.exchanges[rows]
    started_ns, answered_ns = exchanges["start_ns"], endings.answer_ns(traffic, rows)
    vantage = traffic.connections["vantage"][exchanges["connection"]]
    for number in np.unique(vantage).tolist():
        mine = np.flatnonzero((vantage == number) & (answered_ns != 0) & (traffic.peer[rows] == t.NONE))
        spans = _stray_spans_ns(traffic, number)
        if spans is None:
            continue
        begins_ns, ends_ns = spans
        # A span meets the wait when it began before the answer and had not ended before the request.
        begun = np.searchsorted(np.sort(begins_ns), answered_ns[mine] + outcome.SLACK_NS, side="right")
        over = np.searchsorted(np.sort(ends_ns), started_ns[mine] - outcome.SLACK_NS, side="left")
        result[mine] = begun == over
    return result


def _stray_spans_ns(traffic: Traffic, vantage: int) -> tuple[np.ndarray, np.ndarray] | None:
    """When backends were spoken to for nobody known, by the clock of this vantage point; None if unknown."""
    connections, exchanges = traffic.connections, traffic.exchanges
    on_backend = np.flatnonzero(traffic.leg == t.LEG_BACKEND)
    ahead_ns = _ahead_ns(traffic, vantage, np.unique(connections["vantage"][on_backend]))
    if ahead_ns is None:
        return None
    empty = on_backend[connections["exchanges"][on_backend] == 0]
    readable = np.isin(connections["protocol"][empty], (t.PROTOCOL_HTTP, t.PROTOCOL_NONE))
    until_ns = np.where(readable, connections["first_ns"][empty], connections["last_ns"][empty])
    stray = np.flatnonzero((traffic.exchange_leg == t.LEG_BACKEND) & (traffic.peer == t.NONE))
    stray = stray[~endings.has_flag(traffic, stray, t.REQ_HEALTH)]
    asked_ns = exchanges["start_ns"][stray] - ahead_ns[connections["vantage"][exchanges["connection"][stray]]]
    behind_ns = ahead_ns[connections["vantage"][empty]]
    begins_ns = np.concatenate([connections["first_ns"][empty] - behind_ns, asked_ns])
    return begins_ns, np.concatenate([until_ns - behind_ns, asked_ns])


def _ahead_ns(traffic: Traffic, vantage: int, others: np.ndarray) -> np.ndarray | None:
    """How far the clocks of these vantage points are ahead of this one's; None when one is not known."""
    ahead_ns = np.zeros(256, "i8")
    for other in others.tolist():
        if other == vantage:
            continue
        if (vantage, other) not in traffic.clock_offsets_ns:
            return None
        ahead_ns[other] = traffic.clock_offsets_ns[vantage, other][0]
    return ahead_ns
