"""A backend answered one error, and the client got another for the same request.

What the wire shows
    The last backend exchange of a request ends in one error status (504, 444, 500 ...), whole and
    well-formed, and the frontend exchange of the same request in another (mostly 502).

Why it happens
    The backend is itself a proxy or gateway, and the load balancer maps what it says: Alibaba Cloud and
    others turn some codes of a backend (504, nginx's 444) into 502; nginx does so with error_page and
    proxy_intercept_errors, HAProxy with a rule or errorfile, Envoy with a local reply.

What to do
    Look for the code the backend gave, in its log and here, not for the one clients report: a 502 that was
    a 504 is a time-out behind the backend. If clients need the code, turn the mapping off.

What it could be mistaken for
    backend-error-status: there the client sees the backend's own code. The causes of a 502 made by the load
    balancer (backend-reset, malformed-response): there the backend gave no whole answer.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import claims, endings
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "status-rewritten",
    Severity.ERROR,
    legs=("backend",),
    statuses=(502,),
    outranks=("backend-error-status", "no-backend", "alb-policy-response", "slow-backend"),
    mistaken_for=(
        ("backend-error-status", "the client did not get the backend's code"),
        ("malformed-response", "the backend's answer is whole and well-formed"),
    ),
)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    exchanges = traffic.exchanges
    rows = endings.errors(traffic, t.LEG_BACKEND)
    rows = rows[traffic.peer[rows] != t.NONE]
    seen = exchanges["status"][traffic.peer[rows]]
    rows = rows[(seen >= 400) & (seen != exchanges["status"][rows])]
    rows = rows[endings.response_whole(traffic, rows) & ~endings.has_flag(traffic, rows, t.RSP_BAD)]
    rows = rows[endings.is_last_attempt(traffic, rows)]
    if not len(rows):
        return
    changes = _changes(traffic, rows)
    names = claims.involved(traffic, rows, t.LEG_BACKEND)
    server_error = bool((exchanges["status"][traffic.peer[rows]] >= 500).any())
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_BACKEND,
        title=(
            f"{claims.of_requests(traffic, t.LEG_BACKEND)} got another error from the load balancer than "
            f"from {claims.who(names)}: {changes[0]}"
        ),
        explanation=(
            "The backend's answers are whole and well-formed errors, and the load balancer put its own "
            f"code in their place: {', '.join(changes)}."
        ),
        remedy=(
            f"Look in the log of {names[0]} for the code that the backend gave, not for the one clients "
            "report.",
            "If clients need the backend's code, turn the mapping off (nginx proxy_intercept_errors, "
            "error_page).",
        ),
        exchanges=rows,
        severity=None if server_error else Severity.WARNING,
        facts={"changes": changes},
        note="the backend's own answer",
    )


def _changes(traffic: Traffic, rows: np.ndarray) -> list[str]:
    """``504 became 502 (4)``, the most frequent first."""
    status = traffic.exchanges["status"]
    pairs = status[rows].astype("i4") << 16 | status[traffic.peer[rows]]
    found, counts = np.unique(pairs, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return [f"{found[i] >> 16} became {found[i] & 0xFFFF} ({counts[i]:,})" for i in order.tolist()]
