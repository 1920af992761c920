"""A client used the TRACE method, which the load balancer does not pass on.

What the wire shows
    A TRACE request on the frontend, answered 405 by the load balancer itself.

Why it happens
    TRACE echoes a request with all its header fields, credentials among them, so load balancers refuse it.
    Those who send it are scanners, or tools that check for it.

What to do
    Nothing on the load balancer. Find who sends TRACE; use GET or OPTIONS to test.

What it could be mistaken for
    backend-error-status: there the backend answered 405.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcapdiag import tables as t
from pcapdiag.causes import claims, endings, outcome, own_answers
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "trace-not-supported",
    Severity.ERROR,
    legs=("frontend",),
    statuses=(405,),
    outranks=("alb-policy-response",),
    mistaken_for=(("backend-error-status", "no backend was asked"),),
    either_leg=True,
)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    rows = endings.errors(traffic, t.LEG_FRONTEND)
    rows = rows[traffic.exchanges["status"][rows] == 405]
    rows = rows[traffic.exchanges["method"][rows] == t.METHODS.index("TRACE")]
    rows = rows[outcome.backend_status(traffic, rows) == 0]
    rows = rows[own_answers.by_itself(traffic, profile, rows)]
    if not len(rows):
        return
    names = claims.involved(traffic, rows, t.LEG_FRONTEND)
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_FRONTEND,
        title=f"{claims.of_requests(traffic, t.LEG_FRONTEND)} sent TRACE ({claims.who(names, 'clients')}): "
        "405",
        explanation=(
            "The load balancer refuses TRACE by itself, as it should; no backend saw these requests."
            if traffic.alb
            else "Who answers them refuses TRACE, as he should."
        ),
        remedy=("Find who sends TRACE (scanners, checking tools); test with GET or OPTIONS.",),
        exchanges=rows,
        note="the TRACE request, and its refusal",
    )
