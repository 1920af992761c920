"""Packets are stored in another order than they were captured in.

What the wire shows
    Records whose time lies before the record in front of them; or segments that lie behind later ones
    although their receiver, which acknowledges at once what comes out of order, noticed nothing; or answers
    that lie before what they acknowledge. The order is put right before anything is judged.

Why it happens
    Captures of several interfaces or queues were written by several threads or merged without sorting, or a
    traffic mirror delivered through a load balancer, which keeps no order between packets.

What to do
    Nothing needs doing here. For other tools, sort the file first: reordercap in.pcap out.pcap.

What it could be mistaken for
    Reordering by the network: there the receiver sees it too, and sends duplicate ACKs.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcapdiag import words
from pcapdiag.causes import capturing
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.columns import among, distinct
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "capture-reordered",
    Severity.INFO,
    legs=("",),
    mistaken_for=(
        ("capture-dropped-packets", "the packets are all there, only in another order"),
        ("backend-packet-loss", "it is the file that has them in another order, not the network"),
    ),
)

FEW = 5  # late segments: fewer, and their duplicate ACKs may be missing by chance
UNNOTICED = 0.2  # share of late segments whose receiver may have said so


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    steps = sum(file.backward_steps for file in traffic.files)
    late, noticed = _late_segments(traffic)
    unnoticed = late >= FEW and noticed <= UNNOTICED * late
    early = traffic.counters.get("answers_stored_early", 0)
    early = early if early >= FEW else 0
    if not steps and not unnoticed and not early:
        return
    late = late if unnoticed else 0
    total = sum(file.packets for file in traffic.files)
    ways = (
        (steps, "{} bear a time before that of the record in front of them"),
        (
            late,
            "{} lie behind later segments although their receivers sent no duplicate ACK, as they do for "
            "what the network reorders",
        ),
        (early, "{} lie before the packets they acknowledge"),
    )
    yield capturing.finding(
        CAUSE,
        title=(
            f"{max(steps, late, early):,} of {total:,} packets are stored out of their order: put right "
            "before anything was judged"
        ),
        explanation=f"Of the packets, {words.happened(ways)}.",
        remedy=("Nothing needs doing here. For other tools: reordercap in.pcap out.pcap.",),
        facts={"backward_steps": steps, "late_segments": late, "early_answers": early},
    )


def _late_segments(traffic: Traffic) -> tuple[int, int]:
    """How many segments came late, and how many duplicate ACKs their receivers sent."""
    troubles = traffic.troubles
    late = troubles["out_of_order"]
    receivers = distinct(
        troubles["connection"][late > 0].astype("i8") << 1 | (1 - troubles["direction"][late > 0])
    )
    mine = among(troubles["connection"].astype("i8") << 1 | troubles["direction"], receivers)
    return int(late.sum(dtype="i8")), int(troubles["duplicate_acks"][mine].sum(dtype="i8"))
