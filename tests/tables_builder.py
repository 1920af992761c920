"""Builds a Traffic by hand, so that a test of legs or causes reads as the traffic it judges.

    traffic = TrafficBuilder()
    front = traffic.connection("10.0.0.1", "10.0.0.10:80")
    traffic.exchange(front, "GET /", at_s=1.0, status=502)
    tables = traffic.build()

Times are seconds since the first packet. Any field of the tables can be given by its name.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from pcapdiag import tables as t
from pcapdiag.traffic import FileInfo, Strings, Traffic

START_NS = 1_700_000_000_000_000_000


class TrafficBuilder:
    """Collects connections, exchanges, troubles and events; ``build`` makes the tables of them."""

    def __init__(self) -> None:
        self.connections: list[dict[str, Any]] = []
        self.exchanges: list[dict[str, Any]] = []
        self.troubles: list[dict[str, Any]] = []
        self.events: list[dict[str, Any]] = []
        self.legs: list[int] = []
        self.decrypted: list[int] = []  # connections that a key log opened
        self.addresses: list[str] = []
        self.strings: list[str] = [""]
        self.servers: list[str] = [""]
        self.frames = 0

    def connection(
        self, client: str, server: str, at_s: float = 0.0, lasts_s: float = 60.0, leg: str = "", **fields: Any
    ) -> int:
        """An HTTP connection, open from before to after its exchanges unless `fields` say otherwise."""
        row = len(self.connections)
        client_address, client_port = _split(client, 40000 + row % 20000)
        server_address, server_port = _split(server, 80)
        values = {
            "first_ns": _ns(at_s),
            "last_ns": _ns(at_s + lasts_s),
            "first_frame": self._frame(),
            "client": _intern(self.addresses, client_address),
            "server": _intern(self.addresses, server_address),
            "client_port": client_port,
            "server_port": server_port,
            "syn_rtt_us": 100,
            "ack_rtt_us": 100,
            "client_rtt_us": t.NEVER,
            "server_rtt_us": t.NEVER,
            "first_exchange": t.NONE,
            "flags": t.CONN_SYN | t.CONN_SYNACK | t.CONN_ESTABLISHED,
            "protocol": t.PROTOCOL_HTTP,
            "closed_by": 255,
            "syns": 1,
            "synacks": 1,
        }
        self.connections.append(values | fields)
        self.legs.append(t.LEGS.index(leg))
        return row

    def unanswered(self, client: str, server: str, at_s: float = 0.0, **fields: Any) -> int:
        """A connection of SYNs alone."""
        silent = {"flags": t.CONN_SYN, "protocol": t.PROTOCOL_NONE, "synacks": 0, "syns": 4}
        return self.connection(client, server, at_s, 7.0, **(silent | fields))

    def exchange(
        self,
        connection: int,
        request: str = "GET /",
        at_s: float = 0.0,
        status: int = 200,
        takes_s: float = 0.01,
        server: str = "",
        host: str = "example.org",
        **fields: Any,
    ) -> int:
        """A request, answered with `status` after `takes_s`; status 0 is none."""
        row = len(self.exchanges)
        method, _, target = request.partition(" ")
        answered_us = round(takes_s * 1e6) if status else t.NEVER
        answer = t.END_COMPLETE if status else t.END_NONE
        values = {
            "start_ns": _ns(at_s),
            "request_end_us": 0,
            "response_start_us": answered_us,
            "response_end_us": answered_us,
            "request_frame": self._frame(),
            "response_frame": self._frame() if status else 0,
            "connection": connection,
            "next": t.NONE,
            "target": _intern(self.strings, target),
            "host": _intern(self.strings, host),
            "request_head": 100,
            "flags": t.REQ_SEEN | (t.RSP_SEEN if status else 0) | fields.pop("and_flags", 0),
            "status": status,
            "server": _intern(self.servers, server),
            "method": t.METHODS.index(method),
            "request_ended": t.END_COMPLETE,
            "response_ended": answer,
        }
        self.exchanges.append(values | fields)
        self._chain(connection, row)
        return row

    def trouble(self, connection: int, direction: int, **fields: Any) -> None:
        self.troubles.append({"connection": connection, "direction": direction} | fields)

    def event(self, connection: int, kind: int, at_s: float = 0.0, **fields: Any) -> None:
        at = {"connection": connection, "kind": kind, "time_ns": _ns(at_s), "frame": self._frame()}
        self.events.append(at | fields)

    def build(self) -> Traffic:
        """The tables; `leg` as the connections said, `peer` empty."""
        info = FileInfo("hand.pcap", "pcap", "", ("EN10MB",), self.frames, 0, 0, START_NS, START_NS, 1)
        encoded = [text.encode() for text in self.strings]
        lengths = np.array([len(text) for text in encoded], "u4")
        starts = np.concatenate([[0], np.cumsum(lengths)[:-1]]).astype("i8")
        arena = np.frombuffer(b"".join(encoded), "u1")
        return Traffic(
            files=[info],
            connections=_table(t.Connection, self.connections),
            exchanges=_table(t.Exchange, self.exchanges),
            troubles=_table(t.Trouble, self.troubles),
            events=_table(t.Event, self.events),
            addresses=list(self.addresses),
            strings=Strings(arena, starts, lengths),
            servers=list(self.servers),
            counters={},
            leg=np.array(self.legs, "u1"),
            peer=np.full(len(self.exchanges), t.NONE, "u4"),
            decrypted=np.isin(np.arange(len(self.connections)), self.decrypted),
        )

    def _chain(self, connection: int, row: int) -> None:
        """Append the exchange to its connection's chain."""
        owner = self.connections[connection]
        owner["exchanges"] = owner.get("exchanges", 0) + 1
        if owner["first_exchange"] == t.NONE:
            owner["first_exchange"] = row
            return
        last = owner["first_exchange"]
        while self.exchanges[last]["next"] != t.NONE:
            last = self.exchanges[last]["next"]
        self.exchanges[last]["next"] = row

    def _frame(self) -> int:
        self.frames += 1
        return self.frames


def _split(endpoint: str, port: int) -> tuple[str, int]:
    """``10.0.0.1:80``, ``[2001:db8::1]:80``, or an address alone with this port."""
    if endpoint.startswith("["):
        address, _, given = endpoint[1:].partition("]")
        return address, int(given[1:] or port)
    if endpoint.count(":") == 1:
        address, _, given = endpoint.partition(":")
        return address, int(given)
    return endpoint, port


def _intern(known: list[str], text: str) -> int:
    if text not in known:
        known.append(text)
    return known.index(text)


def _ns(seconds: float) -> int:
    return START_NS + round(seconds * 1e9)


def _table(dtype: np.dtype, rows: list[dict[str, Any]]) -> np.ndarray:
    table = np.zeros(len(rows), dtype)
    for at, row in enumerate(rows):
        for name, value in row.items():
            table[at][name] = value
    return table
