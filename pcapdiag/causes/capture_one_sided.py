"""Only one direction of most connections was captured.

What the wire shows
    One side's packets acknowledge and continue a conversation whose other side is never seen.

Why it happens
    A filter with "src" or "dst" alone, a mirror port that copies only what comes in (or only what goes out),
    asymmetric routing past the place of capture, a traffic mirror session with one of its two filter rules
    missing.

What to do
    Filter by "host" and "port" rather than "src" and "dst"; mirror both directions; with asymmetric routes,
    capture at the end hosts.

What it could be mistaken for
    frontend-connect-timeout and backend-connect-timeout: there one side sends nothing but SYNs, for nobody
    answers.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import capturing, evidence
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "capture-one-sided",
    Severity.WARNING,
    legs=("",),
    mistaken_for=(
        ("backend-connect-timeout", "the side that is seen goes on as one that gets answers"),
        ("frontend-connect-timeout", "the side that is seen goes on as one that gets answers"),
    ),
)

MOST = 0.5


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    connections = traffic.connections
    # SYNs alone are no half of a conversation: nobody answered them.
    talking = connections["client_packets"] > connections["syns"]
    talking |= connections["server_packets"] > 0
    alone = talking & ((connections["client_packets"] == 0) | (connections["server_packets"] == 0))
    # An RST to a stray packet has no other side either.
    alone &= connections["client_packets"] + connections["server_packets"] > 1
    judged, halves = int(np.count_nonzero(talking)), np.flatnonzero(alone)
    if len(halves) < 2 or len(halves) <= MOST * judged:
        return
    from_clients = int((connections["server_packets"][halves] == 0).sum())
    yield capturing.finding(
        CAUSE,
        title=f"{len(halves):,} of {judged:,} connections were captured in one direction only",
        explanation=(
            f"Of {from_clients:,} connections only the client's packets are here, of "
            f"{len(halves) - from_clients:,} only "
            "the server's, though each goes on as one that gets answers. What the other side did is unknown "
            "and not judged."
        ),
        remedy=(
            "Capture both directions: filter by 'host' and 'port' in place of 'src' and 'dst'; mirror "
            "ingress and egress.",
            "Where routes are asymmetric, capture on the hosts at the ends.",
        ),
        facts={"one_sided_connections": len(halves), "connections": judged, "client_side_only": from_clients},
        evidence=evidence.of_connections(traffic, halves, "one side of a conversation", (t.EVENT_MISSING,)),
    )
