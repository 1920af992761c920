"""A backend closed the connection in order, with a request outstanding and not a byte of response.

What the wire shows
    The backend acknowledged the request, then sent FIN; no response byte came before it.

Why it happens
    The application accepted the request and closed the connection without an answer: an exception outside
    its error handler, a worker stopped in mid-request, a listener of another protocol (TLS, a database), a
    server that gives up after its own limit of time. Alibaba Cloud's load balancer answers 500, AWS's 502.

What to do
    Look at the backend's log at the times given. Compare how long after the request it closed with the
    server's own time-outs. Ask the backend directly for the same target.

What it could be mistaken for
    keepalive-race: there the FIN did not acknowledge the request, for the backend had not seen it.
    backend-reset: there an RST ended the connection. response-content-length-mismatch: there a part of the
    response came.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcapdiag import tables as t
from pcapdiag import words
from pcapdiag.causes import claims, endings, outcome
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "backend-closed-before-response",
    Severity.ERROR,
    legs=("backend",),
    statuses=(500, 502),
    outranks=("backend-error-status", "status-rewritten"),
    mistaken_for=(
        ("keepalive-race", "the backend's FIN acknowledges the request: it had seen it"),
        ("backend-reset", "the backend ended by FIN, not by RST"),
        ("response-content-length-mismatch", "not a byte of the response came"),
    ),
)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    rows = endings.unfinished(traffic, t.LEG_BACKEND)
    rows = rows[~endings.response_begun(traffic, rows)]
    rows = rows[
        (endings.closed_by(traffic, rows) == endings.SERVER) & ~endings.closed_by_reset(traffic, rows)
    ]
    # A FIN that met the first request of a new connection is no race: nothing had been idle.
    raced = endings.met_close(traffic, rows) & endings.kept_alive(traffic, rows)
    rows = rows[~raced & ~endings.has_flag(traffic, rows, t.RSP_BAD)]
    rows = rows[~outcome.client_left(traffic, rows)]
    if not len(rows):
        return
    rows, severity, healed = claims.failed_or_healed(traffic, rows)
    after_s = endings.wait_s(traffic, rows)
    names = claims.involved(traffic, rows, t.LEG_BACKEND)
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_BACKEND,
        title=(
            f"{claims.of_requests(traffic, t.LEG_BACKEND)} got no answer: {claims.who(names)} closed "
            f"{words.seconds(claims.median(after_s))} after the request (median)"
            + ("; the load balancer tried again, none failed" if severity else "")
        ),
        explanation=(
            "The backend acknowledged the request and then closed its side in order (FIN) without a byte of "
            f"response. A load balancer answers {profile.backend_closed_status} to that ({profile.title})."
        ),
        remedy=(
            "Find in the backend's log why it gave these requests up; ask it directly for the same targets.",
            "Compare the time it took with the backend's own request and worker time-outs.",
            "Check that the port speaks plain HTTP/1.1.",
        ),
        exchanges=rows,
        severity=severity,
        facts={"median_closed_after_s": claims.median(after_s), "healed_requests": healed},
        note="the request, and the backend's FIN in place of a response",
    )
