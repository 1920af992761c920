"""Packets were captured in part only: the snaplen cut bytes off.

What the wire shows
    Records whose captured length is less than the packet's length on the wire. TCP can still be followed,
    for its headers come first; of HTTP, whatever lay beyond the cut is unknown.

Why it happens
    tcpdump ran with -s 96 or the like, an old tcpdump with its default of 68 or 96 bytes, or a traffic mirror
    cuts packets to its own length.

What to do
    Record with -s 0 (whole packets; the default of today's tcpdump), and set the mirror session's packet
    length to the whole packet.

What it could be mistaken for
    capture-dropped-packets: there whole packets are missing.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag import words
from pcapdiag.causes import capturing
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "capture-truncated-packets",
    Severity.WARNING,
    legs=("",),
    mistaken_for=(
        ("capture-dropped-packets", "each packet has its record, of which only the end is missing"),
        ("response-content-length-mismatch", "the records say how long the packets were on the wire"),
    ),
)
LARGEST = 65_535  # bytes of an IP packet: a snaplen from here on cuts none


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    cut = [file for file in traffic.files if file.truncated_packets]
    if not cut:
        return
    packets = sum(file.truncated_packets for file in cut)
    total = sum(file.packets for file in traffic.files)
    connections = int(np.count_nonzero(traffic.connections["flags"] & t.CONN_TRUNCATED))
    # A capture sliced elsewhere (editcap -s, a mirror) may carry the snaplen of one that cuts nothing.
    snaplen = max((file.snaplen for file in cut if file.snaplen < LARGEST), default=0)
    yield capturing.finding(
        CAUSE,
        title=(
            f"{packets:,} of {total:,} packets were captured in part"
            + (f" (snaplen {snaplen:,} bytes)" if snaplen else "")
            + f": HTTP bytes of {words.counted(connections, 'connection')} are missing"
        ),
        explanation=(
            "TCP is analysed as ever. Requests and responses whose start lines or fields lie beyond the "
            "cut are not known, and nothing is said of them."
        ),
        remedy=(
            "Record whole packets: tcpdump -s 0; a traffic mirror: set its packet length to the whole "
            "packet.",
        ),
        facts={
            "truncated_packets": packets,
            **({"snaplen_bytes": snaplen} if snaplen else {}),
            "connections_cut": connections,
        },
        severity=None if connections else Severity.INFO,
    )
