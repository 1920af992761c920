"""Attempts to connect that a load balancer made one after another for one request."""

from __future__ import annotations

import numpy as np

from pcapdiag.traffic import Traffic

SHORTEST_CYCLE_NS = 970_000_000  # HAProxy lets a second pass after a refusal
LONGEST_CYCLE_NS = 70_000_000_000  # a connect time-out of a minute, and what comes on top
LATE_NS = 40_000_000  # how much later than its timer a load balancer tries again
EARLY_NS = 25_000_000  # or sooner than measured, for that first measure was late, too


def last_tries(traffic: Traffic, connections: np.ndarray) -> np.ndarray:
    """Of these attempts the last that was made for each request, where they show which belong together.

    A load balancer that tries the same backend again (HAProxy: three times more) does so a fixed time after
    the attempt before. So its requests leave rows of attempts, all as long as each other; one row alone may
    as well be requests at a steady pace.
    """
    rows = traffic.connections[connections]
    ends_of = np.stack([rows[end].astype("i8") for end in ("client", "server", "server_port")])
    last = np.ones(len(connections), "?")
    of = np.unique(ends_of, axis=1, return_inverse=True)[1].ravel()
    order = np.lexsort((rows["first_ns"], of))
    if not len(order):
        return connections
    for mine in np.split(order, np.flatnonzero(np.diff(of[order])) + 1):
        ends = _row_ends(rows[mine])
        if ends is not None:
            last[mine] = ends
    return connections[last]


def _row_ends(tries: np.ndarray) -> np.ndarray | None:
    """Which of these attempts, in order of time, end a row; None when they form no two equal rows."""
    starts_ns, over_ns = tries["first_ns"], tries["last_ns"]
    later = np.flatnonzero(starts_ns > over_ns[0] + SHORTEST_CYCLE_NS // 2)
    if not len(later):
        return None
    cycle_ns = int(starts_ns[later[0]] - starts_ns[0])
    if not SHORTEST_CYCLE_NS <= cycle_ns <= LONGEST_CYCLE_NS:
        return None
    ends, row_of = np.ones(len(tries), "?"), np.arange(len(tries))
    for i in range(1, len(tries)):
        due = starts_ns[i] - cycle_ns
        window = slice(*np.searchsorted(starts_ns, (due - LATE_NS, due + EARLY_NS), side="right"))
        free = np.flatnonzero(ends[window] & (over_ns[window] <= starts_ns[i])) + window.start
        # A timer is late at times, never early: of two that fit, the later one.
        for before in free[-1:]:
            ends[before] = False
            row_of[i] = row_of[before]
    lengths = np.unique(row_of, return_counts=True)[1]
    alike = len(lengths) > 1 and lengths[0] > 1 and bool((lengths == lengths[0]).all())
    return ends if alike else None
