"""Connections that two vantage points saw: one of the two is judged, or every request would count twice."""

from __future__ import annotations

import numpy as np

from pcapdiag import tables as t
from pcapdiag.columns import distinct
from pcapdiag.traffic import Traffic

_APART_NS = 1_000_000_000  # what a path and a retransmitted SYN may lie between two views of one connection
_MOST_REUSES = 64  # of one pair of endpoints, looked at


def seen_elsewhere(traffic: Traffic, leg: np.ndarray) -> np.ndarray:
    """Which connections a better vantage point saw too: one that sees both legs, or was given first."""
    connections = traffic.connections
    twin = np.zeros(len(connections), "?")
    vantages = distinct(connections["vantage"]).tolist()
    if len(vantages) < 2:
        return twin
    legs_seen = {
        v: len(distinct(leg[(connections["vantage"] == v) & (leg != t.LEG_UNKNOWN)])) for v in vantages
    }
    ranked = sorted(vantages, key=lambda v: (-legs_seen[v], v))
    endpoints = _endpoint_pairs(connections)
    for at, worse in enumerate(ranked):
        for better in ranked[:at]:
            mine = np.flatnonzero((connections["vantage"] == worse) & ~twin)
            theirs = np.flatnonzero((connections["vantage"] == better) & ~twin)
            twin[mine[_have_twin(connections, endpoints, mine, theirs)]] = True
    return twin


def _have_twin(
    connections: np.ndarray, endpoints: np.ndarray, mine: np.ndarray, theirs: np.ndarray
) -> np.ndarray:
    """Which of ``mine`` have the endpoints and, clocks set right, the time of one of ``theirs``.

    The clocks' offset is the median over the endpoints that each side saw once; ports are used again.
    """
    one, first, count = np.unique(endpoints[mine], return_index=True, return_counts=True)
    other, other_first, other_count = np.unique(endpoints[theirs], return_index=True, return_counts=True)
    both, at, other_at = np.intersect1d(one[count == 1], other[other_count == 1], return_indices=True)
    result = np.zeros(len(mine), "?")
    if not len(both):
        return result
    mine_once, theirs_once = mine[first[count == 1][at]], theirs[other_first[other_count == 1][other_at]]
    offset_ns = _median(connections["first_ns"][mine_once] - connections["first_ns"][theirs_once])
    order = np.lexsort((connections["first_ns"][theirs], endpoints[theirs]))
    known = theirs[order]
    shifted_ns = connections["first_ns"][mine] - offset_ns
    wanted = np.searchsorted(endpoints[known], endpoints[mine])
    for step in range(min(_MOST_REUSES, int(other_count.max(initial=0)))):
        place = np.minimum(wanted + step, len(known) - 1)
        row = known[place]
        near = np.abs(connections["first_ns"][row] - shifted_ns) <= _APART_NS
        near |= np.abs(connections["last_ns"][row] + offset_ns - connections["last_ns"][mine]) <= _APART_NS
        result |= near & (endpoints[row] == endpoints[mine])
    return result


def _median(values: np.ndarray) -> int:
    return int(np.sort(values)[len(values) // 2])


def _endpoint_pairs(connections: np.ndarray) -> np.ndarray:
    """A number for each connection, the same for the same client and server address and port."""
    client = connections["client"].astype("u8") << 16 | connections["client_port"]
    server = connections["server"].astype("u8") << 16 | connections["server_port"]
    client_row = np.unique(client, return_inverse=True)[1].astype("u8")
    server_row = np.unique(server, return_inverse=True)[1].astype("u8")
    return client_row << 32 | server_row
