"""Round-trip times on one leg: what both high-RTT causes measure.

The two halves of a handshake, from SYN to SYN-ACK and from there to ACK, add up to the round trip of the
whole path, wherever on it the capture was taken; so do the shortest times from data to its acknowledgement,
each way. The smaller of the two is taken: a busy kernel delays the one, delayed acknowledgements the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pcapdiag import tables as t
from pcapdiag import words
from pcapdiag.causes import claims, endings
from pcapdiag.causes.cause import Cause, Finding
from pcapdiag.causes.paths import path_keys
from pcapdiag.columns import among, distinct, without
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

FEWEST = 3  # connections that say a path has grown longer than it was
SHARE = 0.2  # of the path's connections
SAMPLES = 10_000


def find(
    traffic: Traffic, profile: Profile, cause: Cause, leg: int, remedy: Sequence[str]
) -> Iterator[Finding]:
    """The paths whose round trips are over the leg's budget, or far over what they once were."""
    budget_ms = profile.rtt_budget_ms(t.LEGS[leg])
    side = "server" if leg == t.LEG_BACKEND else "client"
    suspects = _some_long(traffic, leg, budget_ms * 1000)
    if not len(suspects):
        return
    suspected = np.zeros(len(traffic.addresses), "?")
    suspected[traffic.connections[side][suspects]] = True
    rows, trips_us = _measured(traffic, leg, suspected[traffic.connections[side]])
    path = path_keys(traffic, rows, 0)
    slow = _slow(trips_us, path, budget_ms * 1000, profile.rtt_factor)
    if not slow.any():
        return
    exchanges = _served(traffic, rows[slow])
    median_ms, largest_ms = float(np.median(trips_us[slow])) / 1000, float(trips_us[slow].max()) / 1000
    others_ms = _others_ms(traffic, leg, rows[slow])
    names = claims.peers(traffic, rows[slow], leg)
    elsewhere = f"; others: {words.seconds(others_ms / 1000)}" if others_ms is not None else ""
    bound = f"a warning from {budget_ms:g} ms"
    if median_ms <= budget_ms:
        shortest_ms = float(trips_us[among(path, path[slow])].min()) / 1000
        bound = f"a warning from {profile.rtt_factor:g} times the same path's shortest, {shortest_ms:.1f} ms"
    yield claims.finding(
        traffic,
        cause,
        leg,
        title=(
            f"{claims.who(names, 'backends' if leg == t.LEG_BACKEND else 'clients')}: a round trip takes "
            f"{median_ms:.0f} ms (median; {bound}{elsewhere})"
        ),
        explanation=(
            f"{words.counted(len(exchanges), 'request')} went over "
            f"{words.counted(int(slow.sum()), 'connection')} whose round trips took up to "
            f"{largest_ms:.0f} ms. Each new connection costs one such round trip more, TLS one or two more."
        ),
        remedy=remedy,
        exchanges=exchanges,
        connections=rows[slow] if not len(exchanges) else claims.NO_ROWS,
        facts={
            "median_rtt_ms": round(median_ms, 1),
            "largest_rtt_ms": round(largest_ms, 1),
            "budget_ms": budget_ms,
            "connections": int(slow.sum()),
            **({"others_median_rtt_ms": round(others_ms, 3)} if others_ms is not None else {}),
        },
        note="the handshake's round trip",
    )


def _some_long(traffic: Traffic, leg: int, budget_us: float) -> np.ndarray:
    """Connections of the leg whose handshake takes a quarter of the budget in one half, at least."""
    connections = traffic.connections
    mask = np.zeros(len(connections), "?")
    for half in ("syn_rtt_us", "ack_rtt_us"):
        mask |= (connections[half] > int(budget_us / 4)) & (connections[half] != t.NEVER)
    rows = np.flatnonzero(mask)
    return rows[endings.connections_on(traffic, leg)[rows]]


def _measured(traffic: Traffic, leg: int, among: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Those of the leg (where the mask says) whose round trip is known, and it in microseconds."""
    connections = traffic.connections
    rows = np.flatnonzero(among & endings.connections_on(traffic, leg))
    row = connections[["syn_rtt_us", "ack_rtt_us", "client_rtt_us", "server_rtt_us", "syns", "synacks"]][rows]
    known = (row["syn_rtt_us"] != t.NEVER) & (row["ack_rtt_us"] != t.NEVER)
    # A handshake in which something was sent again measures the timer, not the path.
    known &= (row["syns"] == 1) & (row["synacks"] == 1)
    rows, row = rows[known], row[known]
    handshake_us = row["syn_rtt_us"].astype("i8") + row["ack_rtt_us"]
    both = (row["client_rtt_us"] != t.NEVER) & (row["server_rtt_us"] != t.NEVER)
    data_us = row["client_rtt_us"].astype("i8") + row["server_rtt_us"]
    return rows, np.where(both, np.minimum(handshake_us, data_us), handshake_us)


def _slow(trips_us: np.ndarray, path: np.ndarray, budget_us: float, factor: float) -> np.ndarray:
    """Which connections have long round trips: their path's median is over the budget, or several of them are
    near it and far over that path's shortest."""
    slow = np.zeros(len(path), "?")
    for far in distinct(path[trips_us > budget_us / 2]).tolist():
        mine = np.flatnonzero(path == far)
        own_us = trips_us[mine]
        if np.median(own_us) > budget_us:
            slow[mine[own_us > budget_us]] = True
            continue
        grown = own_us > max(factor * float(own_us.min()), budget_us / 2)
        if np.count_nonzero(grown) >= max(FEWEST, SHARE * len(mine)):
            slow[mine[grown]] = True
    return slow


def _others_ms(traffic: Traffic, leg: int, slow: np.ndarray) -> float | None:
    """The median handshake of the leg's other connections, of a sample where they are many."""
    others = without(np.flatnonzero(endings.connections_on(traffic, leg)), slow)
    row = traffic.connections[["syn_rtt_us", "ack_rtt_us"]][others[:: len(others) // SAMPLES + 1]]
    known = (row["syn_rtt_us"] != t.NEVER) & (row["ack_rtt_us"] != t.NEVER)
    trips_us = row["syn_rtt_us"][known].astype("i8") + row["ack_rtt_us"][known]
    return float(np.median(trips_us)) / 1000 if len(trips_us) else None


def _served(traffic: Traffic, connections: np.ndarray) -> np.ndarray:
    """The exchanges of these connections that were answered well: each was slower by that path."""
    chosen = np.zeros(len(traffic.connections), "?")
    chosen[connections] = True
    rows = np.flatnonzero(chosen[traffic.exchanges["connection"]])
    return rows[endings.response_whole(traffic, rows) & (traffic.exchanges["status"][rows] < 400)]
