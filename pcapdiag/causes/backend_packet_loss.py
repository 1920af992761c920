"""Packets between the load balancer and its backends are lost and sent again.

What the wire shows
    Segments are sent again, or come late to fill a hole, above the rate that is ordinary; each lost one
    costs at least a round trip, and a lone one (a short request, the tail of a response, a SYN) a
    retransmission time-out of 200 ms to a second and more. Not counted: spurious repeats, keep-alives,
    zero-window probes, repeated FINs, reordering, and what a full listen queue, an MTU or a silent peer
    explain.

Why it happens
    A host at its limit (CPU, network interface queues, the packet or bandwidth allowance of an instance
    type, a connection tracking table that is full), a congested or faulty link between zones, a virtual
    switch that drops. A first SYN lost costs a whole second.

What to do
    Compare the backends: loss at one points to that host (ethtool -S, nstat, conntrack -S, the cloud's
    counters of exceeded allowances); loss at all of one zone points to the path. Record at both ends to see
    on which way packets vanish.

What it could be mistaken for
    mtu-blackhole: there only large segments are lost, and always. slow-backend: there
    nothing is sent again, the application thinks.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcapdiag import tables as t
from pcapdiag.causes import losing
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "backend-packet-loss",
    Severity.WARNING,
    legs=("backend",),
    statuses=(408, 499, 502),
    outranks=("slow-backend",),
    mistaken_for=(
        ("mtu-blackhole", "segments of every size are lost"),
        (
            "backlog-overflow",
            "established connections lose packets too, or a lost SYN was answered at its first repeat",
        ),
    ),
)

REMEDY = (
    "Compare backends: one that loses alone has the fault itself (ethtool -S, nstat, conntrack -S, the "
    "cloud's allowance counters).",
    "Record at both ends: what one sends and the other never sees tells on which way packets are lost.",
)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    yield from losing.find(traffic, profile, CAUSE, t.LEG_BACKEND, REMEDY)
