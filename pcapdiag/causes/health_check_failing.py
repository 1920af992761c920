"""The load balancer's health checks of a backend fail.

What the wire shows
    Requests that come for nobody, at a steady pace, to each backend: from AWS with the agent
    ELB-HealthChecker/2.0 (every 30 s unless set otherwise, 5 s to answer), from Alibaba Cloud HEAD or GET
    with the backend's address as Host, from HAProxy OPTIONS, from Caddy GET on connections that it keeps, or
    a bare SYN. They get an error status, no answer, a refusal or silence. Where no load balancer is known,
    only checks of several servers by one who asks nothing else are taken for such.

Why it happens
    The service is down, starting or overloaded; the check's path answers 404, or 401 because it asks for
    a login; it fails when a dependency does (a database); the port differs from the traffic's; a firewall
    lets clients' requests through but not those from the load balancer's own addresses (Alibaba Cloud:
    vSwitch addresses or 100.64.0.0/10).

What to do
    Send the same request to the backend (curl -i with this method, path and Host). Let the check's path
    answer 200 without login, quickly, and whatever dependencies do. Until then the backend gets no
    requests, or, where all fail, AWS and Alibaba Cloud send requests to all of them.

What it could be mistaken for
    backend-error-status and backend-connect-refused: there a client's request failed. A failing check fails
    no request by itself; no-backend may follow from it.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import attempts, claims, endings, probes
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "health-check-failing",
    Severity.WARNING,
    legs=("backend",),
    statuses=(502, 503),
    outranks=(
        "backend-connect-refused",
        "backend-connect-timeout",
        "backend-error-status",
        "backend-reset",
        "backend-closed-before-response",
        "backend-response-timeout",
        "slow-backend",
    ),
    mistaken_for=(
        ("backend-error-status", "no client asked for it"),
        ("backend-connect-refused", "no request was behind these attempts"),
    ),
)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    checks = probes.exchanges(traffic)
    rows = checks[_failed(traffic, checks)]
    bare = probes.failed_attempts(traffic)
    if endings.captured_in_part(traffic):
        # Where heads or answers are missing, what looks like a check may be a request whose headers tell.
        rows = rows[endings.has_flag(traffic, rows, t.REQ_HEALTH)]
        bare = bare[:0]
    if not len(rows) and not len(bare):
        return
    on = np.concatenate([traffic.exchanges["connection"][rows], bare]).astype("i8")
    names = claims.peers(traffic, on, t.LEG_BACKEND)
    ways = _ways(traffic, rows, bare)
    passed = len(checks) - len(rows)
    whose = "The load balancer's own checks" if traffic.alb else "What looks like a load balancer's checks"
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_BACKEND if traffic.alb else t.LEG_FRONTEND,
        title=f"{{count}} health checks of {claims.who(names)} failed: {', '.join(ways)}",
        explanation=(
            f"{whose}, which come at a steady pace and for no client, did not get a good answer. "
            f"{passed:,} others in this capture did."
        ),
        remedy=(
            f"Ask {names[0]} the same from the load balancer's subnet{_curl(traffic, rows)}.",
            "Let the check's path answer 200 without a login, quickly, and whatever its dependencies do.",
        ),
        exchanges=rows,
        connections=bare,
        facts={
            "failed_checks": len(rows) + len(bare),
            "passed_checks": passed,
            "ways": ways,
            "period_s": _period_s(traffic, rows, bare),
        },
        note="the check, and what it got",
    )


def _failed(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether each check got an error, or was over without an answer."""
    exchanges = traffic.exchanges[rows]
    over = (exchanges["response_ended"] != t.END_OPEN) & (exchanges["response_ended"] != t.END_GAP)
    unanswered = (exchanges["status"] == 0) & over & (endings.closed_by(traffic, rows) != endings.NOBODY)
    unanswered &= endings.seen_whole(traffic, rows)
    return (exchanges["status"] >= 400) | unanswered


def _ways(traffic: Traffic, rows: np.ndarray, bare: np.ndarray) -> list[str]:
    """How the checks failed: ``500 (9)``, ``no answer (2)``, ``no connection (4)``."""
    codes, counts = np.unique(traffic.exchanges["status"][rows], return_counts=True)
    ways = [f"{code or 'no answer'} ({n:,})" for code, n in zip(codes.tolist(), counts.tolist(), strict=True)]
    return ways + [f"no connection ({len(bare):,})"] * bool(len(bare))


def _curl(traffic: Traffic, rows: np.ndarray) -> str:
    """The first of the checks, as one would repeat it."""
    if not len(rows):
        return ""
    row = int(rows[0])
    return f" ({traffic.method(row)} {traffic.target(row)}, Host {traffic.host(row) or 'none'})"


def _period_s(traffic: Traffic, rows: np.ndarray, bare: np.ndarray) -> float:
    """The median pause between failed checks of one backend."""
    on = np.concatenate([traffic.exchanges["connection"][rows], bare]).astype("i8")
    times_ns = np.concatenate([traffic.exchanges["start_ns"][rows], traffic.connections["first_ns"][bare]])
    keys = attempts.port_keys(traffic, on)
    order = np.lexsort((times_ns, keys))
    pauses = np.diff(times_ns[order])[np.diff(keys[order]) == 0]
    return claims.median(pauses / 1e9)
