"""A backend closed an idle connection just as the load balancer's next request set out on it.

What the wire shows
    A kept-alive connection, idle since its last response. The backend's FIN (or RST) does not acknowledge
    the new request: the two crossed on the path, or the request met a socket already closed and got RST.

Why it happens
    The backend keeps idle connections for a shorter time than the load balancer does: Node.js and Apache 5 s,
    gunicorn 2 s, against 60 s on AWS and 15 s on Alibaba Cloud. Whenever a request comes in just as that time
    is up, it is lost, and POSTs are not tried again: a few 502s a day, from a backend that logs nothing.

What to do
    Make the backend's idle time-out longer than the load balancer's (Node.js: server.keepAliveTimeout and
    headersTimeout; gunicorn: --keep-alive; nginx: keepalive_timeout; Tomcat: keepAliveTimeout). Also lift a
    cap on requests a connection, if the server has one.

What it could be mistaken for
    backend-reset and backend-closed-before-response: there the backend had acknowledged the request.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcapdiag import tables as t
from pcapdiag import words
from pcapdiag.causes import claims, endings, outcome
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.profiles import Profile, software_with_idle_timeout
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "keepalive-race",
    Severity.ERROR,
    legs=("backend",),
    statuses=(502,),
    outranks=("backend-reset", "backend-closed-before-response", "backend-error-status", "status-rewritten"),
    mistaken_for=(
        ("backend-reset", "the backend closed before it had seen a byte of the request"),
        ("backend-closed-before-response", "its FIN does not acknowledge the request"),
    ),
)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    rows = endings.unfinished(traffic, t.LEG_BACKEND)
    rows = rows[~endings.response_begun(traffic, rows)]
    rows = rows[endings.met_close(traffic, rows)]
    rows = rows[endings.kept_alive(traffic, rows)]
    rows = rows[~outcome.client_left(traffic, rows)]
    if not len(rows):
        return
    rows, severity, healed = claims.failed_or_healed(traffic, rows)
    idle_s = endings.idle_close_s(traffic, rows)
    timeout_s = claims.median(idle_s)
    names = claims.involved(traffic, rows, t.LEG_BACKEND)
    alb_s = profile.backend_idle_timeout_s
    facts: claims.Facts = {
        "idle_before_request_s": claims.median(endings.idle_before_s(traffic, rows)),
        "healed_requests": healed,
    }
    measured = f"{claims.who(names)} closed idle connections"
    if timeout_s:
        facts["backend_idle_timeout_s"] = timeout_s
        measured += f" after {words.seconds(timeout_s)}"
        if software := software_with_idle_timeout(timeout_s):
            facts["servers_with_that_default"] = list(software)
    if alb_s is not None:
        facts["alb_idle_timeout_s"] = alb_s
        measured += f"; the load balancer keeps them {words.seconds(alb_s)} ({profile.title})"
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_BACKEND,
        title=(
            f"{claims.of_requests(traffic, t.LEG_BACKEND)} met a connection being closed: {measured}"
            + (" (tried again, none failed)" if severity else "")
        ),
        explanation=(
            "These requests went out on kept-alive connections that the backend was closing at that "
            "moment: its FIN or RST does not acknowledge them. The backend never saw them and logs nothing."
        ),
        remedy=(
            "Make the backend's idle (keep-alive) time-out longer than the load balancer's"
            + (f" {words.seconds(alb_s)}" if alb_s is not None else "")
            + ": Node.js keepAliveTimeout, gunicorn --keep-alive, nginx and Apache keepalive_timeout / "
            "KeepAliveTimeout.",
            "Lift the backend's cap on requests a connection, if it has one.",
            "Let the load balancer retry requests that are safe to repeat.",
        ),
        exchanges=rows,
        severity=severity,
        facts=facts,
        note="the backend's close, and the request that crossed it",
    )
