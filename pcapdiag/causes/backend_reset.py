"""A backend reset the connection while a request was outstanding.

What the wire shows
    The backend acknowledged the request and then sent RST, before its response or in the middle of it.
    The load balancer did not close first, and its client was still waiting.

Why it happens
    The process that held the connection died (crash, out-of-memory kill, worker recycled after so many
    requests, container stopped), the application closed the socket with request bytes still unread (Linux
    then sends RST in place of FIN), or a firewall or NAT between the two forgot the connection. AWS and
    Alibaba Cloud answer 502; a client whose response had begun gets it cut short.

What to do
    Look at the backend's log at the times given. Look for out-of-memory kills and worker time-outs
    (dmesg, gunicorn "WORKER TIMEOUT", PHP-FPM request_terminate_timeout). Drain backends before they are
    stopped: the deregistration delay must outlast the longest request.

What it could be mistaken for
    keepalive-race: there the connection had been idle, and the RST answers a request that the backend had
    not seen. backlog-overflow: there the RST follows the handshake, and the connection was never accepted.
    A RST after a whole response, HAProxy's way to close, is no fault.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag import words
from pcapdiag.causes import claims, endings, outcome
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "backend-reset",
    Severity.ERROR,
    legs=("backend",),
    statuses=(502,),
    outranks=("backend-error-status", "status-rewritten"),
    mistaken_for=(
        ("keepalive-race", "the backend had acknowledged the request before it reset"),
        ("backlog-overflow", "the connection had been accepted and carried the request"),
        ("backend-closed-before-response", "it ended by RST, not by FIN"),
    ),
)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    rows = resets(traffic)
    if not len(rows):
        return
    rows, severity, healed = claims.failed_or_healed(traffic, rows)
    begun = int(endings.response_begun(traffic, rows).sum())
    after_s = endings.wait_s(traffic, rows)
    names = claims.involved(traffic, rows, t.LEG_BACKEND)
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_BACKEND,
        title=(
            f"{claims.of_requests(traffic, t.LEG_BACKEND)} met an RST from {claims.who(names)}, "
            f"{words.seconds(claims.median(after_s))} after the request (median)"
            + (": the load balancer tried again, none failed" if severity else "")
        ),
        explanation=(
            "The backend reset the connection on which a request was outstanding, "
            + ("before it answered." if not begun else f"before its answer was whole ({begun} had begun).")
            + " Neither the load balancer nor its client had closed before that."
        ),
        remedy=(
            "Find in the backend's log what happened at these times: a crash, an out-of-memory kill, a "
            "worker time-out.",
            "If backends were being replaced: let the deregistration (draining) delay outlast the longest "
            "request.",
            "If nothing is logged there: look for a firewall or NAT between load balancer and backend that "
            "resets.",
        ),
        exchanges=rows,
        severity=severity,
        facts={
            "median_reset_after_s": claims.median(after_s),
            "responses_begun": begun,
            "healed_requests": healed,
        },
        note="the request, and the backend's RST",
    )


def resets(traffic: Traffic) -> np.ndarray:
    """Rows of backend exchanges that the backend's RST ended, having seen the request."""
    rows = endings.unfinished(traffic, t.LEG_BACKEND)
    rows = rows[~endings.response_whole(traffic, rows)]
    rows = rows[(endings.closed_by(traffic, rows) == endings.SERVER) & endings.closed_by_reset(traffic, rows)]
    # An RST that met the first request of a new connection is no race: nothing had been idle.
    raced = endings.met_close(traffic, rows) & endings.kept_alive(traffic, rows)
    rows = rows[~raced & ~endings.has_flag(traffic, rows, t.RSP_BAD)]
    # Of a handshake that the capture does not hold whole nobody knows whether the listen queue took it.
    unsure = endings.connection_flag(traffic, rows, endings.BEGUN)
    unsure &= ~endings.connection_flag(traffic, rows, t.CONN_ESTABLISHED)
    rows = rows[~unsure | (traffic.connections["client_acked"][traffic.exchanges["connection"][rows]] > 0)]
    return rows[~outcome.client_left(traffic, rows)]
