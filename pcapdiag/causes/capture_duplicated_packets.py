"""The capture holds the same packets twice.

What the wire shows
    Pairs of packets that are equal in everything, the IP identification among it, microseconds apart. A
    retransmission differs: it is a packet of its own, and comes later.

Why it happens
    tcpdump -i any sees one packet on each interface it passes (bridge, veth, bond and its members); a mirror
    port copies both ends of one cable; two captures of one link were merged.

What to do
    Nothing needs doing: each packet is counted once. For a smaller file capture on one interface, or mirror
    one direction of each port.

What it could be mistaken for
    frontend-packet-loss and backend-packet-loss: those are retransmissions, sent again by their sender.
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
    "capture-duplicated-packets",
    Severity.INFO,
    legs=("",),
    mistaken_for=(
        ("backend-packet-loss", "the copies are one packet, not one sent again"),
        ("frontend-packet-loss", "the copies are one packet, not one sent again"),
    ),
)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    copies = traffic.counters.get("capture_duplicates", 0)
    if not copies:
        return
    connections = np.flatnonzero(traffic.connections["flags"] & t.CONN_DUPLICATES)
    total = traffic.counters.get("tcp_packets", 0)
    yield capturing.finding(
        CAUSE,
        title=f"{copies:,} of {total:,} TCP packets are copies of packets captured before: counted once",
        explanation=(
            f"They are on {len(connections):,} connections, equal to the last bit and microseconds apart, "
            "as when one packet passes several captured interfaces. They are left out of every count of "
            "this report."
        ),
        remedy=("Nothing needs doing. For a smaller file, capture on one interface in place of -i any.",),
        facts={"duplicate_packets": copies, "tcp_packets": total, "connections": len(connections)},
        evidence=evidence.of_connections(traffic, connections, "a connection captured twice"),
    )
