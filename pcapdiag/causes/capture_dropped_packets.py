"""Packets that were on the wire are not in the capture.

What the wire shows
    A side acknowledges bytes that were never captured, and nobody sends them again; or the file's own
    statistics (pcapng) count dropped packets.

Why it happens
    tcpdump could not keep up: its buffer was too small for the bursts, the disk too slow, the machine busy.
    A traffic mirror drops under load before it drops production traffic. tcpdump says so at its end
    ("packets dropped by kernel"), but a pcap file has no place for it.

What to do
    Give tcpdump a larger buffer (-B 65536, in KB), write to a fast disk, capture fewer bytes (a filter for
    the ports in question), and read its last line when it ends.

What it could be mistaken for
    frontend-packet-loss and backend-packet-loss: what the network loses is not acknowledged, and is sent
    again.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import capturing, evidence
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.columns import among, distinct
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "capture-dropped-packets",
    Severity.WARNING,
    legs=("",),
    mistaken_for=(
        ("backend-packet-loss", "the receiver acknowledged the bytes: they arrived, the capture missed them"),
        (
            "frontend-packet-loss",
            "the receiver acknowledged the bytes: they arrived, the capture missed them",
        ),
    ),
)


AT_START_NS = 1_000_000_000  # what a connection had in flight when the capture began is acknowledged by then


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    missing = np.where(_before(traffic), 0, traffic.troubles["missing_bytes"])
    connections = distinct(traffic.troubles["connection"][missing > 0])
    counted = sum(file.dropped_packets or 0 for file in traffic.files)
    if not len(connections) and not counted:
        return
    missing_bytes = int(missing.sum(dtype="i8"))
    total = sum(file.packets for file in traffic.files)
    yield capturing.finding(
        CAUSE,
        title=(
            "The capture misses packets that were on the wire: "
            + (f"{counted:,} dropped by its own count beside {total:,} captured" if counted else "")
            + (", " if counted and missing_bytes else "")
            + (f"{missing_bytes:,} bytes acknowledged that it does not hold" if missing_bytes else "")
        ),
        explanation=(
            "A receiver acknowledges only what it got, so these bytes passed and tcpdump (or the mirror) "
            "missed them. Exchanges with such a gap are not judged."
        ),
        remedy=(
            "Record with a larger buffer (tcpdump -B 65536), a narrower filter, and to a fast disk.",
            "Read tcpdump's last line: 'packets dropped by kernel' must be 0.",
        ),
        facts={
            "missing_bytes": missing_bytes,
            "connections_with_gaps": len(connections),
            "dropped_packets": counted,
        },
        evidence=evidence.of_connections(
            traffic, connections, "bytes acknowledged, but not in the capture", (t.EVENT_MISSING,)
        ),
    )


def _before(traffic: Traffic) -> np.ndarray:
    """Troubles of connections begun before the capture that miss bytes right at their start only: those may
    have been sent before it, and acknowledged late."""
    on, connections = traffic.troubles["connection"], traffic.connections
    events = traffic.events[traffic.events["kind"] == t.EVENT_MISSING]
    early = events["time_ns"] - connections["first_ns"][events["connection"]] <= AT_START_NS
    begun = (connections["flags"][on] & t.CONN_SYN) == 0
    return begun & among(on, events["connection"][early]) & ~among(on, events["connection"][~early])
