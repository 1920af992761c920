"""The load balancer closed an idle client connection just as the client's next request set out on it.

What the wire shows
    A kept-alive connection, idle since its last response. The load balancer's FIN (or RST) does not
    acknowledge the client's new request, which is answered by RST or by nothing.

Why it happens
    The client keeps idle connections longer than the load balancer: its idle time-out is 15 s on Alibaba
    Cloud, 60 s on AWS; a cap of requests a connection or its greatest age closes them too. Browsers try
    again by themselves; API clients and proxies in front often do not, and report a broken connection.

What to do
    Let the client's pool drop idle connections sooner than the load balancer does, or raise the load
    balancer's idle time-out above the client's. Let the client try again what is safe to repeat.

What it could be mistaken for
    client-closed-before-request: there the client closes. keepalive-race: the same between load balancer and
    backend. An idle connection closed with nothing in flight is no fault. A client that sends on after an
    answer with Connection: close raced nobody: it has to open another connection.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag import words
from pcapdiag.causes import claims, endings
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.columns import distinct
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "frontend-keepalive-race",
    Severity.ERROR,
    legs=("frontend",),
    outranks=("client-closed-before-request", "client-closed-before-response", "request-timeout"),
    mistaken_for=(
        ("client-closed-before-request", "the load balancer closed first, before it saw the request"),
        ("keepalive-race", "it happened between client and load balancer"),
    ),
    on_backend="keepalive-race",
)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    rows = endings.unfinished(traffic, t.LEG_FRONTEND)
    rows = rows[~endings.response_begun(traffic, rows) & endings.met_close(traffic, rows)]
    rows = rows[endings.kept_alive(traffic, rows) & endings.heads_seen_whole(traffic, rows)]
    if not len(rows):
        return
    rows = _with_those_before(traffic, rows)
    rows = rows[~endings.after_last_answer(traffic, rows)]
    if not len(rows):
        return
    closer = "the load balancer" if traffic.alb else "the server"
    timeout_s = claims.median(endings.idle_close_s(traffic, rows))
    names = claims.involved(traffic, rows, t.LEG_FRONTEND)
    limit_s = profile.frontend_idle_timeout_s
    measured = f" after {words.seconds(timeout_s)} idle" if timeout_s else ""
    yard = ""
    if limit_s is not None and traffic.alb:
        yard = f" ({profile.title}: {words.seconds(limit_s)} by default)"
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_FRONTEND,
        title=(
            f"{claims.of_requests(traffic, t.LEG_FRONTEND)} of {claims.who(names, 'clients')} met a "
            f"connection that {closer} was closing{measured}{yard}"
        ),
        explanation=(
            f"These requests went out on kept-alive connections that {closer} was closing at that "
            f"moment: its FIN does not acknowledge them. They got no answer, and {closer}'s log "
            "does not hold them."
        ),
        remedy=(
            f"Let the clients' pools drop idle connections sooner than {closer} does"
            + (f" ({words.seconds(timeout_s)})" if timeout_s else "")
            + ", or raise its idle time-out.",
            "Let clients try again, on a new connection, what is safe to repeat.",
        ),
        exchanges=rows,
        facts={
            "alb_idle_timeout_s": timeout_s,
            "idle_before_request_s": claims.median(endings.idle_before_s(traffic, rows)),
        },
        note=f"{closer}'s close, and the request that crossed it",
    )


def _with_those_before(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """These requests, the last of their connections, and those before that met the same close: a client that
    does not look goes on sending."""
    exchanges = traffic.exchanges
    acked = traffic.connections["server_close_acked"][exchanges["connection"][rows]].astype("i8")
    begins_at = traffic.connections["client_bytes"][exchanges["connection"][rows]].astype("i8")
    found, at = [], rows
    while len(at):
        begins_at = begins_at - exchanges["request_head"][at] - exchanges["request_body"][at].astype("i8")
        unseen = ~endings.response_begun(traffic, at) & (acked <= np.maximum(begins_at, 0))
        at, begins_at, acked = at[unseen], begins_at[unseen], acked[unseen]
        found.append(at)
        at = traffic.previous(at)
        more = at != t.NONE
        at, begins_at, acked = at[more], begins_at[more], acked[more]
    return distinct(np.concatenate([rows, *found])).astype("i8")
