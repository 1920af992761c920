"""A backend stopped reading: it announced a receive window of zero, for long.

What the wire shows
    The backend's packets carry a window of zero while the load balancer has more of a request to send; it
    probes and waits, until the window opens again.

Why it happens
    The application does not read its socket: its workers are busy or blocked, it writes an upload to a slow
    disk or passes it to a slow service before it reads on, memory or CPU ran out, the host was paused.

What to do
    Look at the backend's CPU, memory and disk at these times, and at what the upload's handler does before it
    reads on. A larger receive buffer only hides short pauses.

What it could be mistaken for
    backend-packet-loss: there packets vanish; here they wait. slow-backend: there the request was taken, and
    the answer is late.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag import words
from pcapdiag.causes import claims
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.columns import distinct
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "backend-zero-window",
    Severity.WARNING,
    legs=("backend",),
    outranks=("slow-backend", "backend-packet-loss"),
    mistaken_for=(
        ("backend-packet-loss", "nothing was lost: the receiver had no room"),
        ("slow-backend", "the backend had not even read the request"),
    ),
)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    troubles = traffic.troubles
    mask = (traffic.leg[troubles["connection"]] == t.LEG_BACKEND) & (troubles["direction"] == 1)
    mask &= troubles["longest_zero_us"] >= profile.zero_window_s * 1e6
    chosen = troubles[mask]
    if not len(chosen):
        return
    connections = chosen["connection"].astype("i8")
    rows = distinct([row for c in connections.tolist() for row in _held_up(traffic, c)]).astype("i8")
    longest_s = int(chosen["longest_zero_us"].max()) / 1e6
    names = claims.peers(traffic, connections, t.LEG_BACKEND)
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_BACKEND,
        title=(
            f"{claims.who(names)} stopped reading for up to {words.seconds(longest_s)} (a warning from "
            f"{words.seconds(profile.zero_window_s)}): {claims.of_requests(traffic, t.LEG_BACKEND)} stood "
            "still"
        ),
        explanation=(
            f"On {words.counted(len(chosen), 'connection')} the backend announced a window of zero while "
            "more of a request was to be sent: its application did not read."
        ),
        remedy=(
            f"Look at CPU, memory and disk of {names[0]} at these times, and at what its handler does before "
            "it reads on.",
        ),
        exchanges=rows,
        connections=connections if not len(rows) else claims.NO_ROWS,
        facts={
            "longest_stall_s": round(longest_s, 3),
            "total_stall_s": round(int(chosen["zero_window_us"].sum(dtype="i8")) / 1e6, 3),
            "connections": len(chosen),
        },
        note="the window at zero, and opened again",
        kinds=(t.EVENT_ZERO_WINDOW, t.EVENT_WINDOW_REOPENED),
    )


def _held_up(traffic: Traffic, connection: int) -> list[int]:
    """The exchanges of a connection during which its server's window was at zero."""
    events = traffic.events_of(connection)
    closed_ns = events["time_ns"][(events["kind"] == t.EVENT_ZERO_WINDOW) & (events["direction"] == 1)]
    own = list(traffic.of_connection(connection))
    starts_ns = traffic.exchanges["start_ns"][own]
    at = np.searchsorted(starts_ns, closed_ns, side="right") - 1
    return [own[i] for i in distinct(at[at >= 0]).tolist()]
