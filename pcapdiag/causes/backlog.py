"""Listen queues: which connections found theirs full, while the same port was serving others."""

from __future__ import annotations

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import attempts, endings
from pcapdiag.traffic import Traffic


def served_meanwhile(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether the server's port answered on another connection while each of these connections lasted.

    It answered when it accepted a handshake, or when a response ended, between that connection's first
    packet and its last.
    """
    result = np.zeros(len(rows), "?")
    if not len(rows):
        return result
    ports = attempts.port_keys(traffic, rows)
    spans = traffic.connections[rows]
    for port in np.unique(ports).tolist():
        lively_ns = _lively_ns(traffic, port, rows)
        mine = ports == port
        first = np.searchsorted(lively_ns, spans["first_ns"][mine], side="right")
        last = np.searchsorted(lively_ns, spans["last_ns"][mine], side="right")
        result[mine] = last > first
    return result


def _lively_ns(traffic: Traffic, port: int, stuck: np.ndarray) -> np.ndarray:
    """When the port showed that its server lives, sorted: handshakes answered at once, responses ended."""
    connections = traffic.connections
    there = (connections["server"] == port >> 16) & (connections["server_port"] == port & 0xFFFF)
    there[stuck] = False
    accepted = np.flatnonzero(there & ((connections["flags"] & t.CONN_ESTABLISHED) != 0))
    accepted = accepted[(connections["syns"][accepted] == 1) & (connections["synacks"][accepted] == 1)]
    # A connection only accepted proves that the queue has room; served, that the application is well.
    accepted = accepted[(connections["flags"][accepted] & t.CONN_DATA_SERVER) != 0]
    exchanges = traffic.exchanges
    answered = np.flatnonzero(there[exchanges["connection"]])
    answered = answered[endings.response_whole(traffic, answered)]
    ends_ns = exchanges["start_ns"][answered] + exchanges["response_end_us"][answered].astype("i8") * 1000
    return np.sort(np.concatenate([connections["first_ns"][accepted], ends_ns]))


def answered_late(traffic: Traffic) -> np.ndarray:
    """Connections whose SYN was answered at last, after as many repeats as loss alone does not explain."""
    connections = traffic.connections
    mask = traffic.leg == t.LEG_BACKEND
    mask &= (connections["flags"] & (t.CONN_SYN | t.CONN_SYNACK)) == (t.CONN_SYN | t.CONN_SYNACK)
    mask &= (connections["syns"] >= attempts.MANY_SYNS) & (connections["synacks"] == 1)
    rows = np.flatnonzero(mask)
    return rows[served_meanwhile(traffic, rows)]


def in_limbo(traffic: Traffic) -> np.ndarray:
    """Connections whose SYN-ACK came again although the load balancer's request was on its way, unacknowledged."""
    connections = traffic.connections
    mask = traffic.leg == t.LEG_BACKEND
    mask &= (connections["flags"] & t.CONN_ESTABLISHED) != 0
    mask &= (connections["synacks"] > 1) & (connections["client_bytes"] > 0) & (connections["client_acked"] == 0)
    rows = np.flatnonzero(mask)
    return rows[served_meanwhile(traffic, rows)]


def queued_out(traffic: Traffic) -> np.ndarray:
    """Connections whose repeated SYNs and SYN-ACKs a full queue explains."""
    return np.union1d(answered_late(traffic), in_limbo(traffic)).astype("i8")
