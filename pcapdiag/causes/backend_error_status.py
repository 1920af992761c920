"""The backend itself answered with an error, and the load balancer passed it on.

What the wire shows
    A whole, well-formed response with a 4xx or 5xx status on the backend leg; or, on the frontend alone, an
    error whose Server field is not the load balancer's. Its 5xx are errors, its 400, 405, 408, 413 and 414
    warnings, its other 4xx information.

Why it happens
    The application failed (500), is itself a proxy that failed (502, 504), sheds load or is in maintenance
    (503), or found fault with the request (4xx).

What to do
    Look at the backend, not at the load balancer: its log at these times and targets. For 405 and 413 look
    also at the web server before the application: its list of methods, its limit of body size.

What it could be mistaken for
    The load balancer's own 502, 503 and 504: those have no backend response behind them. Every cause that
    explains why the backend answered so outranks this one.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import claims, endings, own_answers, probes
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.columns import among
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "backend-error-status",
    Severity.ERROR,
    legs=("backend", "frontend"),
    statuses=(400, 401, 403, 404, 405, 408, 413, 414, 500, 501, 502, 503, 504),
    mistaken_for=(
        ("no-backend", "the backend made this answer, not the load balancer"),
        ("backend-reset", "the backend's answer is whole"),
        ("trace-not-supported", "the backend answered 405, not the load balancer"),
    ),
)

#: Client errors that speak of the transfer rather than of the application: worth a warning.
TRANSFER_ERRORS = (400, 405, 408, 413, 414)

#: What a web server before the application may answer by itself.
BY_WEB_SERVER = {
    405: "For 405 look also at the web server before the application: which methods it allows.",
    413: "For 413 look also at the web server before the application: its limit of body size.",
}

#: What load balancers answer by themselves, to a request they cannot read or cannot hand on.
ALB_STATUSES = (400, 408, 411, 413, 414, 431, 499, 501, 502, 503, 504, 505)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    on_backend = traffic.exchange_leg == t.LEG_BACKEND
    leg = t.LEG_BACKEND if on_backend.any() else t.LEG_FRONTEND
    rows = endings.errors(traffic, leg)
    rows = rows[(traffic.exchanges["flags"][rows] & (t.REQ_SEEN | t.REQ_HEALTH)) == t.REQ_SEEN]
    # An error in clear that answers a TLS handshake answers no request.
    protocol = traffic.connections["protocol"][traffic.exchanges["connection"][rows]]
    rows = rows[(protocol != t.PROTOCOL_TLS) | ~endings.has_flag(traffic, rows, t.REQ_GARBLED)]
    if len(rows) and (traffic.exchange_leg == t.LEG_FRONTEND).any():
        rows = rows[~among(rows, probes.lookalikes(traffic))]  # no client asked for these
    if ((traffic.connections["flags"] & t.CONN_TRUNCATED) != 0).any():
        rows = rows[_known_for(traffic, rows)]
    if leg == t.LEG_FRONTEND:
        rows = rows[_made_by_backend(traffic, profile, rows)]
    status = traffic.exchanges["status"][rows]
    for severity, chosen in (
        (Severity.ERROR, status >= 500),
        (Severity.WARNING, among(status, TRANSFER_ERRORS)),
        (Severity.INFO, (status < 500) & ~among(status, TRANSFER_ERRORS)),
    ):
        if chosen.any():
            yield _of_severity(traffic, rows[chosen], leg, severity)


def _of_severity(traffic: Traffic, rows: np.ndarray, leg: int, severity: Severity) -> Finding:
    names = claims.involved(traffic, rows, leg) if leg == t.LEG_BACKEND else ("the backend",)
    codes, counts = np.unique(traffic.exchanges["status"][rows], return_counts=True)
    by_code = ", ".join(f"{code} ({n:,})" for code, n in zip(codes.tolist(), counts.tolist(), strict=True))
    targets, hits = np.unique(traffic.exchanges["target"][rows], return_counts=True)
    most = traffic.strings[int(targets[np.argmax(hits)])]
    return claims.finding(
        traffic,
        CAUSE,
        leg,
        title=f"{claims.of_requests(traffic, leg)} got an error made by {claims.who(names)}: {by_code}",
        explanation=(
            "These answers are whole and well-formed, and a backend made them; the load balancer passed "
            f"them on. The most frequent target is {most}."
        ),
        remedy=(
            "Look at the backend's log at these times and targets; the load balancer did its work.",
            *(remedy for code, remedy in BY_WEB_SERVER.items() if code in codes),
        ),
        exchanges=rows,
        severity=severity,
        facts={"most_frequent_target": most},
        note="the request, and the backend's answer",
    )


def _known_for(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether it is known who got each answer though a short snaplen cuts heads off: a client got the same,
    or no frontend is here; and no health check has its shape.

    What is wrong with a request that was refused for its transfer stands in what is cut off.
    """
    status = traffic.exchanges["status"]
    known = ~among(status[rows], TRANSFER_ERRORS)
    if (traffic.exchange_leg == t.LEG_FRONTEND).any():
        peers = traffic.peer[rows]
        known &= (peers != t.NONE) & (status[np.minimum(peers, len(status) - 1)] == status[rows])
    known |= endings.heads_seen_whole(traffic, rows)
    return known & ~among(rows, probes.exchanges(traffic))


def _made_by_backend(traffic: Traffic, profile: Profile, rows: np.ndarray) -> np.ndarray:
    """Whether a frontend answer bears the mark of a backend: a Server field that is not the load balancer's.

    Of a load balancer that has no known name, it is none that any load balancer bears. Where none was
    recognised there may be one all the same: what a load balancer answers by itself needs that mark, too, and
    so does what bears another name than good answers do.
    """
    status = traffic.exchanges["status"][rows]
    marked = own_answers.by_backend_name(traffic, profile, rows) & ~among(status, profile.own_statuses)
    if traffic.alb:
        return marked
    trace = (traffic.exchanges["method"][rows] == t.METHODS.index("TRACE")) & (status == 405)
    others = np.flatnonzero(~marked & ~among(status, ALB_STATUSES) & ~trace)
    if len(others):
        unsure = rows[others]
        marked[others] = own_answers.like_good_answers(traffic, unsure)
        marked[others] &= ~own_answers.beside_backend_names(traffic, profile, unsure)
    return marked
