"""The load balancer refused requests over its limit of requests a second.

What the wire shows
    503 with the header field ALB-QPS-Limited, made by the load balancer; the backends are not asked.

Why it happens
    A forwarding rule or the instance limits the queries a second (Alibaba Cloud), and more came.

What to do
    Raise the limit of the rule, or spread the load; let clients slow down and try again later.

What it could be mistaken for
    no-backend: there the answer names no limit. A backend's own limit (429, or 503 with Retry-After) is its
    own answer: backend-error-status.
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
    "throttled",
    Severity.ERROR,
    legs=("frontend",),
    statuses=(503,),
    outranks=("no-backend", "backend-error-status", "alb-policy-response"),
    mistaken_for=(
        ("no-backend", "the answer names the limit in ALB-QPS-Limited"),
        ("backend-error-status", "the load balancer made the answer"),
    ),
)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    rows = endings.flagged(traffic, t.RSP_THROTTLED, t.LEG_FRONTEND)
    rows = rows[traffic.exchanges["status"][rows] == 503]
    if not len(rows):
        return
    start_ns = traffic.exchanges["start_ns"][rows]
    seconds, refused = np.unique(start_ns // 1_000_000_000, return_counts=True)
    every = traffic.exchanges["start_ns"][endings.on_leg(traffic, t.LEG_FRONTEND)] // 1_000_000_000
    asked = np.array([np.count_nonzero(every == second) for second in seconds[:60]])
    names = claims.involved(traffic, rows, t.LEG_FRONTEND)
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_FRONTEND,
        title=(
            f"{claims.of_requests(traffic, t.LEG_FRONTEND)} were over the load balancer's limit: 503 with "
            f"ALB-QPS-Limited, up to {int(refused.max())} in one second"
        ),
        explanation=(
            "The load balancer made these answers and asked no backend. In the seconds when it refused, up "
            f"to {int(asked.max())} requests came; {claims.who(names, 'clients')} had the most refused."
        ),
        remedy=(
            "Raise the rule's or the instance's limit of queries a second, or spread the load over several.",
            "Let clients back off and try again.",
        ),
        exchanges=rows,
        facts={
            "most_refused_in_a_second": int(refused.max()),
            "most_requests_in_such_a_second": int(asked.max()),
        },
        note="the request, and the refusal that names the limit",
    )
