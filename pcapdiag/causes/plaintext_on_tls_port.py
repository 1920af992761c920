"""A client spoke HTTP in clear to a port of the load balancer that expects TLS.

What the wire shows
    A request in clear on a port where other connections speak TLS; answered 400 in clear, by a TLS alert, or
    by a close without a word.

Why it happens
    http:// with the port of the HTTPS listener (http://host:443), a redirect or proxy that keeps the port and
    loses the scheme, a health checker configured for HTTP on an HTTPS port.

What to do
    Use https://, or the HTTP listener's port. Check redirects and proxies that build the URL.

What it could be mistaken for
    malformed-request: the request itself is in order. A listener on port 443 that speaks HTTP in clear is
    odd, and no fault.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import attempts, claims, endings
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.columns import among, distinct, union
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic, endpoint

CAUSE = Cause(
    "plaintext-on-tls-port",
    Severity.ERROR,
    legs=("frontend",),
    statuses=(400,),
    outranks=(
        "malformed-request",
        "malformed-response",
        "client-closed-before-response",
        "alb-policy-response",
        "backend-error-status",
        "no-backend",
    ),
    mistaken_for=(("malformed-request", "the request is in order; the port expects TLS around it"),),
    either_leg=True,
)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    connections, exchanges = traffic.connections, traffic.exchanges
    frontend = endings.connections_on(traffic, t.LEG_FRONTEND)
    tls = np.flatnonzero(frontend & (connections["protocol"] == t.PROTOCOL_TLS))
    rows = endings.flagged(traffic, t.RSP_TLS, t.LEG_FRONTEND)
    if len(tls):
        clear = np.flatnonzero(frontend & (connections["protocol"] == t.PROTOCOL_HTTP))
        speaks_tls = among(attempts.port_keys(traffic, clear), distinct(attempts.port_keys(traffic, tls)))
        on_tls_port = np.zeros(len(connections), "?")
        on_tls_port[clear[speaks_tls]] = True
        rows = union(rows, np.flatnonzero(on_tls_port[exchanges["connection"]])).astype("i8")
    hung_up = (exchanges["status"][rows] == 0) & (endings.closed_by(traffic, rows) == endings.SERVER)
    alert = endings.has_flag(traffic, rows, t.RSP_TLS)
    rows = rows[(exchanges["status"][rows] == 400) | hung_up | alert]
    rows = rows[endings.has_flag(traffic, rows, t.REQ_SEEN)]  # else it may be a handshake that was missed
    rows = rows[~endings.has_flag(traffic, rows, t.REQ_GARBLED) & (traffic.peer[rows] == t.NONE)]
    if not len(rows):
        return
    port = int(attempts.port_keys(traffic, exchanges["connection"][rows[:1]])[0])
    listener = endpoint(traffic.addresses[port >> 16], port & 0xFFFF)
    names = claims.involved(traffic, rows, t.LEG_FRONTEND)
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_FRONTEND,
        title=(
            f"{claims.of_requests(traffic, t.LEG_FRONTEND)} of {claims.who(names, 'clients')} were HTTP in "
            f"clear to {listener}, which expects TLS"
        ),
        explanation="The request is in order but in clear; other connections to that port begin with TLS.",
        remedy=(
            f"Use https:// with {listener}, or the HTTP listener's port.",
            "Check redirects and proxies that build the URL: they keep the port and lose the scheme.",
        ),
        exchanges=rows,
        note="the request in clear, and how it was turned away",
    )
