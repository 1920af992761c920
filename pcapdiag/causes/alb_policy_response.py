"""The load balancer answered by a rule of its own and asked no backend.

What the wire shows
    401, 403, 404, a redirect or another answer short of a server error on the frontend, at once, and on the
    backend leg, which is in the capture, nothing for it. Or 561, which only AWS makes.

Why it happens
    It was told to: a redirect or fixed-response rule, an authentication rule (AWS: 401 when denied or too
    late, 561 when the identity provider failed), a firewall (AWS WAF: 403; Alibaba Cloud: WAF, access
    control lists), basic authentication or a deny rule in nginx and HAProxy.

What to do
    Nothing, if the rule is meant. Where a client should have passed: find the rule that matches its target,
    address or header fields, in the load balancer's configuration and in its firewall's log.

What it could be mistaken for
    backend-error-status: there a backend made the answer. no-backend: there 503 says that none is to be
    had. throttled: there 503 names a limit. An answer out of a cache also asks no backend; those that say
    so (Age) are not counted.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import claims, endings, own_answers, reading
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.columns import among, distinct, union
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "alb-policy-response",
    Severity.INFO,
    legs=("frontend",),
    statuses=(401, 403, 561),
    mistaken_for=(
        ("backend-error-status", "no backend was asked"),
        ("no-backend", "the answer is no 503"),
        ("throttled", "no limit is named"),
    ),
)

#: What rules answer: redirects, and refusals that speak of who asks or for what. 304 is a cache's.
RULED = (301, 302, 303, 307, 308, 401, 403, 404, 407, 410, 429, 451)
AUTHENTICATION_FAILED = 561  # AWS: an error of the identity provider
FROM_CACHE = ("Age", "X-Cache", "X-Varnish")


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    rows = np.flatnonzero(traffic.exchanges["status"] >= RULED[0])
    rows = rows[traffic.exchange_leg[rows] == t.LEG_FRONTEND]
    status = traffic.exchanges["status"][rows]
    own = (status == AUTHENTICATION_FAILED) & (AUTHENTICATION_FAILED in profile.own_statuses)
    ruled = rows[among(status, RULED) & endings.has_flag(traffic, rows, t.REQ_SEEN)]
    ruled = ruled[own_answers.asked_nobody(traffic, ruled)]
    rows = union(rows[own], _not_cached(traffic, ruled)).astype("i8")
    if not len(rows):
        return
    names = claims.involved(traffic, rows, t.LEG_FRONTEND)
    by_code = _by_code(traffic, rows)
    targets, hits = np.unique(traffic.exchanges["target"][rows], return_counts=True)
    most = traffic.strings[int(targets[np.argmax(hits)])]
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_FRONTEND,
        title=(
            f"{claims.of_requests(traffic, t.LEG_FRONTEND)} were answered by the load balancer itself: "
            f"{by_code}"
        ),
        explanation=(
            "A rule, an authentication or a firewall of the load balancer answered; the backend leg shows "
            f"nothing for these requests. The most frequent target is {most}."
        ),
        remedy=(
            "None is needed where the rule is meant.",
            f"Else find the rule that matches {most}, or the firewall's log entry for {names[0]}.",
        ),
        exchanges=rows,
        facts={"most_frequent_target": most},
        note="the request, and the load balancer's own answer",
    )


def _not_cached(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """The rows but those of statuses whose first answers say that they came out of a cache."""
    status = traffic.exchanges["status"][rows]
    kept = np.ones(len(rows), "?")
    for code in distinct(status).tolist():
        heads = reading.response_heads(traffic, rows[status == code], 1)
        if any(reading.fields(head, name) for head in heads for name in FROM_CACHE):
            kept[status == code] = False
    return rows[kept]


def _by_code(traffic: Traffic, rows: np.ndarray) -> str:
    codes, counts = np.unique(traffic.exchanges["status"][rows], return_counts=True)
    return ", ".join(f"{code} ({n:,})" for code, n in zip(codes.tolist(), counts.tolist(), strict=True))
