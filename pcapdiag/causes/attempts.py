"""Connections that never came to be: SYNs, and ClientHellos, that met a refusal or silence, on either leg.

A SYN without an answer is judged only when its sender had given up before the capture ended (a repeat was
due by the sender's own schedule and did not come, or the request behind it was answered), or when so many
were sent that chance lost none of them.
"""

from __future__ import annotations

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import endings, outcome
from pcapdiag.columns import among, distinct
from pcapdiag.traffic import Traffic

FIRST_REPEAT_NS = 1_000_000_000  # RFC 6298: the first SYN is repeated after one second
MARGIN_NS = 300_000_000
LEAST_PATIENCE_NS = 100_000_000  # no load balancer gives a SYN up sooner
MANY_SYNS = 3  # a first SYN and two repeats

ICMP_UNREACHABLE, ICMP_FRAGMENTATION_NEEDED, ICMPV6_UNREACHABLE = 3, 4, 1


def refused(traffic: Traffic, leg: int) -> np.ndarray:
    """Rows of the leg's connections whose SYN was answered by RST or ICMP unreachable."""
    connections = traffic.connections
    mask = endings.connections_on(traffic, leg)
    mask &= (connections["flags"] & (t.CONN_SYN | t.CONN_SYNACK)) == t.CONN_SYN
    # Data sent, or acknowledged though it was not captured: the handshake went on.
    mask &= (connections["flags"] & (t.CONN_DATA_CLIENT | t.CONN_DATA_SERVER | t.CONN_GAP)) == 0
    reset = (connections["flags"] & t.CONN_REFUSED) != 0
    rows = np.flatnonzero(mask & (reset | ((connections["flags"] & t.CONN_ICMP) != 0)))
    by_icmp = among(rows, _unreachable(traffic))
    return rows[reset[rows] | by_icmp]


def unanswered(traffic: Traffic, leg: int) -> np.ndarray:
    """Rows of the leg's connections whose handshake never came about and was given up."""
    connections = traffic.connections
    mask = endings.connections_on(traffic, leg)
    mask &= (connections["flags"] & (t.CONN_SYN | t.CONN_ESTABLISHED | t.CONN_REFUSED)) == t.CONN_SYN
    # More packets than SYNs, or a close: the handshake went on, and the capture misses one direction of it.
    mask &= (connections["flags"] & (t.CONN_DATA_CLIENT | t.CONN_FIN_CLIENT | t.CONN_RST_CLIENT)) == 0
    mask &= connections["client_packets"] <= connections["syns"]
    rows = np.flatnonzero(mask)
    rows = rows[~among(rows, _unreachable(traffic))]
    over = gave_up(traffic, rows)
    if leg == t.LEG_BACKEND and not over.all():
        behind = outcome.requests_behind(traffic, rows)
        known = np.flatnonzero(behind != t.NONE)
        waited_ns = outcome.answered_ns(traffic, behind[known]) - traffic.connections["last_ns"][rows[known]]
        # Answered at once, it was refused, and the capture misses the refusal.
        over[known[waited_ns >= LEAST_PATIENCE_NS]] = True
    return rows[over]


def gave_up(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether a further SYN of each connection was due before the capture's end and did not come."""
    connections = traffic.connections[rows]
    # Linux doubles the pause each time, or (since 6.5) keeps it at a second for the first four repeats.
    last_pause_ns = np.where(
        connections["syns"] > 1, (connections["last_ns"] - connections["first_ns"]) * 2, FIRST_REPEAT_NS
    )
    due_ns = connections["last_ns"] + np.maximum(last_pause_ns, FIRST_REPEAT_NS) + MARGIN_NS
    # Where SYN-ACKs were seen, their repeats say that none of them was heard.
    unheard = (
        ((connections["flags"] & t.CONN_SYNACK) != 0)
        & (connections["syns"] > 1)
        & (connections["synacks"] > 1)
    )
    # Neither SYN nor SYN-ACK came again: the handshake went on, and the capture misses the rest.
    heard = (connections["flags"] & t.CONN_SYNACK) != 0
    heard &= (connections["syns"] == 1) & (connections["synacks"] == 1)
    past = due_ns < endings.capture_end_ns(traffic)[connections["vantage"]]
    # A capture that drops packets may have dropped what came after a lone SYN.
    past &= ~heard
    past &= (connections["syns"] > 1) | ~_drops(traffic)[connections["vantage"]]
    return unheard | (connections["syns"] >= MANY_SYNS) | past


def _drops(traffic: Traffic) -> np.ndarray:
    """Whether each vantage point's capture misses packets."""
    dropping = np.zeros(256, "?")
    dropping[traffic.connections["vantage"][(traffic.connections["flags"] & t.CONN_GAP) != 0]] = True
    dropping[traffic.connections["vantage"][endings.answers_unseen(traffic)]] = True
    dropping[[file.vantage for file in traffic.files if file.dropped_packets]] = True
    return dropping


def schedule_s(traffic: Traffic, connection: int) -> list[float]:
    """When each SYN of a connection was sent, in seconds after the first."""
    events = traffic.events_of(connection)
    repeats = events["time_ns"][events["kind"] == t.EVENT_SYN_RETRANSMISSION]
    return [0.0, *(round(int(ns - traffic.connections["first_ns"][connection]) / 1e9, 3) for ns in repeats)]


def hellos_in_clear(traffic: Traffic, leg: int) -> np.ndarray:
    """Rows of the leg's connections on which TLS got no byte, until one side closed, from a port that answers
    others in clear and nobody in TLS."""
    connections = traffic.connections
    rows = np.flatnonzero(connections["protocol"] == t.PROTOCOL_TLS)
    row = connections[rows]
    mute = (row["server_bytes"] == 0) & (row["closed_by"] != endings.NOBODY)
    mute &= (row["flags"] & (t.CONN_ESTABLISHED | t.CONN_GAP | t.CONN_EVICTED)) == t.CONN_ESTABLISHED
    rows = rows[mute]
    if not len(rows):
        return rows
    rows = rows[endings.connections_on(traffic, leg)[rows]]
    ports = port_keys(traffic, rows)
    answered = connections["server_bytes"] > 0
    in_tls = connections["protocol"] == t.PROTOCOL_TLS
    in_tls |= traffic.decrypted if len(traffic.decrypted) else False
    in_clear = (connections["protocol"] == t.PROTOCOL_HTTP) & ~in_tls
    clear, ciphered = np.flatnonzero(answered & in_clear), np.flatnonzero(answered & in_tls)
    rows = rows[among(ports, port_keys(traffic, clear)) & ~among(ports, port_keys(traffic, ciphered))]
    return np.array([row for row in rows.tolist() if not left_at_once(connections[row])], "i8")


def left_at_once(row: np.void) -> bool:
    """Whether a client hung up sooner than any answer could reach it: it changed its mind, as browsers do."""
    if row["closed_by"] != endings.CLIENT or t.NEVER in (row["syn_rtt_us"], row["ack_rtt_us"]):
        return False
    left_ns = min((int(at) for at in (row["client_fin_ns"], row["rst_ns"]) if at), default=0)
    if not left_ns:
        return False
    accepted_ns = int(row["first_ns"]) + int(row["syn_rtt_us"]) * 1000
    # The way to the client counts twice: to its SYN-ACK, and from its close.
    return left_ns - accepted_ns < (int(row["syn_rtt_us"]) + 2 * int(row["ack_rtt_us"])) * 1000


def port_keys(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """One number a server address and port, of each connection."""
    return traffic.server_keys(rows)


def _unreachable(traffic: Traffic) -> np.ndarray:
    """Connections of which an ICMP "unreachable" spoke, of any code but "fragmentation needed"."""
    events = traffic.events
    events = events[events["kind"] == t.EVENT_ICMP]
    kind, code = events["a"] >> 8, events["a"] & 0xFF
    ipv6 = np.fromiter(
        (":" in traffic.addresses[a] for a in traffic.connections["client"][events["connection"]]),
        "?",
        len(events),
    )
    told = np.where(
        ipv6, kind == ICMPV6_UNREACHABLE, (kind == ICMP_UNREACHABLE) & (code != ICMP_FRAGMENTATION_NEEDED)
    )
    return distinct(events["connection"][told])
