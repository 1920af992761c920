"""The backend's listen queue was full: new connections were dropped while old ones went on being served.

What the wire shows
    One of three. SYNs to a port are not answered, or only after several repeats, while the same address and
    port serves other connections. Or the handshake seems done, yet the server repeats its SYN-ACK and never
    acknowledges the request that followed: it dropped the handshake's last ACK. Or (tcp_abort_on_overflow=1)
    RST answers that last ACK.

Why it happens
    The application accepts connections more slowly than they come: too few workers, a stalled event loop,
    or a queue too short for the load balancer's bursts (the smaller of the listen() backlog and
    net.core.somaxconn). The client gets 502 or 504, often only in peaks.

What to do
    On the backend: ss -lnt (Recv-Q at Send-Q is a full queue), nstat TcpExtListenOverflows and
    TcpExtListenDrops. Raise the listen backlog of the server and net.core.somaxconn together; add workers
    or backends; let the load balancer keep its connections alive, so that it opens fewer.

What it could be mistaken for
    backend-connect-timeout: there nothing on that port answers. backend-reset: there the connection had been
    accepted and the request acknowledged. backend-packet-loss: a first SYN lost and its repeat answered.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag import words
from pcapdiag.causes import backlog, claims, endings, outcome
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.columns import among, distinct, union
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "backlog-overflow",
    Severity.ERROR,
    legs=("backend",),
    statuses=(502, 504),
    outranks=(
        "backend-connect-timeout",
        "backend-reset",
        "backend-response-timeout",
        "backend-packet-loss",
        "no-backend",
        "backend-error-status",
        "status-rewritten",
    ),
    mistaken_for=(
        ("backend-connect-timeout", "the same address and port served other connections meanwhile"),
        ("backend-reset", "the server had not yet accepted the connection"),
        ("backend-packet-loss", "only new connections suffered; data of the others got through"),
    ),
)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    unanswered = backlog.dropped(traffic)
    late, in_limbo = backlog.answered_late(traffic), backlog.in_limbo(traffic)
    aborted = backlog.aborted(traffic)
    connections = distinct(np.concatenate([unanswered, late, in_limbo, aborted])).astype("i8")
    if not len(connections):
        return
    bare, rows = _requests(traffic, connections)
    failed = outcome.of_attempts(traffic, bare)
    # A backend may answer a load balancer that has given up: what the client got counts, where it is seen.
    unread = endings.connection_flag(traffic, rows, t.CONN_RST_CLIENT)
    unread &= traffic.connections["server_acked"][traffic.exchanges["connection"][rows]] == 0
    answered = (traffic.peer[rows] == t.NONE) & endings.response_whole(traffic, rows) & ~unread
    served = outcome.healed(traffic, rows) | answered
    exchanges = union(rows[~served], failed.exchanges).astype("i8")
    severity = None
    if not len(exchanges) and (failed.severity or not len(failed.connections)):
        exchanges, severity = rows, Severity.WARNING
    lone = unanswered[traffic.connections["syns"][unanswered] == 1]
    if not severity and not len(exchanges) and among(failed.connections, lone).all():
        # Given up before a repeat was due, as one is that is no longer needed: no failure is seen here.
        severity = Severity.WARNING
        failed = failed._replace(severity=severity)
    names = claims.peers(traffic, connections, t.LEG_BACKEND)
    ways = (
        (len(unanswered), "{} got no answer to any SYN"),
        (len(late), "{} got one to a repeated SYN only"),
        (
            len(in_limbo),
            "{} had a handshake that was done for the load balancer but not for the server (it repeated its "
            "SYN-ACK and acknowledged no request)",
        ),
        (len(aborted), "{} met an RST right after the handshake"),
    )
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_BACKEND,
        title=(
            f"The listen queue of {claims.who(names)} was full for "
            f"{words.counted(len(connections), 'new connection')} "
            "while others on that port were served: "
            + ("no request failed by it" if severity else "{count} failed")
        ),
        explanation=(
            f"Of these connections, {words.happened(ways)}. "
            "The same address and port served other connections meanwhile."
        ),
        remedy=(
            f"On {names[0]}: ss -lnt (Recv-Q against Send-Q) and nstat -az TcpExtListenOverflows "
            "TcpExtListenDrops.",
            "Raise the server's listen backlog and net.core.somaxconn together; the smaller one counts.",
            "Add workers or backends: the application accepts more slowly than connections come.",
        ),
        exchanges=exchanges,
        connections=failed.connections if severity or not failed.severity else claims.NO_ROWS,
        severity=severity,
        facts={
            "syns_dropped": len(unanswered),
            "answered_late": len(late),
            "last_acks_dropped": len(in_limbo),
            "reset_after_handshake": len(aborted),
            "slowed_requests": int(served.sum()),
        },
        shown_by=connections,
        note="the handshake that found no room in the queue",
        kinds=(t.EVENT_SYN_RETRANSMISSION, t.EVENT_SYNACK_RETRANSMISSION),
    )


def _requests(traffic: Traffic, connections: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The connections without an exchange, and the first exchanges of the others."""
    first = traffic.connections["first_exchange"][connections]
    return connections[first == t.NONE], first[first != t.NONE].astype("i8")
