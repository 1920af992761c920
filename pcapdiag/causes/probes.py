"""Health checks: which exchanges and connection attempts are the load balancer's own, by their look and
rhythm.

A check is known by its agent (AWS: ELB-HealthChecker/2.0) or by its shape: HEAD, GET or OPTIONS for
nobody, with the backend's own address as Host or none at all, at a steady pace, as the only request of its
connection, or on one that is kept (Caddy) where the other requests look otherwise. A check that never got a
connection leaves a SYN only; it is known by that pace alone, and where nobody had just asked for anything.
"""

from __future__ import annotations

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import attempts, endings, outcome
from pcapdiag.columns import among, distinct, union
from pcapdiag.traffic import Traffic

FEWEST = 3  # of a rhythm: two pauses alike
PACE_SHARE = 0.2  # pauses within this of their median are steady
JUST_NS = 20_000_000  # a request this young may be what an attempt to connect is for
MANY = 1000  # hosts, addresses: so many are not looked through
ODD_SHARE = 0.1  # of the other requests may look as checks do
_SPREAD = np.uint64(0x9E3779B97F4A7C15)
PROBE_METHODS = tuple(t.METHODS.index(name) for name in ("HEAD", "GET", "OPTIONS"))


def exchanges(traffic: Traffic) -> np.ndarray:
    """Rows of the backend exchanges that are health checks; where no load balancer is known, of those that
    can be nothing else."""
    known = traffic.alb or (traffic.leg == t.LEG_BACKEND).any()
    return endings.kept(traffic, "checks", _on_backend if known else _of_whom)


def _on_backend(traffic: Traffic) -> np.ndarray:
    table = traffic.exchanges
    rows = _unasked(traffic)
    known = endings.has_flag(traffic, rows, t.REQ_HEALTH) & (table["next"][rows] == t.NONE)
    shaped, alone = _shaped(traffic, rows), _alone(traffic, rows)
    lone, kept = shaped & alone, shaped & ~alone
    lone[lone] = _in_pace(_ways(traffic, rows[lone]), table["start_ns"][rows[lone]])
    if kept.any():
        kept[kept] = _in_pace(_same_asked(traffic, rows[kept]), table["start_ns"][rows[kept]])
        kept[kept] = _of_nobody(traffic, rows[kept])
    return rows[known | lone | kept]


def lookalikes(traffic: Traffic) -> np.ndarray:
    """Rows of the backend exchanges that may be health checks, too few of them to show their rhythm."""
    rows = _unasked(traffic)
    return rows[_shaped(traffic, rows) & _alone(traffic, rows)]


def _unasked(traffic: Traffic) -> np.ndarray:
    """Rows of the requests to backends for which no client asked."""
    rows = np.flatnonzero((traffic.exchange_leg == t.LEG_BACKEND) & (traffic.peer == t.NONE))
    return rows[endings.has_flag(traffic, rows, t.REQ_SEEN)]


def _alone(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether each of these requests is the only one of its connection."""
    return traffic.connections["exchanges"][traffic.exchanges["connection"][rows]] == 1


def _shaped(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether each of these requests asks for its server itself, for nobody."""
    shaped = among(traffic.exchanges["method"][rows], PROBE_METHODS)
    shaped &= ~endings.has_flag(traffic, rows, t.REQ_FORWARDED)
    shaped[shaped] = _alone(traffic, rows[shaped]) | _bare(traffic, rows[shaped])
    shaped[shaped] = _asks_for_server(traffic, rows[shaped])
    return shaped


def _of_whom(traffic: Traffic) -> np.ndarray:
    """Rows of what looks like checks and comes from those who ask nothing else: a load balancer all of whose
    servers are down, or a monitor.

    One who tries a single server at a steady pace may be an engineer with curl in a loop; a checker asks
    several servers the same.
    """
    table, connections = traffic.exchanges, traffic.connections
    several = _asks_several(traffic)
    if not several.any():
        return np.zeros(0, "i8")
    client = connections["client"][table["connection"]]
    rows = np.flatnonzero(several[client])
    rows = rows[(table["flags"][rows] & (t.REQ_SEEN | t.REQ_FORWARDED)) == t.REQ_SEEN]
    rows = rows[_bare(traffic, rows)]
    rows = rows[among(table["method"][rows], PROBE_METHODS)]
    asked = np.bincount(client, minlength=len(traffic.addresses))
    rows = rows[(asked == np.bincount(client[rows], minlength=len(asked)))[client[rows]]]
    rows = rows[_of_several_servers(traffic, rows)]
    rows = rows[_asks_for_server(traffic, rows)]
    rows = rows[_in_pace(_same_asked(traffic, rows), table["start_ns"][rows])]
    return rows[_of_several_servers(traffic, rows)]


def _asks_several(traffic: Traffic) -> np.ndarray:
    """Which addresses open connections to more than one server."""
    client = traffic.connections["client"]
    server = attempts.port_keys(traffic, np.arange(len(client)))
    total = len(traffic.addresses)
    first = np.zeros(total, "i8")
    first[client] = server  # any one of them
    return np.bincount(client[server != first[client]], minlength=total) > 0


def _of_several_servers(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether the client of each of these asks several servers for the same target."""
    on = traffic.exchanges["connection"][rows]
    what = traffic.connections["client"][on].astype("u8") << np.uint64(32) | traffic.exchanges["target"][rows]
    server = attempts.port_keys(traffic, on)
    order = np.lexsort((server, what))
    what_in_order, server_in_order = what[order], server[order]
    another = (what_in_order[1:] == what_in_order[:-1]) & (server_in_order[1:] != server_in_order[:-1])
    return among(what, what_in_order[1:][another])


def _same_asked(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """A number for the client, server, method and target of each of these exchanges."""
    client = traffic.connections["client"][traffic.exchanges["connection"][rows]]
    way = _ways(traffic, rows).astype("u8") * _SPREAD ^ client
    return np.asarray(way * _SPREAD ^ traffic.exchanges["target"][rows])


def _bare(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Which of these exchanges name an address, or nothing, as their host."""
    table = traffic.exchanges
    host = table["host"][rows]
    bare = ((table["flags"][rows] & (t.REQ_HOST_IP | t.REQ_NO_HOST)) != 0) | (host == 0)
    # Varnish writes IPv6 addresses without their brackets.
    mine = {text for text in traffic.addresses[:MANY] if ":" in text}
    hosts = distinct(host)[:MANY].tolist() if mine else []
    odd = [one for one in hosts if one < len(traffic.strings) and traffic.strings[one] in mine]
    return np.asarray(bare | among(host, odd)) if odd else bare


def had_enough(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether each exchange ended as checks do that want the status only: with a reset upon the head of the
    answer.

    So it is where the same is asked of the same server at a steady pace, each time on a new connection.
    """
    table = traffic.exchanges
    result = table["response_ended"][rows] == t.END_RST_RECEIVER
    result[result] = _reset_upon_head(traffic, rows[result])
    if result.any():
        lone = np.flatnonzero(traffic.connections["exchanges"][table["connection"]] == 1)
        asked = _same_asked(traffic, lone)
        known = among(asked, _same_asked(traffic, rows[result]))
        lone, asked = lone[known], asked[known]
        result &= among(rows, lone[_in_pace(asked, table["start_ns"][lone])])
    return np.asarray(result)


def _reset_upon_head(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    result = (traffic.exchanges["status"][rows] >= 200) & endings.closed_by_reset(traffic, rows)
    result &= endings.closed_by(traffic, rows) == endings.CLIENT
    return np.asarray(result & (endings.close_ns(traffic, rows) - endings.answer_ns(traffic, rows) < JUST_NS))


def _of_nobody(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether each of these requests, made on connections that carry others too, can be no client's.

    The others name another host, or for whom they are sent on, and no client asks for the same.
    """
    table = traffic.exchanges
    others = np.ones(len(table), "?")
    others[rows] = False
    others &= traffic.exchange_leg == t.LEG_BACKEND
    bare = (table["flags"] & (t.REQ_HOST_IP | t.REQ_NO_HOST)) != 0
    bare &= others & ((table["flags"] & t.REQ_FORWARDED) == 0)
    if np.count_nonzero(bare) > ODD_SHARE * np.count_nonzero(others):
        return np.zeros(len(rows), "?")
    asked = distinct(table["target"][traffic.exchange_leg == t.LEG_FRONTEND])
    return ~among(table["target"][rows], asked)


def failed_attempts(traffic: Traffic) -> np.ndarray:
    """Backend connections refused or never answered that were health checks."""
    refused = attempts.refused(traffic, t.LEG_BACKEND)
    rows = union(refused, attempts.unanswered(traffic, t.LEG_BACKEND)).astype("i8")
    if not len(rows):
        return rows
    rows = rows[outcome.requests_behind(traffic, rows) == t.NONE]
    first_ns = traffic.connections["first_ns"][rows]
    paced = _in_pace(attempts.port_keys(traffic, rows), first_ns)
    if (traffic.exchange_leg == t.LEG_FRONTEND).any():
        return rows[paced & ~_just_asked(traffic, rows)]
    # Nobody's requests are in sight: only the pace of checks elsewhere tells these from requests.
    pace_ns = _pace_ns(traffic)
    pauses = _pauses_ns(attempts.port_keys(traffic, rows), first_ns)
    return rows[paced & (np.abs(pauses - pace_ns) <= PACE_SHARE * pace_ns)] if pace_ns else rows[:0]


def _asks_for_server(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether each request names its server's own address as Host, or no host at all."""
    hosts = traffic.exchanges["host"][rows]
    servers = traffic.connections["server"][traffic.exchanges["connection"][rows]]
    result = np.zeros(len(rows), "?")
    for host in distinct(hosts).tolist():
        name = traffic.strings[host]
        for server in distinct(servers[hosts == host]).tolist():
            address = traffic.addresses[server]
            own = not name or name == address or name.startswith((f"{address}:", f"[{address}]"))
            result[(hosts == host) & (servers == server)] = own
    return result


def _ways(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """A number for the server and the method of each of these exchanges."""
    on = traffic.exchanges["connection"][rows]
    return attempts.port_keys(traffic, on) << 4 | traffic.exchanges["method"][rows]


def _in_pace(keys: np.ndarray, times_ns: np.ndarray) -> np.ndarray:
    """Whether the times of each key come at equal pauses, most of them."""
    result = np.zeros(len(keys), "?")
    order = np.lexsort((times_ns, keys))
    starts = np.flatnonzero(np.diff(keys[order], prepend=keys[order[:1]] + 1)) if len(keys) else order
    for mine in np.split(order, starts[1:]):
        if len(mine) < FEWEST:
            continue
        pauses = np.diff(times_ns[mine])
        middle = float(np.median(pauses))
        even = np.abs(pauses - middle) <= PACE_SHARE * middle
        result[mine] = middle > JUST_NS and np.count_nonzero(even) >= 0.8 * len(pauses)
    return result


def _pauses_ns(keys: np.ndarray, times_ns: np.ndarray) -> np.ndarray:
    """The median pause between the times of each one's key; 0 of a lone one."""
    result = np.zeros(len(keys))
    for key in distinct(keys).tolist():
        mine = keys == key
        if np.count_nonzero(mine) > 1:
            result[mine] = np.median(np.diff(np.sort(times_ns[mine])))
    return result


def _pace_ns(traffic: Traffic) -> float:
    """The pause between checks that were answered, 0 when there are none."""
    rows = exchanges(traffic)
    keys = attempts.port_keys(traffic, traffic.exchanges["connection"][rows])
    pauses = _pauses_ns(keys, traffic.exchanges["start_ns"][rows])
    return float(np.median(pauses)) if len(rows) else 0.0


def _just_asked(traffic: Traffic, connections: np.ndarray) -> np.ndarray:
    """Whether a frontend request had just begun when each of these did, and was not answered yet."""
    rows = np.flatnonzero(traffic.exchange_leg == t.LEG_FRONTEND)
    vantage = traffic.connections["vantage"]
    result = np.zeros(len(connections), "?")
    for number in distinct(vantage[connections]).tolist():
        mine = np.flatnonzero(vantage[connections] == number)
        ahead_ns, _ = outcome.clocks(traffic, number)
        ahead_ns = ahead_ns[vantage[traffic.exchanges["connection"][rows]]]
        starts_ns = traffic.exchanges["start_ns"][rows] + ahead_ns
        ends_ns = endings.answer_ns(traffic, rows)
        ends_ns = np.where(ends_ns == 0, 0, ends_ns + ahead_ns)
        order = np.argsort(starts_ns, kind="stable")
        starts_ns, ends_ns = starts_ns[order], ends_ns[order]
        times_ns = traffic.connections["first_ns"][connections[mine]]
        for i, time_ns in zip(mine.tolist(), times_ns.tolist(), strict=True):
            first, last = np.searchsorted(starts_ns, (time_ns - JUST_NS, time_ns + outcome.SLACK_NS))
            young = ends_ns[first:last]
            result[i] = bool(((young == 0) | (young >= time_ns)).any())
    return result
