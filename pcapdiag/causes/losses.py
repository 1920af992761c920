"""Packet loss on one leg: what both packet-loss causes measure.

Lost is what was sent again because it, or its acknowledgement, did not arrive, and what came late to fill a
hole. Not lost: spurious repeats, keep-alives, probes of a zero window, repeated FINs, what reordering made
late, and what other causes explain: a path's MTU, a full listen queue, a peer that never spoke again.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import backlog, endings, paths, reading
from pcapdiag.columns import among, common, distinct
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic
from pcapdiag.wire import Span
from pcapdiag.wirepacket import WirePacket

LOSS_EVENTS = (
    t.EVENT_RETRANSMISSION,
    t.EVENT_LOST_BEFORE,
    t.EVENT_SYN_RETRANSMISSION,
    t.EVENT_SYNACK_RETRANSMISSION,
)


MIN_HANDSHAKES = 3  # connections with a SYN lost: each costs a second, so fewer of them say something
LEAST_RTO_NS = 200_000_000  # Linux repeats nothing sooner without duplicate ACKs
NOTICEABLE_S = 0.1  # a repeat that came sooner was a fast one, and no client noticed
MAX_READ = 20  # directions whose packets are read again, to see which repeats were needless
MAX_PACKETS = 2000  # of each of them
NEAR = 1000  # frames after a repeat in which its receiver answers it


class Losses(NamedTuple):
    """Loss on a leg above the profile's rate: where, how much, and what it slowed."""

    connections: np.ndarray  # those that lost something
    exchanges: np.ndarray  # those that waited for a repeat
    lost: tuple[int, int]  # segments, from the client and from the server
    sent: tuple[int, int]  # packets each way on the connections of the lossy peers
    stall_s: float

    @property
    def worse(self) -> int:
        """The direction that lost the larger share: 0 to the server, 1 from it."""
        return int(self.lost[1] * self.sent[0] > self.lost[0] * self.sent[1])

    @property
    def rate(self) -> float:
        return self.lost[self.worse] / max(self.sent[self.worse], 1)


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
        peers = [every[peer[every] == p] for p in distinct(peer[hit])]
        every = np.concatenate(
            [[], *(rows for rows in peers if _above(traffic, rows, lost, profile))]
        ).astype("i8")
        if not len(every):
            return None
        hit = common(hit, every)
    else:
        every = np.flatnonzero(mine & among(peer, distinct(peer[hit])))
    rows = traffic.connections[every]
    return Losses(
        connections=hit,
        exchanges=_slowed(traffic, hit),
        lost=(int(lost[hit, 0].sum()), int(lost[hit, 1].sum())),
        sent=(int(rows["client_packets"].sum()), int(rows["server_packets"].sum())),
        stall_s=_stall_s(traffic, hit),
    )


def _above(traffic: Traffic, rows: np.ndarray, lost: np.ndarray, profile: Profile) -> bool:
    """Whether these connections together lost more, one way, than is worth a warning."""
    connections = traffic.connections[rows]
    shaken = int(np.count_nonzero((connections["syns"] > 1) & lost[rows].any(axis=1)))
    for direction, packets in enumerate(("client_packets", "server_packets")):
        total = int(lost[rows, direction].sum(dtype="i8"))
        enough = total >= profile.loss_min_segments or shaken >= MIN_HANDSHAKES
        if enough and total > profile.loss_rate_warning * int(connections[packets].sum(dtype="i8")):
            return True
    return False


def _lost(traffic: Traffic, leg: int) -> np.ndarray:
    """Lost segments of each connection of the leg, one column a direction."""
    connections = traffic.connections
    lost = np.zeros((len(connections), 2), "u4")
    troubles = traffic.troubles
    repeats = troubles["retransmitted"].astype("i8") + troubles["lost_before"]
    repeats = repeats - needless(traffic, repeats)
    # Of a segment never acknowledged nobody knows whether it was lost or met a peer that is gone.
    unanswered = np.where(troubles["unacked_bytes"] > 0, troubles["unacked_retries"].astype("i8") - 1, 0)
    unanswered = np.maximum(unanswered, _never_acknowledged(traffic))
    # Of a connection captured twice, a repeat that cost no time is the second copy of one packet.
    copies = (connections["flags"][troubles["connection"]] & t.CONN_DUPLICATES) != 0
    copies &= troubles["stall_us"] < repeats * 1000
    lost[troubles["connection"], troubles["direction"]] = np.where(
        copies, 0, np.maximum(repeats - unanswered, 0)
    )
    # A receiver that has closed its window drops what it cannot hold: the network lost nothing.
    full = troubles["zero_windows"] > 0
    lost[troubles["connection"][full], 1 - troubles["direction"][full]] = 0
    # A SYN counts when its repeat was answered: then neither a firewall nor a silent host ate it.
    established = (connections["flags"] & t.CONN_ESTABLISHED) != 0
    lost[:, 0] += np.where(established, np.maximum(connections["syns"], 1) - 1, 0).astype("u4")
    lost[:, 1] += np.where(established, np.maximum(connections["synacks"], 1) - 1, 0).astype("u4")
    _forget_copies(traffic, lost)
    # Without its receiver's answers nobody knows why a segment came again: for a closed window, say.
    lost[(connections["client_packets"] == 0) != (connections["server_packets"] == 0)] = 0
    lost[~endings.connections_on(traffic, leg)] = 0
    lost[paths.blackholes(traffic).connections] = 0
    if leg == t.LEG_BACKEND:
        lost[backlog.queued_out(traffic)] = 0
    return lost


def _never_acknowledged(traffic: Traffic) -> np.ndarray:
    """Of each direction that ends with an unacknowledged segment, how many repeats were of what was never
    acknowledged: the first such segment, and those behind it."""
    troubles, events, connections = traffic.troubles, traffic.events, traffic.connections
    result = np.zeros(len(troubles), "i8")
    rows = np.flatnonzero((troubles["unacked_bytes"] > 0) & (troubles["retransmitted"] > 0))
    if not len(rows):
        return result
    on, directions = troubles["connection"][rows], troubles["direction"][rows]
    acked = np.where(directions == 0, connections["client_acked"][on], connections["server_acked"][on])
    repeats = events[events["kind"] == t.EVENT_RETRANSMISSION]
    key = on.astype("i8") << 1 | directions
    order = np.argsort(key)
    of = repeats["connection"].astype("i8") << 1 | repeats["direction"]
    at = np.minimum(np.searchsorted(key[order], of), len(key) - 1)
    mine = order[at]
    beyond = (key[mine] == of) & (repeats["a"] >= (acked[mine] & 0xFFFFFFFF))
    np.add.at(result, rows[mine[beyond]], 1)
    return result


def _forget_copies(traffic: Traffic, lost: np.ndarray) -> None:
    """Take out copies of SYNs and SYN-ACKs, of connections captured twice: no host repeats so soon."""
    connections = traffic.connections
    for direction, kind in enumerate((t.EVENT_SYN_RETRANSMISSION, t.EVENT_SYNACK_RETRANSMISSION)):
        events = traffic.events[traffic.events["kind"] == kind]
        on = events["connection"]
        early = events["time_ns"] - connections["first_ns"][on] < LEAST_RTO_NS
        early &= (connections["flags"][on] & t.CONN_DUPLICATES) != 0
        copies = np.bincount(on[early], minlength=len(connections)).astype("u4")
        lost[:, direction] -= np.minimum(copies, lost[:, direction])


def needless(traffic: Traffic, repeats: np.ndarray) -> np.ndarray:
    """Of each direction's repeats, how many the receiver says it had already (D-SACK, RFC 2883), or how many
    of what they repeat came behind them.

    What came late, not lost, is repeated fast, on duplicate ACKs; only such directions are looked at, a
    few of them, and the others are taken to be like these.
    """
    troubles = traffic.troubles
    result = np.zeros(len(repeats), "i8")
    reader = reading.wire(traffic)
    fast = np.flatnonzero((repeats > 0) & (troubles["stall_us"] < repeats * (NOTICEABLE_S * 1e6)))
    if reader is None or not len(fast):
        return result
    looked = fast[:MAX_READ]
    elsewhere = {row: _elsewhere(traffic, row) for row in looked.tolist()}
    both = np.concatenate([looked, [row for row in elsewhere.values() if row is not None]]).astype("i8")
    packets = reader.collect([_span(traffic, row) for row in both.tolist()], MAX_PACKETS)
    for row, other in elsewhere.items():
        connection, direction = int(troubles["connection"][row]), int(troubles["direction"][row])
        ranges = {
            packet.sack[0]
            for packet in packets.get(connection, ())
            if packet.direction != direction and packet.sack and _is_duplicate(packet.sack, packet.ack)
        }
        seen = [connection] if other is None else [connection, int(troubles["connection"][other])]
        late = max(_late_originals(p for p in packets.get(on, ()) if p.direction == direction) for on in seen)
        result[row] = min(max(len(ranges), late), int(repeats[row]))
    share = result[looked].sum() / repeats[looked].sum()
    result[fast[MAX_READ:]] = repeats[fast[MAX_READ:]] * share
    return result


def _span(traffic: Traffic, row: int) -> Span:
    """The frames around a direction's repeats, where their receiver's answers are."""
    trouble = traffic.troubles[row]
    connection = int(trouble["connection"])
    last = int(traffic.connections[connection]["last_frame"])
    return Span(
        connection, int(trouble["first_trouble_frame"]), min(int(trouble["last_trouble_frame"]) + NEAR, last)
    )


def _elsewhere(traffic: Traffic, row: int) -> int | None:
    """The trouble that another vantage point had with the same direction of the same connection."""
    if not traffic.twin.any():
        return None
    connections, troubles = traffic.connections, traffic.troubles
    mine = connections[int(troubles["connection"][row])]
    same = traffic.twin.copy()
    for name in ("client", "client_port", "server", "server_port", "client_bytes", "server_bytes"):
        same &= connections[name] == mine[name]
    found = np.flatnonzero(
        same[troubles["connection"]] & (troubles["direction"] == troubles["direction"][row])
    )
    return int(found[0]) if len(found) else None


def _late_originals(packets: Iterable[WirePacket]) -> int:
    """How many segments were overtaken by their own repeat: by its number in the IP header the later copy was
    sent first. Recorded where they arrive, such a repeat fills a hole as one of a lost segment does."""
    first: dict[tuple[int, int], int] = {}
    late = 0
    for packet in packets:
        if packet.payload_len and packet.ip_id:
            before = first.setdefault((packet.seq, packet.payload_len), packet.ip_id)
            late += (packet.ip_id - before) % 65_536 > 32_768
    return late


def _is_duplicate(sack: tuple[tuple[int, int], ...], ack: int) -> bool:
    """RFC 2883: the first block lies below the ACK, or inside the second."""
    (left, right), *others = sack
    return right <= ack or any(a <= left and right <= b for a, b in others[:1])


def _slowed(traffic: Traffic, hit: np.ndarray) -> np.ndarray:
    """The exchanges of these connections that waited for a repeat: noticeably, or, if none did, at all."""
    chosen = np.zeros(len(traffic.connections), "?")
    chosen[hit] = True
    exchanges = traffic.exchanges
    rows = np.flatnonzero(chosen[exchanges["connection"]])
    events = traffic.events
    events = events[chosen[events["connection"]] & among(events["kind"], LOSS_EVENTS)]
    if not len(rows) or not len(events):
        return rows[:0]
    rows = rows[np.lexsort((exchanges["start_ns"][rows], exchanges["connection"][rows]))]
    keys = _moments(traffic, exchanges["connection"][rows], exchanges["start_ns"][rows])
    at = np.searchsorted(keys, _moments(traffic, events["connection"], events["time_ns"]), side="right") - 1
    # Before the first exchange of a connection: its handshake, which that exchange waited for.
    handshake = (at < 0) | (exchanges["connection"][rows[np.maximum(at, 0)]] != events["connection"])
    at = np.where(handshake, at + 1, at)
    inside = np.flatnonzero(at < len(rows))
    waited = rows[at[inside]]
    events, handshake = events[inside], handshake[inside]
    same = exchanges["connection"][waited] == events["connection"]
    waited, events, handshake = waited[same], events[same], handshake[same]
    long = handshake | (_waited_s(traffic, waited, events) >= NOTICEABLE_S)
    return distinct(waited[long] if long.any() else waited)


def _waited_s(traffic: Traffic, rows: np.ndarray, events: np.ndarray) -> np.ndarray:
    """At most how long each exchange stood still until the event in it: since its last sign of life before,
    and not longer than its connection did in all."""
    exchanges = traffic.exchanges[rows]
    signs = [exchanges["start_ns"]]
    for column in ("request_end_us", "response_start_us", "response_end_us"):
        sign_ns = exchanges["start_ns"] + exchanges[column].astype("i8") * 1000
        signs.append(np.where((exchanges[column] != t.NEVER) & (sign_ns < events["time_ns"]), sign_ns, 0))
    stalls_us = np.zeros(len(traffic.connections), "i8")
    np.add.at(stalls_us, traffic.troubles["connection"], traffic.troubles["stall_us"])
    since_s = (events["time_ns"] - np.max(signs, axis=0)) / 1e9
    return np.minimum(since_s, stalls_us[events["connection"]] / 1e6)


def _moments(traffic: Traffic, connections: np.ndarray, times_ns: np.ndarray) -> np.ndarray:
    """Numbers that order (connection, time) pairs: microseconds of the capture below, connection above."""
    start_ns = int(traffic.connections["first_ns"].min())
    micros = np.clip((times_ns - start_ns) // 1000, 0, (1 << 40) - 1)
    return connections.astype("i8") << 40 | micros


def _stall_s(traffic: Traffic, hit: np.ndarray) -> float:
    """How long these connections stood still: their streams, and before them their handshakes."""
    mine = among(traffic.troubles["connection"], hit)
    events = traffic.events
    again = (events["kind"] == t.EVENT_SYN_RETRANSMISSION) & among(events["connection"], hit)
    waited_ns = np.zeros(len(traffic.connections), "i8")
    on = events["connection"][again]
    np.maximum.at(waited_ns, on, events["time_ns"][again] - traffic.connections["first_ns"][on])
    return float(traffic.troubles["stall_us"][mine].sum(dtype="i8")) / 1e6 + float(waited_ns.sum()) / 1e9


def stalled(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether each connection stood still, waiting for repeats, for most of the time its exchange lasted."""
    result = np.zeros(len(rows), "?")
    for i, row in enumerate(rows.tolist()):
        connection = int(traffic.exchanges["connection"][row])
        lasted_us = (
            int(traffic.connections["last_ns"][connection]) - int(traffic.exchanges["start_ns"][row])
        ) // 1000
        troubles = (traffic.trouble_of.get((connection, direction)) for direction in (0, 1))
        result[i] = any(
            trouble is not None and 2 * int(trouble["stall_us"]) > lasted_us for trouble in troubles
        )
    return result
