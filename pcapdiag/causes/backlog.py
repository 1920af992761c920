"""Listen queues: which connections found theirs full, while the same port was serving others."""

from __future__ import annotations

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import attempts, endings
from pcapdiag.causes.outcome import SLACK_NS
from pcapdiag.columns import among, distinct, union, without
from pcapdiag.traffic import Traffic


def served_meanwhile(traffic: Traffic, rows: np.ndarray, later_ns: int = 0) -> np.ndarray:
    """Whether the server's port answered on another connection while each of these connections lasted.

    It answered when it accepted a handshake, or when a response ended, between that connection's first
    packet and its last, or so much later.
    """
    result = np.zeros(len(rows), "?")
    if not len(rows):
        return result
    ports = attempts.port_keys(traffic, rows)
    spans = traffic.connections[rows]
    for port in distinct(ports).tolist():
        lively_ns, _ = _lively_ns(traffic, port, rows)
        mine = ports == port
        first = np.searchsorted(lively_ns, spans["first_ns"][mine], side="right")
        last = np.searchsorted(lively_ns, spans["last_ns"][mine] + later_ns, side="right")
        result[mine] = last > first
    return result


def perhaps_served(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether the server's port may have answered meanwhile on a connection of which that cannot be seen:
    one that talked, captured in one direction only, or so cut that no answer was read."""
    connections = traffic.connections
    if not len(rows):
        return np.zeros(0, "?")
    one_sided = (connections["client_packets"] == 0) != (connections["server_packets"] == 0)
    unread = (connections["flags"] & t.CONN_TRUNCATED) != 0
    unread[traffic.exchanges["connection"][traffic.exchanges["status"] > 0]] = False
    talked = (connections["client_bytes"] > 0) | (connections["server_bytes"] > 0)
    dark = np.flatnonzero((one_sided | unread) & talked)
    dark = dark[among(attempts.port_keys(traffic, dark), attempts.port_keys(traffic, rows))]
    result = np.zeros(len(rows), "?")
    for row in dark.tolist():
        other, mine = connections[row], connections[rows]
        same = (mine["server"] == other["server"]) & (mine["server_port"] == other["server_port"])
        result |= same & (mine["first_ns"] <= other["last_ns"]) & (other["first_ns"] <= mine["last_ns"])
    return result


def _served_after_all(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether the server's port answered, before each connection's next SYN was due, on another connection
    that it had accepted before the last one: it lived all that time, and heard that SYN as well as its data.

    What it accepts only then tells nothing: it may have come up that moment.
    """
    result = np.zeros(len(rows), "?")
    ports = attempts.port_keys(traffic, rows)
    asked_ns = traffic.connections["last_ns"][rows]
    for port in distinct(ports).tolist():
        lively_ns, since_ns = _lively_ns(traffic, port, rows)
        mine = np.flatnonzero(ports == port)
        first = np.searchsorted(lively_ns, asked_ns[mine], side="right")
        last = np.searchsorted(lively_ns, asked_ns[mine] + attempts.FIRST_REPEAT_NS, side="right")
        for i in np.flatnonzero(last > first).tolist():
            result[mine[i]] = since_ns[first[i] : last[i]].min() < asked_ns[mine[i]]
    return result


def _lively_ns(traffic: Traffic, port: int, stuck: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """When the port showed that its server lives, sorted (handshakes answered at once, responses ended), and
    since when each of those connections had been asked for."""
    connections = traffic.connections
    there = (connections["server"] == port >> 16) & (connections["server_port"] == port & 0xFFFF)
    there[stuck] = False
    accepted = np.flatnonzero(there & ((connections["flags"] & t.CONN_ESTABLISHED) != 0))
    accepted = accepted[(connections["syns"][accepted] == 1) & (connections["synacks"][accepted] == 1)]
    # A connection only accepted proves that the queue has room; served, that the application is well.
    accepted = accepted[(connections["flags"][accepted] & t.CONN_DATA_SERVER) != 0]
    exchanges = traffic.exchanges
    answered = np.flatnonzero(there[exchanges["connection"]])
    whole = endings.response_whole(traffic, answered)
    cut = answered[
        ~whole & (exchanges["status"][answered] > 0) & ~endings.heads_seen_whole(traffic, answered)
    ]
    answered = answered[whole]
    ends_ns = exchanges["start_ns"][answered] + exchanges["response_end_us"][answered].astype("i8") * 1000
    # Of one that a short snaplen hides the end of, its beginning tells as much.
    lively_ns = np.concatenate([connections["first_ns"][accepted], ends_ns, endings.answer_ns(traffic, cut)])
    on = np.concatenate([accepted, exchanges["connection"][answered], exchanges["connection"][cut]])
    order = np.argsort(lively_ns, kind="stable")
    return lively_ns[order], connections["first_ns"][on[order].astype("i8")]


def dropped(traffic: Traffic) -> np.ndarray:
    """Connections whose SYNs stayed without an answer because the queue was full."""
    rows, by_chance = _unanswered(traffic)
    return rows[~by_chance]


def lost_by_chance(traffic: Traffic) -> np.ndarray:
    """Connections whose few SYNs had no answer on a path that loses data, too, while others were served."""
    rows, by_chance = _unanswered(traffic)
    # A lone SYN takes no time: what counts is whether its repeat, a second later, would have been answered.
    lone = without(attempts.unanswered(traffic, t.LEG_BACKEND), rows)
    lone = lone[traffic.connections["syns"][lone] < attempts.MANY_SYNS]
    lone = lone[served_meanwhile(traffic, lone, attempts.FIRST_REPEAT_NS)]
    lone = lone[_loses_data(traffic, lone, in_limbo(traffic))]
    return union(rows[by_chance], lone).astype("i8")


def _unanswered(traffic: Traffic) -> tuple[np.ndarray, np.ndarray]:
    """Connections without an answer from a port that others found alive or crowded; which loss explains."""
    rows = union(attempts.unanswered(traffic, t.LEG_BACKEND), _still_asking(traffic)).astype("i8")
    rows = rows[(traffic.connections["flags"][rows] & t.CONN_SYNACK) == 0]
    crowd = union(in_limbo(traffic), aborted(traffic)).astype("i8")
    crowded = among(attempts.port_keys(traffic, rows), attempts.port_keys(traffic, crowd))
    served = served_meanwhile(traffic, rows)
    served[~served] = _served_after_all(traffic, rows[~served]) & _many_to_port(traffic, rows)[~served]
    rows = rows[crowded | served]
    few = traffic.connections["syns"][rows] < attempts.MANY_SYNS
    return rows, few & _loses_data(traffic, rows, crowd)


def _many_to_port(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether more SYNs of these connections went to each one's port than chance loses."""
    _, of = np.unique(attempts.port_keys(traffic, rows), return_inverse=True)
    return np.bincount(of, traffic.connections["syns"][rows])[of] >= attempts.MANY_SYNS


def _still_asking(traffic: Traffic) -> np.ndarray:
    """Connections whose SYN had been repeated when the capture ended, three to one port: no chance drops all
    of those, whether or not the load balancer had given them up."""
    connections = traffic.connections
    mask = (traffic.leg == t.LEG_BACKEND) & (connections["syns"] > 1) & (connections["synacks"] == 0)
    mask &= (
        connections["flags"] & (t.CONN_SYN | t.CONN_ESTABLISHED | t.CONN_REFUSED | t.CONN_ICMP)
    ) == t.CONN_SYN
    rows = np.flatnonzero(mask & (connections["client_packets"] <= connections["syns"]))
    _, of, counts = np.unique(attempts.port_keys(traffic, rows), return_inverse=True, return_counts=True)
    return rows[counts[of] >= attempts.MANY_SYNS]


def answered_late(traffic: Traffic) -> np.ndarray:
    """Connections whose SYN was answered at last, after as many repeats as loss alone does not explain."""
    connections = traffic.connections
    mask = traffic.leg == t.LEG_BACKEND
    mask &= (connections["flags"] & (t.CONN_SYN | t.CONN_SYNACK)) == (t.CONN_SYN | t.CONN_SYNACK)
    mask &= (connections["syns"] >= attempts.MANY_SYNS) & (connections["synacks"] == 1)
    rows = np.flatnonzero(mask)
    rows = rows[served_meanwhile(traffic, rows)]
    return rows[~_loses_data(traffic, rows, in_limbo(traffic))]


def in_limbo(traffic: Traffic) -> np.ndarray:
    """Connections whose SYN-ACK came again although the request was on its way, unacknowledged.

    When the queue has room at last, the server takes the request, too, perhaps too late.
    """
    connections = traffic.connections
    mask = traffic.leg == t.LEG_BACKEND
    mask &= (connections["flags"] & t.CONN_ESTABLISHED) != 0
    mask &= (connections["synacks"] > 1) & (connections["client_bytes"] > 0)
    rows = np.flatnonzero(mask)
    rows = rows[~_copied(traffic, rows)]
    silent, insists = connections["client_acked"][rows] == 0, _kept_asking(traffic, rows)
    lives = served_meanwhile(traffic, rows)
    return rows[((silent | insists) & lives) | (insists & ~silent)]


def aborted(traffic: Traffic) -> np.ndarray:
    """Connections that the server reset right after the handshake, before it took a byte."""
    connections = traffic.connections
    mask = traffic.leg == t.LEG_BACKEND
    mask &= (connections["flags"] & (t.CONN_ESTABLISHED | t.CONN_RST_SERVER)) == (
        t.CONN_ESTABLISHED | t.CONN_RST_SERVER
    )
    mask &= (connections["closed_by"] == endings.SERVER) & (connections["server_fin_ns"] == 0)
    mask &= (connections["server_bytes"] == 0) & (connections["client_acked"] == 0)
    rows = np.flatnonzero(mask)
    if not len(rows):
        return rows
    # The RST answers the handshake's last ACK: it comes one round trip later, as trips vary.
    row = connections[rows]
    known = (row["syn_rtt_us"] != t.NEVER) & (row["ack_rtt_us"] != t.NEVER)
    handshake_ns = (row["syn_rtt_us"].astype("i8") + row["ack_rtt_us"]) * 1000
    prompt = row["rst_ns"] - row["first_ns"] <= 2 * handshake_ns + np.maximum(handshake_ns // 4, SLACK_NS)
    rows = rows[known & prompt & (row["syns"] == 1)]
    return rows[_port_serves(traffic, rows)]


def _port_serves(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether the server's port answered requests on other connections, shortly before or after."""
    answered = traffic.connections["server_bytes"] > 0
    serving = distinct(attempts.port_keys(traffic, np.flatnonzero((traffic.leg == t.LEG_BACKEND) & answered)))
    return among(attempts.port_keys(traffic, rows), serving)


def _copied(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether each connection was captured twice, and no SYN-ACK came later than a copy would."""
    events = traffic.events[traffic.events["kind"] == t.EVENT_SYNACK_RETRANSMISSION]
    on = events["connection"]
    true = on[events["time_ns"] - traffic.connections["first_ns"][on] >= attempts.LEAST_PATIENCE_NS]
    twice = (traffic.connections["flags"][rows] & t.CONN_DUPLICATES) != 0
    return twice & ~among(rows, true)


def _kept_asking(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether each client's data came again, and again, and the server still repeated its SYN-ACK: it heard
    the handshake's last ACK more often than loss explains."""
    events = traffic.events[among(traffic.events["connection"], rows)]
    again = events[events["kind"] == t.EVENT_SYNACK_RETRANSMISSION]
    last_ns = np.zeros(len(traffic.connections), "i8")
    np.maximum.at(last_ns, again["connection"], again["time_ns"])
    before = (events["kind"] == t.EVENT_RETRANSMISSION) & (events["direction"] == 0)
    before &= events["time_ns"] < last_ns[events["connection"]]
    repeats = np.bincount(events["connection"][before], minlength=len(traffic.connections))
    return repeats[rows] >= attempts.MANY_SYNS - 1


def _loses_data(traffic: Traffic, rows: np.ndarray, crowd: np.ndarray) -> np.ndarray:
    """Whether data was lost, too, on other connections with each server: then SYNs may have been.

    What is repeated to a full queue (``crowd``) is no loss.
    """
    troubles = traffic.troubles
    lossy = troubles["connection"][(troubles["retransmitted"] > 0) | (troubles["lost_before"] > 0)]
    lossy = without(lossy, union(rows, crowd))
    return among(traffic.connections["server"][rows], traffic.connections["server"][lossy.astype("i8")])


def queued_out(traffic: Traffic) -> np.ndarray:
    """Connections whose repeated SYNs and SYN-ACKs a full queue explains."""
    return union(answered_late(traffic), in_limbo(traffic)).astype("i8")
