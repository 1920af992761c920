"""The client ended its connection having sent only a part of a request.

What the wire shows
    The client's FIN or RST comes first, in the middle of a request's head, or of a body whose end was
    announced. A connection on which no byte was ever sent is counted for information only: browsers open
    them in advance, and port checks do nothing else.

Why it happens
    The user left the page or the application cancelled an upload, a client-side time-out ran while the body
    was being produced, a proxy or a scanner in front of the load balancer gave up, or a client crashed. The
    load balancer logs 400 (AWS, nginx) or 499 (Alibaba Cloud); the client sees nothing.

What to do
    Nothing on the load balancer. Find who these clients are and how far they got: many with the same size
    or after the same time point to a limit or a time-out on their side.

What it could be mistaken for
    request-timeout: there the load balancer closed, tired of waiting. request-content-length-mismatch: there
    the client ended its sending side in order, and its body is just shorter than it said.
    client-closed-before-response: there the request was whole.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag import words
from pcapdiag.causes import claims, endings
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "client-closed-before-request",
    Severity.ERROR,
    legs=("frontend",),
    statuses=(400, 499),
    outranks=("malformed-request", "backend-reset", "backend-closed-before-response"),
    mistaken_for=(
        ("request-timeout", "the client closed first, not the load balancer"),
        ("request-content-length-mismatch", "the request broke off; its end was not just announced too late"),
        ("client-closed-before-response", "the request was not whole"),
    ),
)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    rows = endings.unfinished(traffic, t.LEG_FRONTEND)
    rows = rows[~endings.request_whole(traffic, rows) & ~endings.hidden(traffic, rows)]
    rows = rows[endings.closed_by(traffic, rows) == endings.CLIENT]
    # A refusal in the middle of the upload is a reason to break off: that is another cause.
    answered = endings.answered_before_close(traffic, rows) & (traffic.exchanges["status"][rows] >= 300)
    rows = rows[~answered & ~endings.has_flag(traffic, rows, t.REQ_BAD)]
    rows = rows[~endings.ended_short_in_order(traffic, rows)]
    if len(rows):
        yield _broken_off(traffic, rows)
    else:
        yield from _never_used(traffic)


def _broken_off(traffic: Traffic, rows: np.ndarray) -> Finding:
    exchanges = traffic.exchanges[rows]
    in_head = int(endings.in_head(traffic, rows).sum())
    lasted_s = (endings.close_ns(traffic, rows) - exchanges["start_ns"]) / 1e9
    by_reset = int(endings.closed_by_reset(traffic, rows).sum())
    names = claims.involved(traffic, rows, t.LEG_FRONTEND)
    return claims.finding(
        traffic,
        CAUSE,
        t.LEG_FRONTEND,
        title=(
            f"{claims.of_requests(traffic, t.LEG_FRONTEND)} broke off: {claims.who(names, 'clients')} closed "
            f"{words.seconds(claims.median(lasted_s))} into a request not yet whole (median)"
        ),
        explanation=(
            "The client's FIN or RST came before the end of its request: "
            + words.happened(((in_head, "{} in the head"), (len(rows) - in_head, "{} in the body")))
            + ". The load balancer had not closed before."
        ),
        remedy=(
            "Look at these clients, not at the load balancer: time-outs, cancelled uploads, crashes, proxies "
            "on their side.",
            "If they stop at one size or one time, look for that limit in the client or a proxy before the "
            "load balancer.",
        ),
        exchanges=rows,
        facts={
            "in_head": in_head,
            "in_body": len(rows) - in_head,
            "by_reset": by_reset,
            "median_lasted_s": claims.median(lasted_s),
            "lasted_cluster": claims.cluster(lasted_s),
        },
        note="the part of the request, and the client's close",
    )


def _never_used(traffic: Traffic) -> Iterator[Finding]:
    connections = traffic.connections
    mask = endings.connections_on(traffic, t.LEG_FRONTEND)
    mask &= (connections["flags"] & t.CONN_ESTABLISHED) != 0
    mask &= (connections["flags"] & (t.CONN_DATA_CLIENT | t.CONN_DATA_SERVER | t.CONN_GAP)) == 0
    mask &= connections["closed_by"] == endings.CLIENT
    rows = np.flatnonzero(mask)
    if not len(rows):
        return
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_FRONTEND,
        severity=Severity.INFO,
        title=f"{{count}} client connection{'s' if len(rows) > 1 else ''} never used: no request failed",
        explanation="Browsers open connections in advance, and port checks only connect.",
        remedy=("Nothing, unless a client reports failures at these times.",),
        connections=rows,
        note="a connection that carried no byte",
    )
