"""Backends are far from the load balancer: each round trip takes long.

What the wire shows
    The handshake's round trip (SYN to SYN-ACK to ACK), its repeats left aside, is above the profile's budget
    for some backends.

Why it happens
    The backend is in another region or data centre, reached over a VPN or a peering that makes a detour, or
    the path's queues are full. Zones of one region are 1 to 2 ms apart.

What to do
    Put backends and load balancer into one region. Keep connections between them alive. Look at the route
    (VPN, transit gateway) that the packets take.

What it could be mistaken for
    slow-backend: there the backend thinks; here the path is long. backend-packet-loss: there packets are
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
    "backend-high-rtt",
    Severity.WARNING,
    legs=("backend",),
    statuses=(408, 499),
    mistaken_for=(("slow-backend", "the handshake, which the kernel answers, is slow too"),),
)

REMEDY = (
    "Put backends into the load balancer's region, or look at the route (VPN, peering) that packets take.",
    "Keep connections to backends alive: each new one costs a round trip more.",
)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    yield from trips.find(traffic, profile, CAUSE, t.LEG_BACKEND, REMEDY)
