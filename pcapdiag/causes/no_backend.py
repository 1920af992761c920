"""The load balancer had no backend to ask, and said so itself.

What the wire shows
    503 (502 from nginx, "no live upstreams") on the frontend, at once, and on the backend leg, which is in
    the capture, nothing for it: no connection attempt and no request.

Why it happens
    The rule forwards to a target group without targets, or whose targets all have weight 0 or are not in
    use. A deployment removed all before it added the new ones, an autoscaling group is empty, the rule
    names the wrong group. AWS and Alibaba Cloud go on forwarding when all targets are unhealthy; nginx
    (max_fails) and HAProxy do not: there all servers may just be marked down.

What to do
    Look at the target group of the rule that these targets match: its registered targets, weights and
    zones. With nginx and HAProxy see why the health checks took all servers out.

What it could be mistaken for
    throttled: there 503 names a limit. Where the servers of the same target answered others within a second
    around it, something else refused (nginx's limit_req names no limit either). backend-connect-refused and
    backend-connect-timeout: there a backend was tried. backend-error-status: there a backend made the 503.
    alb-policy-response: a rule with a fixed 503 (a maintenance page) looks the same on the wire.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag import words
from pcapdiag.causes import attempts, claims, endings, holding, own_answers
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.columns import among
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "no-backend",
    Severity.ERROR,
    legs=("frontend",),
    statuses=(502, 503),
    outranks=("alb-policy-response",),
    mistaken_for=(
        ("throttled", "the answer names no limit"),
        ("backend-connect-refused", "no backend was tried"),
        ("backend-error-status", "no backend was asked"),
    ),
)

UNAVAILABLE = (503, 502)
SHORTEST_PAUSE_NS = 1_000_000_000  # nginx leaves a server out for no less (fail_timeout)
MOST_TARGETS = 200
PROMPT_S = 1.0  # longer than this it waited for something: a queue, or an attempt that the capture lacks


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    rows = own_answers.refused(traffic, *UNAVAILABLE)
    rows = rows[(traffic.peer[rows] == t.NONE) & ~endings.has_flag(traffic, rows, t.RSP_THROTTLED)]
    # Of a head cut short nobody knows whether it names a limit, or a target that leads to a failed backend.
    rows = rows[endings.heads_seen_whole(traffic, rows)]
    waits_s = _waits_s(traffic, rows)
    rows = rows[waits_s < PROMPT_S]
    rows = rows[own_answers.asked_nobody(traffic, rows)]
    rows = rows[~holding.perhaps_held_down(traffic, rows)]
    rows = rows[~_served_meanwhile(traffic, rows)]
    if not len(rows):
        return
    names = claims.involved(traffic, rows, t.LEG_FRONTEND)
    targets, hits = np.unique(traffic.exchanges["target"][rows], return_counts=True)
    most = traffic.strings[int(targets[np.argmax(hits)])]
    served = _served(traffic)
    longest_s = float(_waits_s(traffic, rows).max())
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_FRONTEND,
        title=(
            f"{claims.of_requests(traffic, t.LEG_FRONTEND)} were refused"
            f"{claims.answers({str(s): 1 for s in traffic.exchanges['status'][rows].tolist()})} by the load "
            "balancer itself, which asked no backend"
        ),
        explanation=(
            f"The answers came within {words.seconds(longest_s)}, and the backend leg shows neither a "
            f"connection attempt nor a request for them, while it carried {served:,} others. The most "
            f"frequent target is {most}."
        ),
        remedy=(
            f"Look at the target group of the rule that {most} matches: registered targets, weights, zones.",
            "With nginx or HAProxy, see why all servers of that pool are marked down.",
        ),
        exchanges=rows,
        facts={
            "longest_wait_s": round(longest_s, 6),
            "most_frequent_target": most,
            "backend_requests_meanwhile": served,
            "clients": len(names),
        },
        note="the request, and the load balancer's own answer",
    )


def _served_meanwhile(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether the servers of each request's target were in use right before and right after it was refused.

    Then the pool was not empty: something else refused (a limit, a queue). Servers do not leave a pool and
    come back in the twinkling of an eye; what watches them takes longer.
    """
    result = np.zeros(len(rows), "?")
    if not len(rows):
        return result
    exchanges, peer = traffic.exchanges, traffic.peer
    served = np.flatnonzero((traffic.exchange_leg == t.LEG_BACKEND) & (peer != t.NONE))
    served = served[(exchanges["status"][served] >= 100) & (exchanges["status"][served] < 500)]
    server = attempts.port_keys(traffic, exchanges["connection"][served])
    target, starts_ns = exchanges["target"][peer[served]], exchanges["start_ns"][peer[served]]
    wanted, times = np.unique(exchanges["target"][rows], return_counts=True)
    for one in wanted[np.argsort(-times, kind="stable")][:MOST_TARGETS].tolist():
        mine = np.flatnonzero(exchanges["target"][rows] == one)
        used_ns = np.sort(starts_ns[among(server, server[target == one])])
        if len(used_ns):
            result[mine] = _in_no_pause(exchanges["start_ns"][rows[mine]], used_ns)
    return result


def _in_no_pause(asked_ns: np.ndarray, used_ns: np.ndarray) -> np.ndarray:
    """Whether the servers, used at these times, did not rest for long around each of those.

    Before the first use and after the last, as long as they were asked for is all that is known.
    """
    at = np.searchsorted(used_ns, asked_ns)
    begun_ns = np.where(at > 0, used_ns[at - 1], asked_ns.min())
    over_ns = np.where(at < len(used_ns), used_ns[np.minimum(at, len(used_ns) - 1)], asked_ns.max())
    return np.asarray(over_ns - begun_ns < SHORTEST_PAUSE_NS)


def _waits_s(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """From the end of each request to its answer."""
    exchanges = traffic.exchanges[rows]
    sent_us = np.where(exchanges["request_end_us"] == t.NEVER, 0, exchanges["request_end_us"]).astype("i8")
    return np.maximum(exchanges["response_start_us"].astype("i8") - sent_us, 0) / 1e6


def _served(traffic: Traffic) -> int:
    """How many requests the backend leg carried."""
    return int(np.count_nonzero(traffic.exchange_leg == t.LEG_BACKEND))
