"""Packet loss on one leg: what both packet-loss causes measure.

Lost is what was sent again because it, or its acknowledgement, did not arrive, and what came late to fill a
hole. Not lost: spurious repeats, keep-alives, probes of a zero window, repeated FINs, what reordering made
late, and what other causes explain: a path's MTU, a full listen queue, a peer that never spoke again.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import backlog, endings, paths
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

LOSS_EVENTS = (t.EVENT_RETRANSMISSION, t.EVENT_LOST_BEFORE, t.EVENT_SYN_RETRANSMISSION, t.EVENT_SYNACK_RETRANSMISSION)


@dataclass(frozen=True)
class Losses:
    """Loss on a leg above the profile's rate: where, how much, and what it slowed."""

    connections: np.ndarray  # those that lost something
    exchanges: np.ndarray  # those that waited for a repeat
    lost: tuple[int, int]  # segments, from the client and from the server
    sent: tuple[int, int]  # packets each way on the connections of the lossy peers
    stall_s: float

    @property
    def rate(self) -> float:
        return sum(self.lost) / max(sum(self.sent), 1)


def on_leg(traffic: Traffic, leg: int, profile: Profile) -> Losses | None:
    """The leg's loss, or None when it is below what the profile calls worth a warning."""
    lost = _lost(traffic, leg)
    hit = np.flatnonzero(lost.any(axis=1))
    if not len(hit):
        return None
    mine = endings.connections_on(traffic, leg)
    peer = traffic.connections["server" if leg == t.LEG_BACKEND else "client"]
    every = np.flatnonzero(mine)
    lossy = _above(traffic, every, lost, profile)
    if not lossy:
        peers = [every[peer[every] == p] for p in np.unique(peer[hit])]
        every = np.concatenate([[], *(rows for rows in peers if _above(traffic, rows, lost, profile))]).astype("i8")
        if not len(every):
            return None
        hit = np.intersect1d(hit, every)
    else:
        every = np.flatnonzero(mine & np.isin(peer, np.unique(peer[hit])))
    rows = traffic.connections[every]
    return Losses(
        connections=hit,
        exchanges=_slowed(traffic, hit),
        lost=(int(lost[hit, 0].sum()), int(lost[hit, 1].sum())),
        sent=(int(rows["client_packets"].sum()), int(rows["server_packets"].sum())),
        stall_s=_stall_s(traffic, hit),
    )


def _above(traffic: Traffic, rows: np.ndarray, lost: np.ndarray, profile: Profile) -> bool:
    """Whether these connections together lost more than is worth a warning."""
    connections = traffic.connections[rows]
    sent = int(connections["client_packets"].sum(dtype="i8") + connections["server_packets"].sum(dtype="i8"))
    total = int(lost[rows].sum(dtype="i8"))
    return total >= profile.loss_min_segments and total > profile.loss_rate_warning * sent


def _lost(traffic: Traffic, leg: int) -> np.ndarray:
    """Lost segments of each connection of the leg, one column a direction."""
    connections = traffic.connections
    lost = np.zeros((len(connections), 2), "u4")
    troubles = traffic.troubles
    repeats = troubles["retransmitted"].astype("i8") + troubles["lost_before"]
    # Of a segment never acknowledged nobody knows whether it was lost or met a peer that is gone.
    unanswered = np.where(troubles["unacked_bytes"] > 0, troubles["unacked_retries"].astype("i8") - 1, 0)
    lost[troubles["connection"], troubles["direction"]] = np.maximum(repeats - unanswered, 0)
    # A SYN counts when its repeat was answered: then neither a firewall nor a silent host ate it.
    established = (connections["flags"] & t.CONN_ESTABLISHED) != 0
    lost[:, 0] += np.where(established, np.maximum(connections["syns"], 1) - 1, 0).astype("u4")
    lost[:, 1] += np.where(established, np.maximum(connections["synacks"], 1) - 1, 0).astype("u4")
    lost[~endings.connections_on(traffic, leg)] = 0
    lost[paths.blackholes(traffic).connections] = 0
    if leg == t.LEG_BACKEND:
        lost[backlog.queued_out(traffic)] = 0
    return lost


def _slowed(traffic: Traffic, hit: np.ndarray) -> np.ndarray:
    """The exchanges of these connections during which something was sent again."""
    chosen = np.zeros(len(traffic.connections), "?")
    chosen[hit] = True
    exchanges = traffic.exchanges
    rows = np.flatnonzero(chosen[exchanges["connection"]])
    events = traffic.events
    events = events[chosen[events["connection"]] & np.isin(events["kind"], LOSS_EVENTS)]
    if not len(rows) or not len(events):
        return rows[:0]
    order = np.lexsort((exchanges["start_ns"][rows], exchanges["connection"][rows]))
    rows = rows[order]
    keys = _moments(traffic, exchanges["connection"][rows], exchanges["start_ns"][rows])
    at = np.searchsorted(keys, _moments(traffic, events["connection"], events["time_ns"]), side="right") - 1
    # Before the first exchange of a connection: its handshake, which that exchange waited for.
    before = (at < 0) | (exchanges["connection"][rows[np.maximum(at, 0)]] != events["connection"])
    at = np.where(before, at + 1, at)
    inside = at < len(rows)
    at, events = at[inside], events[inside]
    candidates = rows[at]
    same = exchanges["connection"][candidates] == events["connection"]
    ended_us = exchanges["response_end_us"][candidates].astype("i8")
    ended_ns = exchanges["start_ns"][candidates] + np.where(
        endings.response_whole(traffic, candidates), ended_us * 1000, np.iinfo("i4").max * 10**6
    )
    return np.unique(candidates[same & (events["time_ns"] <= ended_ns)])


def _moments(traffic: Traffic, connections: np.ndarray, times_ns: np.ndarray) -> np.ndarray:
    """Numbers that order (connection, time) pairs: microseconds of the capture below, connection above."""
    start_ns = int(traffic.connections["first_ns"].min())
    micros = np.clip((times_ns - start_ns) // 1000, 0, (1 << 40) - 1)
    return connections.astype("i8") << 40 | micros


def _stall_s(traffic: Traffic, hit: np.ndarray) -> float:
    mine = np.isin(traffic.troubles["connection"], hit)
    return float(traffic.troubles["stall_us"][mine].sum(dtype="i8")) / 1e6


def stalled(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether each connection stood still, waiting for repeats, for most of the time its exchange lasted."""
    result = np.zeros(len(rows), "?")
    for i, row in enumerate(rows.tolist()):
        connection = int(traffic.exchanges["connection"][row])
        lasted_us = (int(traffic.connections["last_ns"][connection]) - int(traffic.exchanges["start_ns"][row])) // 1000
        troubles = (traffic.trouble_of.get((connection, direction)) for direction in (0, 1))
        result[i] = any(trouble is not None and 2 * int(trouble["stall_us"]) > lasted_us for trouble in troubles)
    return result
