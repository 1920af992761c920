"""Which traffic is a load balancer's health checks.

AWS's agent says so in its User-Agent. Alibaba Cloud's does not: HEAD (or GET) with the backend's address as
Host, on a short connection of its own, at a steady period; or a bare SYN at such a period.
"""

from __future__ import annotations

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import attempts, endings
from pcapdiag.traffic import Traffic

FEWEST = 4  # that make a period
UNSTEADY = 0.25  # of the period: more variation is chance
SHORTEST_PERIOD_NS = 300_000_000


def requests(traffic: Traffic) -> np.ndarray:
    """Rows of backend exchanges that are health checks."""
    exchanges = traffic.exchanges
    backend = traffic.exchange_leg == t.LEG_BACKEND
    said = np.flatnonzero(backend & ((exchanges["flags"] & t.REQ_HEALTH) != 0))
    mask = backend & (traffic.peer == t.NONE)
    mask &= (exchanges["flags"] & (t.REQ_HOST_IP | t.REQ_FORWARDED | t.REQ_HEALTH)) == t.REQ_HOST_IP
    rows = np.flatnonzero(mask)
    rows = rows[np.isin(exchanges["method"][rows], (t.METHODS.index("HEAD"), t.METHODS.index("GET")))]
    rows = rows[traffic.connections["exchanges"][exchanges["connection"][rows]] == 1]
    keys = (
        attempts.port_keys(traffic, exchanges["connection"][rows]) * len(t.METHODS)
        + exchanges["method"][rows]
    )
    steady = _steady(keys << 20 ^ exchanges["target"][rows], exchanges["start_ns"][rows])
    return np.union1d(said, rows[steady]).astype("i8")


def failed_requests(traffic: Traffic) -> np.ndarray:
    """Of the checks, those answered with an error, or not at all."""
    rows = requests(traffic)
    status = traffic.exchanges["status"][rows]
    silent = (
        (status == 0)
        & (endings.closed_by(traffic, rows) != endings.NOBODY)
        & endings.seen_whole(traffic, rows)
    )
    return rows[(status >= 400) | silent]


def bare(traffic: Traffic, connections: np.ndarray) -> np.ndarray:
    """Which of these connections without an exchange came at a steady period: checks, whatever they met."""
    client = traffic.connections["client"][connections].astype("i8")
    return _steady(
        attempts.port_keys(traffic, connections) ^ client << 44, traffic.connections["first_ns"][connections]
    )


def _steady(keys: np.ndarray, times_ns: np.ndarray) -> np.ndarray:
    """Which events belong to a group (of one key) that recurs at a steady period."""
    result = np.zeros(len(keys), "?")
    for key in np.unique(keys).tolist():
        mine = np.flatnonzero(keys == key)
        if len(mine) < FEWEST:
            continue
        pauses = np.diff(np.sort(times_ns[mine]))
        period = float(np.median(pauses))
        near = np.abs(pauses - period) <= UNSTEADY * period
        result[mine] = period >= SHORTEST_PERIOD_NS and bool(near.all())
    return result
