"""A capture file is cut in the middle of a packet, or holds a record that cannot be.

What the wire shows
    Nothing: this is about the file. It ends within a record, or a record announces a length that no packet
    has. All before that place is analysed; what came after it is unknown.

Why it happens
    The file was copied while tcpdump still wrote it, the disk was full, tcpdump was killed (without -U it
    holds the last packets in a buffer), a transfer in text mode or a broken download changed bytes.

What to do
    Stop tcpdump with Ctrl-C or SIGTERM and wait for its summary before copying the file; record with -U.
    Copy it again and compare checksums.

What it could be mistaken for
    A capture that just ends early: that one ends with a whole record, and is not damaged.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcapdiag.causes import capturing
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "capture-damaged",
    Severity.WARNING,
    legs=("",),
    mistaken_for=(
        ("capture-dropped-packets", "all is missing from one place on, not packets here and there"),
        ("client-closed-before-response", "the file broke off, not a connection"),
    ),
)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    damaged = [file for file in traffic.files if file.damage]
    if not damaged:
        return
    first = damaged[0]
    yield capturing.finding(
        CAUSE,
        title=(
            f"{capturing.files([file.path for file in damaged])} is damaged at byte {first.damage_offset:,} "
            f"({first.damage}): analysed up to there, {first.packets:,} packets"
        ),
        explanation=(
            "What came after the damage is not in this analysis: requests may look unfinished or be "
            "missing for that reason, and are not judged."
        ),
        remedy=("Stop tcpdump before copying its file (record with -U), and copy it again.",),
        facts={
            "damaged_files": len(damaged),
            "damage_offset_bytes": first.damage_offset,
            "frame": first.packets,  # the last one before the damage, as Wireshark numbers it
        },
    )
