"""Clients are far from the load balancer: each round trip takes long.

What the wire shows
    The handshake's round trip (SYN to SYN-ACK to ACK), its repeats left aside, is above the profile's budget
    for some clients.

Why it happens
    Clients on another continent, on satellite or mobile networks, behind a VPN or proxy that makes a detour,
    or on a line whose queue is full.

What to do
    Put an edge close to them (a CDN, an accelerator, a load balancer in their region). Save round trips: keep
    connections alive, TLS 1.3, HTTP/2.

What it could be mistaken for
    slow-backend: there the backend thinks; here the path is long. frontend-packet-loss: there packets are
    sent again.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcapdiag import tables as t
from pcapdiag.causes import trips
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "frontend-high-rtt",
    Severity.WARNING,
    legs=("frontend",),
    statuses=(408, 499),
    mistaken_for=(("slow-backend", "the path is slow before any request is made"),),
    on_backend="backend-high-rtt",
)

REMEDY = (
    "For far clients put an edge close to them: a CDN, an accelerator, a load balancer in their region.",
    "Save round trips: keep connections alive, use TLS 1.3 and HTTP/2.",
)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    yield from trips.find(traffic, profile, CAUSE, t.LEG_FRONTEND, REMEDY)
