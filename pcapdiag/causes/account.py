"""The account of an analysis: every failed exchange, explained by a finding or not.

A request failed, as its client saw it, when the status says so (``FAILED_STATUSES`` and every 5xx), when no
response came though one was due, or when the response was cut short. A 404, 403 or redirect is an answer.
What the capture did not see is never counted: a connection still open at its end, a gap, health checks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import endings, probes, reading
from pcapdiag.columns import among, distinct, union
from pcapdiag.traffic import Traffic

#: Client errors that speak of the transfer, not of the application: what an ALB, or a backend's HTTP layer,
#: answers (RFC 9110 section 15.5, RFC 6585 section 5), and what only load balancers make (46x, 499).
FAILED_STATUSES = (400, 405, 408, 413, 414, 431, 460, 463, 464, 499)

_PORTS_NAMED = 4
_CUT_SHORT = (t.END_FIN, t.END_RST_SENDER, t.END_RST_RECEIVER, t.END_MALFORMED)
_UNJUDGED_CONNECTION = t.CONN_GAP | t.CONN_EVICTED

#: What is missing to explain a failure, the most telling first.
_GAP, _NO_BACKEND_LEG, _BACKEND_ENCRYPTED, _NO_FRONTEND_LEG, _NO_PEER, _NOTHING, _AFTER_LAST = range(7)
_MISSING = (
    "bytes of these connections are missing from the capture; "
    "capture whole packets without drops: tcpdump -s 0 -B 65536",
    "the backend leg is not in this capture; "
    "capture it there, on the backends or the load balancer: "
    "tcpdump -i any -s 0 -w backend.pcap 'tcp and not port 22'",
    "the backend leg is encrypted; "
    "give a key log (SSLKEYLOGFILE) of the load balancer or the backends, or capture behind their TLS",
    "the frontend leg is not in this capture; "
    "capture it at the load balancer or a client: tcpdump -i any -s 0 -w frontend.pcap '{front}'",
    "no backend request of this capture belongs to them; "
    "the load balancer answered by itself, or asked a backend that was not captured; "
    "capture it on all backends: tcpdump -i any -s 0 -w backend.pcap '{back}'",
    "both legs are here and no cause of the catalogue fits; look at them with pcapdiag extract",
    "nothing: an earlier answer on these connections said Connection: close, and the clients sent on all the "
    "same; they must open another connection",
)


@dataclass
class Unexplained:
    """Failed exchanges no cause explains, and what the capture lacks to explain them."""

    status: str  # "502", or "none" where no answer came
    count: int
    leg: str
    missing: str
    exchanges: Sequence[int] = ()


@dataclass
class Account:
    """Every failed exchange the client saw (or, without a frontend, the backend leg): explained or not."""

    failed: int
    explained: int
    unexplained: list[Unexplained]
    rows: np.ndarray | None = field(default=None, compare=False)  # the failed exchanges
    hidden: int = field(default=0, compare=False)  # of the explained, those by causes that are not shown


def account_for(traffic: Traffic, claimed: np.ndarray, failed_by: np.ndarray | None = None) -> Account:
    """The account, given which requests findings claim (bool, one an exchange).

    ``failed_by`` are those that errors claim: where only the backend leg was seen, they tell of requests
    whose status there was fine, yet came too late.
    """
    failed = failed_rows(traffic)
    if failed_by is not None and not (traffic.exchange_leg == t.LEG_FRONTEND).any():
        failed = union(failed, np.flatnonzero(failed_by & (traffic.exchange_leg == t.LEG_BACKEND)))
    elif failed_by is not None:
        failed = union(failed, _broken_off(traffic, np.flatnonzero(failed_by)))
    unexplained = failed[~claimed[failed]]
    return Account(len(failed), len(failed) - len(unexplained), _groups(traffic, unexplained), failed)


def _broken_off(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Those of the client's exchanges whose request was cut, or whose answer never reached the client, though
    the capture holds a whole answer."""
    exchanges, leg = traffic.exchanges, traffic.exchange_leg
    rows = rows[leg[rows] == t.LEG_FRONTEND]
    on = traffic.connections[exchanges["connection"][rows]]
    cut = among(exchanges["request_ended"][rows], (t.END_FIN, t.END_RST_SENDER))
    # A response whose rest never came looks unended, though its client has closed.
    cut |= among(exchanges["response_ended"][rows], (t.END_OPEN, t.END_GAP)) & (on["closed_by"] != 255)
    unread = (on["server_acked"] < on["server_bytes"]) & (exchanges["next"][rows] == t.NONE)
    return rows[cut | unread]


def failed_rows(traffic: Traffic) -> np.ndarray:
    """Rows of the failed exchanges: those of the frontend, or of the backend where no frontend was seen."""
    exchanges, leg = traffic.exchanges, traffic.exchange_leg
    seen_by_client = leg == t.LEG_FRONTEND
    if not seen_by_client.any():
        seen_by_client = leg == t.LEG_BACKEND
    seen_by_client[probes.exchanges(traffic)] = False
    rows = np.flatnonzero(seen_by_client & ((exchanges["flags"] & t.REQ_HEALTH) == 0))
    status, ended = exchanges["status"][rows], exchanges["response_ended"][rows]
    bad = (status >= 500) | among(status, FAILED_STATUSES) | among(ended, _CUT_SHORT)
    # What begins no response, where bytes are missing, may be the middle of one to another request.
    unread = np.flatnonzero((status == 0) & (ended == t.END_MALFORMED))
    on = traffic.connections["flags"][exchanges["connection"][rows[unread]]]
    bad[unread[(on & _UNJUDGED_CONNECTION) != 0]] = False
    silent = np.flatnonzero((status == 0) & ~bad)
    bad[silent] = _went_unanswered(traffic, rows[silent])
    rows = rows[bad][~_never_asked(traffic, rows[bad])]
    rows = rows[~reading.ended_streams(traffic, rows)]
    return rows[~probes.had_enough(traffic, rows)]


def _never_asked(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Which answers were given to a client that had sent nothing: some proxies answer a bare FIN with 400."""
    exchanges = traffic.exchanges
    flags = traffic.connections["flags"][exchanges["connection"][rows]]
    mute = (flags & (t.CONN_SYN | t.CONN_DATA_CLIENT)) == t.CONN_SYN
    return mute & ((exchanges["flags"][rows] & t.REQ_SEEN) == 0)


def _went_unanswered(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Which exchanges without a status had their connection closed before any response."""
    exchanges = traffic.exchanges[rows]
    connections = traffic.connections[exchanges["connection"]]
    asked = (exchanges["flags"] & (t.REQ_SEEN | t.RSP_SEEN)) == t.REQ_SEEN
    whole = ~among(exchanges["request_ended"], (t.END_GAP, t.END_UPGRADED)) & (
        (connections["flags"] & _UNJUDGED_CONNECTION) == 0
    )
    whole &= ~_server_not_captured(connections)
    return asked & whole & (exchanges["response_ended"] != t.END_GAP) & (connections["closed_by"] != 255)


def _server_not_captured(connections: np.ndarray) -> np.ndarray:
    """Whether the client went on past its SYN, so its server did answer, and not a packet of that is here."""
    begun, went_on = connections["flags"] & t.CONN_SYN, connections["client_packets"] > connections["syns"]
    return (begun != 0) & went_on & (connections["server_packets"] == 0)


def _groups(traffic: Traffic, rows: np.ndarray) -> list[Unexplained]:
    """Unexplained failures by status and by what is missing, the largest group first."""
    if not len(rows):
        return []
    lack = _what_lacks(traffic, rows)
    kinds, group = np.unique(traffic.exchanges["status"][rows].astype("i4") << 3 | lack, return_inverse=True)
    groups = []
    for number, kind in enumerate(kinds.tolist()):
        members = rows[group == number]
        leg = t.LEGS[int(traffic.exchange_leg[members[0]])]
        missing = _missing_text(traffic, kind & 7, members)
        groups.append(Unexplained(str(kind >> 3 or "none"), len(members), leg, missing, members))
    return sorted(groups, key=lambda g: -g.count)


def _what_lacks(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """For each unexplained failure, what the capture lacks, as a number of ``_GAP`` ... ``_NOTHING``."""
    connections, exchanges = traffic.connections, traffic.exchanges[rows]
    of_row = connections["flags"][exchanges["connection"]]
    backend = traffic.leg == t.LEG_BACKEND
    lack = np.full(len(rows), _NOTHING, "i4")
    if traffic.exchange_leg[rows[0]] == t.LEG_BACKEND:
        lack[:] = _NO_FRONTEND_LEG
    elif not traffic.alb:
        pass
    elif not backend.any():
        lack[:] = _NO_BACKEND_LEG
    elif not (connections["protocol"][backend] == t.PROTOCOL_HTTP).any():
        encrypted = (connections["protocol"][backend] == t.PROTOCOL_TLS).any()
        lack[:] = _BACKEND_ENCRYPTED if encrypted else _NOTHING
    else:
        lack[traffic.peer[rows] == t.NONE] = _NO_PEER
    silent = np.flatnonzero(exchanges["status"] == 0)
    lack[silent[endings.after_last_answer(traffic, rows[silent])]] = _AFTER_LAST
    lack[(of_row & (t.CONN_GAP | t.CONN_TRUNCATED)) != 0] = _GAP
    return lack


def _missing_text(traffic: Traffic, lack: int, rows: np.ndarray) -> str:
    """What to capture, or to look at, to explain these failures."""
    if lack == _NOTHING and not traffic.alb:
        clients = distinct(traffic.connections["client"][traffic.exchanges["connection"][rows]])
        lone = f" ({traffic.addresses[clients[0]]}, if that is it)" if len(clients) == 1 else ""
        return f"no load balancer was recognised in this capture; name its address with --alb{lone}"
    missing = _MISSING[lack]
    if lack == _NO_PEER:
        return missing.format(back=_ports_filter(_backend_ports(traffic)))
    if lack == _NO_FRONTEND_LEG:
        return missing.format(front=_ports_filter(_asked_ports(traffic, rows)))
    return missing


def _backend_ports(traffic: Traffic) -> list[int]:
    """The ports on which backends were asked, the busiest first."""
    ports = traffic.connections["server_port"][traffic.leg == t.LEG_BACKEND]
    found, counts = np.unique(ports, return_counts=True)
    return [int(port) for port in found[np.argsort(-counts, kind="stable")]]


def _asked_ports(traffic: Traffic, rows: np.ndarray) -> list[int]:
    """The load balancer's ports, where clients named them in their Host; else those of HTTP and HTTPS."""
    hosts = {traffic.strings[int(host)] for host in distinct(traffic.exchanges["host"][rows]).tolist()}
    hosts = {host for host in hosts if ":" not in host.rpartition(":")[0] or "]:" in host}  # no bare IPv6
    named = {
        int(port) for _, mark, port in (host.rpartition(":") for host in hosts) if mark and port.isdecimal()
    }
    return sorted(port for port in named if 0 < port < 65536) or [80, 443]


def _ports_filter(ports: Sequence[int]) -> str:
    """A filter of tcpdump for these ports."""
    return " or ".join(f"tcp port {port}" for port in ports[:_PORTS_NAMED])
