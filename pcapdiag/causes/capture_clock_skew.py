"""Two files of one analysis were stamped by clocks that disagree.

What the wire shows
    Requests seen in both files are not where one clock would put them. Their times on both sides give the
    offset between the clocks, and how sure it is.

Why it happens
    The files come from two hosts, and one clock is off: no NTP, a virtual machine that slept, another time
    source. A few milliseconds are ordinary.

What to do
    Nothing needs doing: the offset is used wherever the legs are compared. Let both hosts keep time by NTP
    (chronyc tracking) before the next capture.

What it could be mistaken for
    Slow requests: a time that spans both files would be wrong by the offset, so none is taken without it.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcapdiag import words
from pcapdiag.causes import capturing
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "capture-clock-skew",
    Severity.INFO,
    legs=("",),
    mistaken_for=(
        ("slow-backend", "two clocks differ, not the times that requests took"),
        ("backend-high-rtt", "a round trip is measured by one clock alone"),
    ),
)

ORDINARY_S = 0.01  # what NTP keeps hosts of one network within


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    off = {
        pair: (offset_ns / 1e9, error_ns / 1e9)
        for pair, (offset_ns, error_ns) in traffic.clock_offsets_ns.items()
        if abs(offset_ns) > error_ns and abs(offset_ns) > ORDINARY_S * 1e9
    }
    if not off:
        return
    (frontend, backend), (offset_s, error_s) = max(off.items(), key=lambda item: abs(item[1][0]))
    names = {file.vantage: words.file_name(file.path) for file in reversed(traffic.files)}
    direction = "ahead of" if offset_s > 0 else "behind"
    yield capturing.finding(
        CAUSE,
        title=(
            f"The clock of {names.get(backend, 'one file')} is {words.seconds(abs(offset_s))} {direction} "
            f"that of {names.get(frontend, 'the other')} (± {words.seconds(error_s)}): taken into account"
        ),
        explanation="Estimated from requests seen in both files, and used where times of both are compared.",
        remedy=("Nothing needs doing here. Let both hosts keep time by NTP before the next capture.",),
        facts={"offset_s": round(offset_s, 6), "error_s": round(error_s, 6), "pairs_of_files": len(off)},
    )
