"""Who talks to whom: clients, the load balancer's addresses and backends, with what each path carries."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np

from pcapdiag import tables as t
from pcapdiag.analysis import Analysis
from pcapdiag.causes.account import failed_rows
from pcapdiag.causes.cause import Severity
from pcapdiag.columns import among, numbered
from pcapdiag.report.summary import row_numbers
from pcapdiag.traffic import Traffic, endpoint

SHOWN = {"client": 8, "alb": 6, "backend": 10}


class Failed(NamedTuple):
    """Rows that failed, on either leg."""

    exchanges: np.ndarray
    connections: np.ndarray


def failed_on_both_legs(analysis: Analysis) -> Failed:
    """The failed requests with the backend exchanges they led to, and connections that failed before one."""
    traffic = analysis.traffic
    errors = [finding for finding in analysis.findings if finding.severity is Severity.ERROR]
    seen = failed_rows(traffic) if analysis.account.rows is None else analysis.account.rows
    exchanges = marked(len(traffic.exchanges), [seen, *(finding.exchanges for finding in errors)])
    peers = traffic.peer[exchanges]
    exchanges = marked(len(traffic.exchanges), [exchanges, peers[peers != t.NONE]])
    return Failed(exchanges, marked(len(traffic.connections), [finding.connections for finding in errors]))


def marked(count: int, parts: Iterable[Iterable[int]]) -> np.ndarray:
    """The rows, of so many, that stand in any of the parts: each once, in order."""
    marks = np.zeros(count, "?")
    for rows in parts:
        marks[row_numbers(rows)] = True
    return np.flatnonzero(marks)


def traffic_map(traffic: Traffic, failed: Failed) -> dict[str, Any]:
    """Nodes by column and edges between them; the least important ones of a column are one node."""
    clients: list[dict[str, Any]] = []
    edges: list[dict[str, Any]] = []
    columns: dict[str, list[dict[str, Any]]] = {"client": clients, "alb": [], "backend": []}
    alb = Column(traffic, "alb", columns["alb"])
    for leg, client_kind, server_kind in (
        (t.LEG_FRONTEND, "client", "alb"),
        (t.LEG_BACKEND, "alb", "backend"),
        (t.LEG_UNKNOWN, "client", "backend"),
    ):
        rows = np.flatnonzero(traffic.leg == leg)
        if not len(rows) or (leg == t.LEG_UNKNOWN and edges):
            continue
        weights = Weights(traffic, rows, failed)
        left = alb if client_kind == "alb" else Column(traffic, "client", clients)
        right = alb if server_kind == "alb" else Column(traffic, "backend", columns["backend"])
        ends = left.place(traffic.connections["client"][rows].astype("i8"), weights)
        servers = traffic.connections["server"][rows].astype("i8")
        if right is not alb:
            servers = servers << 16 | traffic.connections["server_port"][rows]
        edges += weights.edges(t.LEGS[leg], ends, right.place(servers, weights))
    return {"nodes": columns, "edges": edges}


class Weights:
    """What each of some connections carried."""

    def __init__(self, traffic: Traffic, rows: np.ndarray, failed: Failed) -> None:
        self.rows = rows
        connections = traffic.connections
        every = len(connections)
        failures = np.bincount(traffic.exchanges["connection"][failed.exchanges], minlength=every)
        failures += np.bincount(failed.connections, minlength=every)
        self.failed = failures[rows].astype("u4")
        del failures
        self.exchanges = connections["exchanges"][rows]
        self.packets = connections["client_packets"][rows] + connections["server_packets"][rows]
        again = np.bincount(traffic.troubles["connection"], traffic.troubles["retransmitted"], every)
        self.retransmissions = again[rows].astype("u4")
        del again
        syn, ack = connections["syn_rtt_us"][rows], connections["ack_rtt_us"][rows]
        known = (syn != t.NEVER) & (ack != t.NEVER)
        self.rtt_us = np.where(known, syn.astype("i8") + ack, -1)

    def edges(self, leg: str, left: np.ndarray, right: np.ndarray) -> list[dict[str, Any]]:
        """One edge a pair of nodes."""
        pairs, edge_of = numbered(left << 32 | right)
        count = len(pairs)
        total = {
            name: np.bincount(edge_of, getattr(self, name), count).astype("i8").tolist()
            for name in ("failed", "exchanges", "packets", "retransmissions")
        }
        connections = np.bincount(edge_of, minlength=count).tolist()
        return [
            {
                "leg": leg,
                "from": pair >> 32,
                "to": pair & 0xFFFFFFFF,
                "connections": connections[edge],
                **{name: values[edge] for name, values in total.items()},
                "rtt_ms": self.median_rtt_ms(edge_of == edge),
            }
            for edge, pair in enumerate(pairs.tolist())
        ]

    def median_rtt_ms(self, chosen: np.ndarray) -> float | None:
        known = self.rtt_us[chosen & (self.rtt_us >= 0)]
        return round(float(np.median(known)) / 1000, 3) if len(known) else None


class Column:
    """The nodes of one column: the most failing, then the busiest, and one for all the rest."""

    def __init__(self, traffic: Traffic, kind: str, nodes: list[dict[str, Any]]) -> None:
        self._traffic, self._kind, self._nodes = traffic, kind, nodes
        self._placed: dict[int, int] = {}  # key -> node

    def place(self, keys: np.ndarray, weights: Weights) -> np.ndarray:
        """The node of each connection's end, given as address row (or address row << 16 | port)."""
        distinct, which = numbered(keys)
        failures = np.bincount(which, weights.failed, len(distinct))
        carried = np.bincount(which, weights.exchanges + 1, len(distinct))
        order = np.lexsort((-carried, -failures))
        fresh = order[~among(distinct[order], list(self._placed))]
        room = SHOWN[self._kind] - len(self._placed)
        shown = fresh if len(fresh) <= room else fresh[: max(room - 1, 0)]
        for key in distinct[shown].tolist():
            self._placed[key] = len(self._nodes)
            self._nodes.append({"name": self._name(key), "many": 1})
        node_of = np.full(len(distinct), len(self._nodes))
        if len(fresh) > len(shown):
            many = len(fresh) - len(shown)
            self._nodes.append({"name": f"{many:,} more", "many": many})
        for key, node in self._placed.items():
            node_of[distinct == key] = node
        return node_of[which]

    def _name(self, key: int) -> str:
        addresses = self._traffic.addresses
        return endpoint(addresses[key >> 16], key & 0xFFFF) if self._kind == "backend" else addresses[key]
