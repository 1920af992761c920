"""Requests in clear that follow at once, again and again, on bytes that came to a TLS listener.

A load balancer that ends TLS and has a second address for its backends shows no request of its frontend, and
no address on both legs. Time alone joins them: right before each of its requests bytes went into one of the
TLS connections, and right after each answer bytes came out of the same one. How well that fits an exchange
is the time left over before and after it. By chance another moment fits just as well, so each exchange is
compared with itself a little earlier and later, no further away than the next few turns on TLS connections:
clients' pages make both kinds of traffic come and go in the same bursts. A sender is taken only when the
true moment of most of its exchanges is among the best.

A load balancer that takes requests in clear and asks its backends in TLS (``relays``) is known by the same,
with time turned round: right after each request bytes went into one of the TLS connections, and right before
each answer bytes came out of it.

The tables hold no packets: a few stretches of the capture are read again, only where nothing else told.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from pcapdiag import tables as t
from pcapdiag.columns import distinct
from pcapdiag.legs.endpoints import Endpoints
from pcapdiag.legs.nesting import SLACK_NS
from pcapdiag.legs.streams import Stream, streams_between
from pcapdiag.traffic import Traffic

_STRETCHES = 4
_EXCHANGES = 150  # of one stretch
_MOST_FRAMES = 40_000  # of one stretch
_MARGIN_FRAMES = 2_000  # read before and after the exchanges of a stretch: where they are compared with

_TURNS = 3  # away are the moments that an exchange is compared with
_PARTS = np.array([0.11, 0.23, 0.31, 0.43, 0.53, 0.67, 0.79, 0.89])  # of that way: not the turn itself
_LEAST_OTHERS = 5
_AS_GOOD = 0.1  # of the other moments
_LEAST_WINS, _LEAST_SHARE = 8, 0.7  # of a sender's exchanges
_LEAST_OF_LISTENER = 3
_LISTENER_SHARE = 0.2  # of the sender's wins: some of them fit another endpoint by chance
_LONGEST_NS = 50_000_000  # more than a load balancer adds to an exchange
_NEVER_NS = np.iinfo("i8").max // 4


class Echo(NamedTuple):
    """What came to the endpoint ``listener`` in TLS was asked in clear by the address ``sender``."""

    listener: int
    sender: int
    times: int  # of the sender's exchanges
    asked: int


def echoes(traffic: Traffic, endpoints: Endpoints, senders: np.ndarray, listeners: np.ndarray) -> list[Echo]:
    """The echoes between these addresses (a bool each) and these endpoints (a bool each)."""
    if traffic.wire is None:
        return []
    tls = _tls(traffic) & listeners[endpoints.of_connection]
    exchanges = _candidates(traffic, endpoints, senders, tls)
    if not tls.any() or not len(exchanges):
        return []
    parts = [_wins(traffic, endpoints, rows, tls) for rows in _stretches(traffic, exchanges)]
    if not parts:
        return []
    sender, listener = (np.concatenate(column) for column in zip(*parts, strict=True))
    return list(_telling(sender, listener))


def relays(traffic: Traffic, endpoints: Endpoints) -> list[Echo]:
    """The listeners to which requests came in clear, and the addresses that sent them on in TLS."""
    if traffic.wire is None:
        return []
    tls = _tls(traffic)
    exchanges = _candidates(traffic, endpoints, np.ones(len(traffic.addresses), "?"), tls)
    if not tls.any() or not len(exchanges):
        return []
    parts = [_wins(traffic, endpoints, rows, tls, onwards=True) for rows in _stretches(traffic, exchanges)]
    listener, sender = (np.concatenate(column) for column in zip(*parts, strict=True))
    return [Echo(to, by, times, asked) for by, to, times, asked in _telling(listener, sender)]


def _tls(traffic: Traffic) -> np.ndarray:
    """Connections in which nothing can be read."""
    tls: np.ndarray = traffic.connections["protocol"] == t.PROTOCOL_TLS
    return tls & ~traffic.decrypted if len(traffic.decrypted) else tls


def _candidates(traffic: Traffic, endpoints: Endpoints, senders: np.ndarray, tls: np.ndarray) -> np.ndarray:
    """Rows of answered exchanges in clear, of senders that take no part in these TLS connections.

    Nobody's request leads to a health check. Many name a backend's address as Host, as requests seldom do.
    """
    exchanges, connections = traffic.exchanges, traffic.connections
    involved = np.zeros(len(traffic.addresses), "?")
    involved[connections["client"][tls]] = True
    involved[connections["server"][tls]] = True
    on = exchanges["connection"]
    ok = senders[connections["client"][on]] & ~involved[connections["client"][on]]
    serves_tls = np.zeros(len(traffic.addresses), "?")
    serves_tls[connections["server"][tls]] = True
    ok &= ~serves_tls[connections["server"][on]] & (connections["protocol"][on] == t.PROTOCOL_HTTP)
    ok &= (exchanges["flags"] & (t.REQ_SEEN | t.RSP_SEEN | t.REQ_HEALTH)) == (t.REQ_SEEN | t.RSP_SEEN)
    ok &= (exchanges["response_start_us"] != t.NEVER) & (exchanges["request_frame"] > 0)
    named = ok & ((exchanges["flags"] & (t.REQ_HOST_IP | t.REQ_NO_HOST)) == 0)
    return np.flatnonzero(named if named.any() else ok)


def _stretches(traffic: Traffic, exchanges: np.ndarray) -> Iterator[np.ndarray]:
    """Some neighbouring exchanges of each vantage point, from several places of its capture."""
    vantage = traffic.connections["vantage"][traffic.exchanges["connection"][exchanges]]
    for one in distinct(vantage).tolist():
        rows = exchanges[vantage == one]
        rows = rows[np.argsort(traffic.exchanges["request_frame"][rows], kind="stable")]
        starts = np.linspace(0, max(0, len(rows) - _EXCHANGES), _STRETCHES).astype("i8")
        for start in distinct(starts // _EXCHANGES * _EXCHANGES).tolist():
            yield rows[start : start + _EXCHANGES]


def _wins(
    traffic: Traffic, endpoints: Endpoints, rows: np.ndarray, tls: np.ndarray, onwards: bool = False
) -> tuple[np.ndarray, np.ndarray]:
    """(sender, listener) of each exchange; the listener is -1 where other moments fit as well.

    ``onwards``, (listener, sender): the exchange came to the one, and went on in TLS from the other.
    """
    exchanges = traffic.exchanges[rows]
    first = max(1, int(exchanges["request_frame"].min()) - _MARGIN_FRAMES)
    last = min(int(exchanges["response_frame"].max()) + _MARGIN_FRAMES, first + _MOST_FRAMES)
    exchanges = exchanges[exchanges["response_frame"] <= last]
    client_of, endpoint_of = traffic.connections["client"], endpoints.of_connection
    near_of, far_of = (endpoint_of, client_of) if onwards else (client_of, endpoint_of)
    near = near_of[exchanges["connection"]].astype("i8")
    nothing = near[:0], near[:0]
    if not len(exchanges):
        return nothing
    vantage = traffic.connections["vantage"][exchanges["connection"][0]]
    streams = streams_between(traffic, first, last, tls & (traffic.connections["vantage"] == vantage))
    if not streams:
        return nothing
    asked_ns = exchanges["start_ns"]
    answered_ns = asked_ns + exchanges["response_start_us"].astype("i8") * 1000
    if onwards:  # time turned round: what follows, then comes before
        streams = [Stream(on, -came_ns[::-1], -went_ns[::-1]) for on, came_ns, went_ns in streams]
        asked_ns, answered_ns = -asked_ns, -answered_ns
    won, best = _fits(streams, asked_ns, answered_ns)
    owner = np.array([stream.connection for stream in streams])
    return near, np.where(won, far_of[owner[best]].astype("i8"), -1)


def _telling(sender: np.ndarray, listener: np.ndarray) -> Iterator[Echo]:
    """The senders most of whose exchanges won, with the listeners that many of those belong to."""
    for one in distinct(sender).tolist():
        mine = listener[sender == one]
        won = mine[mine >= 0]
        if len(won) < _LEAST_WINS or len(won) < _LEAST_SHARE * len(mine):
            continue
        for endpoint, times in zip(*np.unique(won, return_counts=True), strict=True):
            if times >= max(_LEAST_OF_LISTENER, _LISTENER_SHARE * len(won)):
                yield Echo(int(endpoint), one, int(times), len(mine))


def _fits(
    streams: list[Stream], asked_ns: np.ndarray, answered_ns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For each exchange, whether its true moment won, and in which stream it lay best."""
    left_ns, best = _left_over(streams, asked_ns, answered_ns)
    reach_ns = _reach(streams, asked_ns)
    others, as_good = np.zeros(len(asked_ns), "i8"), np.zeros(len(asked_ns), "i8")
    for part in np.concatenate([_PARTS, -_PARTS]).tolist():
        shift_ns = (part * reach_ns).astype("i8")
        elsewhere_ns, _ = _left_over(streams, asked_ns + shift_ns, answered_ns + shift_ns)
        # Moved by less than is left over, it may fit the same turn as well.
        moved = (np.abs(shift_ns) > left_ns) & (reach_ns < _NEVER_NS)
        as_good += moved & (elsewhere_ns <= left_ns)
        others += moved
    won = (others >= _LEAST_OTHERS) & (as_good <= _AS_GOOD * others) & (left_ns <= _LONGEST_NS)
    return won, best


def _reach(streams: list[Stream], asked_ns: np.ndarray) -> np.ndarray:
    """How far from each exchange other moments are looked at: to the `_TURNS`-th turn before it or after it,
    whichever is nearer. A turn begins with bytes to the listener after bytes from it."""
    begins = [np.zeros(0, "i8")]
    for _connection, came_ns, went_ns in streams:
        answers = np.searchsorted(went_ns, came_ns)
        begins.append(came_ns[np.diff(answers, prepend=-1) != 0])
    turns_ns = np.sort(np.concatenate(begins))
    if not len(turns_ns):
        return np.full(len(asked_ns), _NEVER_NS)
    at = np.searchsorted(turns_ns, asked_ns + SLACK_NS, "right")
    back, forth = at - _TURNS, at + _TURNS - 1
    before_ns = np.where(back >= 0, asked_ns - turns_ns[np.maximum(back, 0)], _NEVER_NS)
    after_ns = np.where(
        forth < len(turns_ns), turns_ns[np.minimum(forth, len(turns_ns) - 1)] - asked_ns, _NEVER_NS
    )
    return np.minimum(before_ns, after_ns)


def _left_over(
    streams: list[Stream], asked_ns: np.ndarray, answered_ns: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """For each exchange the least time left over before and after it, and in which of the streams."""
    least_ns, best = np.full(len(asked_ns), _NEVER_NS), np.zeros(len(asked_ns), "i8")
    for number, (_connection, came_ns, went_ns) in enumerate(streams):
        before = np.searchsorted(came_ns, asked_ns + SLACK_NS, "right") - 1
        after = np.searchsorted(went_ns, answered_ns - SLACK_NS, "left")
        here = np.flatnonzero((before >= 0) & (after < len(went_ns)))
        lead_ns = np.maximum(0, asked_ns[here] - came_ns[before[here]])
        lag_ns = np.maximum(0, went_ns[after[here]] - answered_ns[here])
        left_ns = lead_ns + lag_ns
        less = left_ns < least_ns[here]
        least_ns[here[less]], best[here[less]] = left_ns[less], number
    return least_ns, best
