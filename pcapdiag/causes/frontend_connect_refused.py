"""The load balancer refused a client's connection.

What the wire shows
    RST, or an ICMP "destination unreachable", answers the client's SYN.

Why it happens
    No listener on that port: it was deleted or never made, the client uses another port (8080 for 80, http
    for https), the name points to a host that is no load balancer any more, or a firewall on the way rejects.

What to do
    Compare the address and port the clients use with the load balancer's listeners. Check what the name
    resolves to.

What it could be mistaken for
    frontend-connect-timeout: there nothing answers. RSTs that answer late packets of closed connections
    refuse nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import attempts, claims
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic, endpoint

CAUSE = Cause(
    "frontend-connect-refused",
    Severity.ERROR,
    legs=("frontend",),
    mistaken_for=(("frontend-connect-timeout", "the SYN was answered, by a refusal"),),
    on_backend="backend-connect-refused",
)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    rows = attempts.refused(traffic, t.LEG_FRONTEND)
    if not len(rows):
        return
    names = claims.peers(traffic, rows, t.LEG_FRONTEND)
    listeners, counts = np.unique(attempts.port_keys(traffic, rows), return_counts=True)
    worst = int(listeners[np.argmax(counts)])
    listener = endpoint(traffic.addresses[worst >> 16], worst & 0xFFFF)
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_FRONTEND,
        title=(
            f"{listener} refused {{count}} connection{'s' if len(rows) > 1 else ''} of "
            f"{claims.who(names, 'clients')}"
        ),
        explanation="The SYNs were refused: nothing listens there, or a firewall rejects.",
        remedy=(
            f"Compare {listener} with the load balancer's listeners: is there one on that port?"
            if traffic.alb
            else f"See what should listen on {listener}: a load balancer's listener, or a backend's process.",
            "Check what the name resolves to, and which port and scheme the clients use.",
        ),
        connections=rows,
        facts={"refused_connections": len(rows), "listeners": len(listeners)},
        note="the SYN and its refusal",
        kinds=(t.EVENT_ICMP,),
    )
