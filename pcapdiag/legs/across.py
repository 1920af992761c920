"""Which requests pass from one file's place to another's, though each place has a clock of its own.

A client's capture and a backend's have no connection in common, and without a forwarding header nothing in
them says that they belong together. What says it is time: a load balancer asks within the wait of each
request, so there is one offset between the clocks at which backend exchanges lie within the frontend
exchanges of the same method, target, status and sizes, one after another. The stretch an exchange allows is
as short as what the load balancer adds to it, so requests that merely are alike agree on no offset, or on
one as well as on another. Only an offset that clearly more of them agree on than on any other is taken.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag.columns import among, distinct
from pcapdiag.legs.clocks import agreement, answered, pairs_of_equal_keys
from pcapdiag.legs.endpoints import Endpoints
from pcapdiag.legs.nesting import by_target
from pcapdiag.legs.normal import same_targets
from pcapdiag.traffic import Traffic

_MOST_PLACES = 8  # compared in pairs
_MOST_ROWS = 200_000  # of each place
_FEWEST = 6  # requests that agree on an offset
_CLEARLY = 2  # times as many as on any other
_LEAST_SHARE = 0.3  # of the requests that both places might have seen


def places_behind(
    traffic: Traffic, endpoints: Endpoints
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """For each two places of which one lies behind the other: (the exchanges whose like both saw, how far the
    clock of each is ahead in ns, which of them are of the place behind)."""
    places = _places(traffic, endpoints)[:_MOST_PLACES]
    key = _keys(traffic) if len(places) > 1 else np.zeros(0, "u8")
    for front, back in itertools.permutations(places, 2):
        front, back = front[among(key[front], key[back])], back[among(key[back], key[front])]
        offset_ns = _offset_ns(traffic, key, front, back)
        if offset_ns is not None:
            behind = np.repeat([False, True], [len(front), len(back)])
            yield np.concatenate([front, back]), behind * np.int64(offset_ns), behind


def _places(traffic: Traffic, endpoints: Endpoints) -> list[np.ndarray]:
    """The exchanges of each place that were answered in full.

    Files that seem to be one rotated capture may be two places by clocks far apart, if no server is asked in
    more than one of them.
    """
    on, place = traffic.exchanges["connection"], traffic.connections["vantage"]
    as_one = bool((place == place[:1]).all())
    if as_one:
        place = traffic.connections["file"]
        if (place == place[:1]).all():
            return []
    rows = np.flatnonzero(traffic.exchanges["response_ended"] == t.END_COMPLETE)
    rows = answered(traffic.exchanges, rows)
    if as_one:
        asked = distinct(endpoints.of_connection[on[rows]].astype("u8") << 8 | place[on[rows]]) >> 8
        if (asked[1:] == asked[:-1]).any():
            return []
    return [rows[place[on[rows]] == number][:_MOST_ROWS] for number in distinct(place[on[rows]]).tolist()]


def _keys(traffic: Traffic) -> np.ndarray:
    """A number for each exchange's method, target, status and body size."""
    exchanges = traffic.exchanges
    target = by_target(exchanges, same_targets(traffic)) << np.uint64(10) | exchanges["status"] % 1024
    size = exchanges["response_body"].astype("u8") * np.uint64(0x9E3779B97F4A7C15)
    return np.asarray(target ^ (size & ~np.uint64(2**10 - 1)))


def _offset_ns(traffic: Traffic, key: np.ndarray, front: np.ndarray, back: np.ndarray) -> int | None:
    """How far the clock of the backend's place is ahead, where the requests say so clearly."""
    outer, inner = pairs_of_equal_keys(key, front, back)
    if not len(outer):
        return None
    found = agreement(traffic.exchanges, outer, inner)
    wanted = max(_FEWEST, _LEAST_SHARE * min(len(front), len(back)), _CLEARLY * found.elsewhere)
    return (found.low + found.high) // 2 if found.requests >= wanted else None
