"""Packets between clients and the load balancer are lost and sent again.

What the wire shows
    Segments are sent again, or come late to fill a hole, above the rate that is ordinary; each lost one
    costs at least a round trip, and a lone one (a short request, the tail of a response, a SYN) a
    retransmission time-out of 200 ms to a second and more. Not counted: spurious repeats, keep-alives,
    zero-window probes, repeated FINs, reordering, and what a full listen queue, an MTU or a silent peer
    explain.

Why it happens
    The clients' access networks (mobile, Wi-Fi, a congested uplink), a long path across the Internet, a
    firewall or VPN in between. A load balancer in the cloud is seldom the place.

What to do
    See whether all clients suffer or some networks: peers are listed. For far clients put an edge close to
    them (a CDN, an accelerator). Give uploads time-outs that allow for loss.

What it could be mistaken for
    mtu-blackhole: there only large segments are lost, and always. request-timeout: there
    nothing was sent again, the client just stopped.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcapdiag import tables as t
from pcapdiag.causes import losing
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "frontend-packet-loss",
    Severity.WARNING,
    legs=("frontend",),
    statuses=(408, 499, 502),
    outranks=("request-timeout", "client-closed-before-request", "client-closed-before-response"),
    mistaken_for=(
        ("mtu-blackhole", "segments of every size are lost"),
        ("request-timeout", "the missing part was sent, and lost"),
    ),
    on_backend="backend-packet-loss",
)

REMEDY = (
    "See whether all clients suffer or those of some networks; a single network's loss is its own.",
    "For far clients, put an edge close to them (CDN, accelerator); allow for loss in time-outs of uploads.",
)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    yield from losing.find(traffic, profile, CAUSE, t.LEG_FRONTEND, REMEDY)
