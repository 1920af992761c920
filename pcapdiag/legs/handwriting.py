"""Who writes requests as only a load balancer does, or tries a server as only its health checks do.

From the backend leg alone, without headers that the tables know, a load balancer is told by

1. forwarding fields of other names (``X-Real-IP``);
2. requests of different programs, each in its own layout, on one connection: a client speaks for itself;
3. fields in lower case with the name of a program that writes capitals: HAProxy and Envoy rewrite them;
4. nginx's own request: HTTP/1.0 that begins with ``Host`` and ``Connection: close``. PHP writes the same,
   but names the port that it asks; several programs do not write so at all;
5. health checks, beside requests that keep no pace: at a steady pace connections that are reset as soon as
   they are accepted, or requests for nobody that name no program, each on a connection of its own.

The first is a load balancer's own word. The others count only where nearly all who ask the same servers do
so: clients are of many kinds, the nodes of a load balancer are of one. A NAT in front of many clients joins
no two of them on one connection; a monitor sends nothing but what it sends at its pace; a test tool is one
program and names the port it asks. TCP alone, addresses and ports tell nothing.
"""

from __future__ import annotations

from collections import defaultdict

import numpy as np

from pcapdiag import tables as t
from pcapdiag.columns import among, distinct
from pcapdiag.legs.endpoints import Endpoints
from pcapdiag.legs.heads import Head
from pcapdiag.traffic import Traffic

_FORWARDING = {
    *(b"x-real-ip", b"x-forwarded-for", b"x-forwarded-host", b"x-forwarded-proto", b"x-forwarded-port"),
    *(b"x-forwarded-server", b"forwarded", b"via", b"x-varnish"),
}
#: Programs that write field names with capitals, whoever uses them. Not browsers' names: many scripts that
#: write small letters claim to be one.
_WRITE_CAPITALS = (b"curl/", b"Wget/", b"python-requests/", b"Go-http-client/", b"Apache-HttpClient/")
#: Fields whose presence and order is a program's own, whatever it asks for.
_LAYOUT = {b"host", b"connection", b"user-agent", b"accept", b"accept-encoding", b"accept-language"}

_FEWEST = 3  # requests that show a handwriting
_FEWEST_CHANGES = 3  # of the program on one connection
_NEARLY_ALL = 0.9
_HTTP_PORT = 80

_FEWEST_CHECKS = 5
_KNOCK_NS = 1_000_000_000  # no longer is a connection that is only tried
_CHECK_METHODS = tuple(t.METHODS.index(name) for name in ("HEAD", "GET", "OPTIONS"))
_LEAST_PACE_NS = 100_000_000
_MOST_CHECKS = 4  # of one server at once: it may stand in several pools, each with checks of its own
_MOST_WAYS = 64  # from an address to a server: those with most checks
_MOST_REQUESTS = 5_000  # of an address, looked at
_EVEN = 0.05  # part of a pause by which it may differ from the others


def forwarding_senders(traffic: Traffic, heads: list[Head]) -> tuple[np.ndarray, str]:
    """Addresses (a bool each) most of whose sampled requests have a forwarding field, and which that is."""
    asks = _Tally(traffic, heads)
    found = [[name for name in head.names if name.lower() in _FORWARDING] for head in heads]
    marked = asks.count([bool(names) for names in found])
    first = next((names[0].decode() for names in found if names), "")
    return (marked > 0) & (2 * marked >= asks.total), f"its requests carry {first}"


def handwriting_senders(
    traffic: Traffic, endpoints: Endpoints, heads: list[Head]
) -> list[tuple[np.ndarray, str]]:
    """Addresses (a bool each) that write, or try servers, as load balancers do, with what shows it."""
    asks = _Tally(traffic, heads)
    found = [
        (_of_many_programs(asks), "one connection from it carries requests of different programs"),
        (_in_small_letters(asks), "it rewrites the field names of its clients' requests in small letters"),
        (_as_nginx_writes(asks), "its requests begin as nginx's own do"),
        (_checking(asks, endpoints, _knocks(traffic)), "it tries the server's port at a steady pace"),
        (_checking(asks, endpoints, _bare_requests(asks)), "it sends what looks like health checks"),
    ]
    every = np.logical_or.reduce([senders for senders, _ in found])
    if every.any():
        every &= _ask_nearly_alone(traffic, endpoints, every)
    return [(senders & every, reason) for senders, reason in found if (senders & every).any()]


class _Tally:
    """The sampled heads by the address that sent them."""

    def __init__(self, traffic: Traffic, heads: list[Head]) -> None:
        self.traffic = traffic
        self.heads = heads
        rows = np.array([head.exchange for head in heads], "i8")
        self.connection = traffic.exchanges["connection"][rows]
        self.client = traffic.connections["client"][self.connection]
        self.total = self.count(np.ones(len(heads), "?"))

    def count(self, which: np.ndarray | list[bool]) -> np.ndarray:
        """How many of these heads (a bool each) each address sent."""
        chosen = self.client[np.asarray(which, "?")]
        return np.bincount(chosen, minlength=len(self.traffic.addresses))

    def agents(self, which: np.ndarray) -> np.ndarray:
        """How many different programs each address names in these heads."""
        named = {
            (client, head.values[b"user-agent"])
            for client, head, taken in zip(self.client.tolist(), self.heads, which.tolist(), strict=True)
            if taken and b"user-agent" in head.values
        }
        senders = np.array([client for client, _ in named], "i8")
        return np.bincount(senders, minlength=len(self.traffic.addresses))


def _of_many_programs(asks: _Tally) -> np.ndarray:
    """Addresses on whose connections the program changes, name and layout, again and again."""
    changes = np.zeros(len(asks.traffic.addresses), "i8")
    before: dict[int, tuple[bytes, tuple[bytes, ...]]] = {}
    for connection, client, head in zip(
        asks.connection.tolist(), asks.client.tolist(), asks.heads, strict=True
    ):
        agent = head.values.get(b"user-agent")
        if agent is None:
            continue
        layout = tuple(name for name in head.names if name.lower() in _LAYOUT)
        last = before.setdefault(connection, (agent, layout))
        changes[client] += last[0] != agent and last[1] != layout
        before[connection] = agent, layout
    return changes >= _FEWEST_CHANGES


def _in_small_letters(asks: _Tally) -> np.ndarray:
    """Addresses all of whose requests are in small letters, some by programs that write capitals."""
    small = np.array([all(name.islower() for name in head.names) for head in asks.heads], "?")
    capitals = [head.values.get(b"user-agent", b"").startswith(_WRITE_CAPITALS) for head in asks.heads]
    return (asks.count(small) == asks.total) & (asks.count(small & capitals) >= _FEWEST)


def _as_nginx_writes(asks: _Tally) -> np.ndarray:
    """Addresses most of whose requests have nginx's first line and fields, and are not PHP's."""
    written = np.array([_nginx_begins(head) for head in asks.heads], "?")
    ports = asks.traffic.connections["server_port"][asks.connection].tolist()
    elsewhere = [_port_named(head) != port for head, port in zip(asks.heads, ports, strict=True)]
    ours = asks.count(written)
    several = asks.agents(written) > 1
    rewritten = 2 * asks.count(written & elsewhere) >= ours
    return (ours >= _FEWEST) & (2 * ours >= asks.total) & (several | rewritten)


def _nginx_begins(head: Head) -> bool:
    return (
        head.http10 and head.names[:2] == (b"Host", b"Connection") and head.values[b"connection"] == b"close"
    )


def _port_named(head: Head) -> int:
    """The port that Host names, 80 where none; 0 where that cannot be told."""
    _, colon, port = head.values.get(b"host", b"").rpartition(b"]")[2].rpartition(b":")
    if not colon:
        return _HTTP_PORT
    return int(port) if port.isdigit() and len(port) < 6 else 0


def _knocks(traffic: Traffic) -> np.ndarray:
    """Connections that were accepted and reset at once, with not a byte: only checks are done so.

    Tools that an engineer tries a port with (nc, tcping) end with FIN, and so do browsers' spare connections.
    """
    connections = traffic.connections
    flags = connections["flags"]
    wanted = t.CONN_SYN | t.CONN_SYNACK | t.CONN_RST_CLIENT
    knocks = (flags & (wanted | t.CONN_FIN_CLIENT | t.CONN_FIN_SERVER)) == wanted
    knocks &= (connections["client_bytes"] == 0) & (connections["server_bytes"] == 0)
    return np.flatnonzero(knocks & (connections["last_ns"] - connections["first_ns"] < _KNOCK_NS))


def _bare_requests(asks: _Tally) -> np.ndarray:
    """Connections of one request that names no program, and as its host nobody or an address.

    Of the requests that were not sampled those count that look the same in the tables.
    """
    exchanges, connections = asks.traffic.exchanges, asks.traffic.connections
    alone = connections["exchanges"] == 1
    if not alone.any():
        return np.zeros(0, "i8")
    bare = (exchanges["host"] == 0) | ((exchanges["flags"] & (t.REQ_HOST_IP | t.REQ_NO_HOST)) != 0)
    rows = np.flatnonzero(bare & alone[exchanges["connection"]])
    rows = rows[among(exchanges["method"][rows], _CHECK_METHODS)]
    sampled = np.array([head.exchange for head in asks.heads], "i8")
    names_program = np.array([b"user-agent" in head.values for head in asks.heads], "?")
    kind, of_sampled = _kinds(asks.traffic, rows), _kinds(asks.traffic, sampled)
    rows = rows[among(kind, of_sampled[~names_program]) & ~among(kind, of_sampled[names_program])]
    return distinct(exchanges["connection"][rows])


def _kinds(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """A number for the client and the target of each exchange."""
    client = traffic.connections["client"][traffic.exchanges["connection"][rows]]
    return np.asarray(client.astype("u8") << 32 | traffic.exchanges["target"][rows])


def _checking(asks: _Tally, endpoints: Endpoints, checks: np.ndarray) -> np.ndarray:
    """Addresses whose checks (connections) of a server come at a steady pace, and other requests at none.

    A port monitor tries as steadily, and a page monitor asks as steadily, but they ask nothing else.
    """
    connections = asks.traffic.connections
    checks = checks[asks.total[connections["client"][checks]] > 0]
    way = connections["client"][checks].astype("u8") << 32 | endpoints.of_connection[checks].astype("u8")
    ways, times = np.unique(way, return_counts=True)
    busiest = np.argsort(-times, kind="stable")[:_MOST_WAYS]
    senders = np.zeros(len(asks.traffic.addresses), "?")
    for one in ways[busiest].tolist():
        sender = one >> 32
        if not senders[sender] and _steady(connections["first_ns"][checks[way == one]]):
            senders[sender] = _asks_at_no_pace(asks.traffic, sender, checks)
    return senders


def _steady(times_ns: np.ndarray) -> bool:
    """Whether the times are those of a few timers of one period: each has one just that long after it."""
    times_ns = np.sort(times_ns)
    for timers in range(1, _MOST_CHECKS + 1):
        pauses = times_ns[timers:] - times_ns[:-timers]
        if len(pauses) < _FEWEST_CHECKS - 1:
            return False
        if np.median(pauses) >= _LEAST_PACE_NS and _even(pauses):
            return True
    return False


def _asks_at_no_pace(traffic: Traffic, sender: int, checks: np.ndarray) -> bool:
    """Whether an address asks, beside its checks, for several things at no equal pauses."""
    exchanges = traffic.exchanges
    rows = np.flatnonzero(traffic.connections["client"][exchanges["connection"]] == sender)[:_MOST_REQUESTS]
    rows = rows[~among(exchanges["connection"][rows], checks)]
    times_ns = defaultdict(list)
    for target, start_ns in exchanges[["target", "start_ns"]][rows].tolist():
        times_ns[target].append(start_ns)
    loose = [times for times in times_ns.values() if len(times) == 1 or not _even(np.diff(np.sort(times)))]
    return len(loose) > 1 and sum(map(len, loose)) >= _FEWEST


def _even(pauses: np.ndarray) -> bool:
    """Whether the pauses are alike, but for some."""
    return bool((np.abs(pauses - np.median(pauses)) <= _EVEN * np.median(pauses)).mean() >= _NEARLY_ALL)


def _ask_nearly_alone(traffic: Traffic, endpoints: Endpoints, senders: np.ndarray) -> np.ndarray:
    """Addresses (a bool each) at whose servers nearly all requests come from these senders."""
    connections, on = traffic.connections, traffic.exchanges["connection"]
    client, at = connections["client"][on], endpoints.of_connection[on]
    asked = np.bincount(at, minlength=len(endpoints.address))
    by_them = np.bincount(at[senders[client]], minlength=len(endpoints.address))
    total = len(traffic.addresses)
    there = np.bincount(client, asked[at], total)
    return np.asarray(np.bincount(client, by_them[at], total) >= _NEARLY_ALL * there)
