"""How far two vantage points' clocks are apart, from requests seen in both.

Whatever the clocks say, a backend request begins after the frontend request it serves, and is answered
before it. So each pair of exchanges that may belong together bounds the offset from both sides; the offset
that satisfies most pairs is the true one, and what freedom is left is its error (the reasoning of NTP's
clock filter and intersection algorithm, RFC 5905 section 11.2.1).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pcapdiag import tables as t
from pcapdiag.columns import distinct

_MOST_ROWS = 5_000  # of each leg
_MOST_PAIRS_A_REQUEST = 200
_LEAST_AGREEMENT = 0.3  # of the smaller leg's requests

_MOST_PAIRS = 400_000  # of rare keys
_MOST_OF_A_KEY = 10_000
_MOST_STRETCH = 0.05  # of the time over which requests agree, that one of them leaves free
_MOSTLY = 75  # percentile


def clock_offset(
    exchanges: np.ndarray, fronts: np.ndarray, backs: np.ndarray, targets: np.ndarray
) -> tuple[int, int] | None:
    """(how far the backend's clock is ahead in ns, the error of that), or None when nothing tells."""
    fronts, backs = answered(exchanges, fronts), answered(exchanges, backs)
    pair_fronts = pair_backs = fronts[:0]
    if max(len(fronts), len(backs)) > _MOST_ROWS:  # the first of each may be of different times
        key = _keys(exchanges, targets)
        pair_fronts, pair_backs = pairs_of_equal_keys(key, fronts, backs)
    if len(pair_fronts):
        fronts, backs = distinct(pair_fronts), distinct(pair_backs)
    else:
        fronts, backs = fronts[:_MOST_ROWS], backs[:_MOST_ROWS]
        pair_fronts, pair_backs = _pairs(exchanges, fronts, backs, targets)
    if not len(pair_fronts):
        return None
    least, most = _allowed(exchanges, pair_fronts, pair_backs)
    possible = least <= most
    agreeing, low, high = _most_agreed(least[possible], most[possible])
    wanted = max(1, _LEAST_AGREEMENT * min(len(fronts), len(backs)))
    return ((low + high) // 2, (high - low + 1) // 2) if agreeing >= wanted else None


class Agreement(NamedTuple):
    """The offset on which most pairs agree."""

    requests: int  # different ones that do, on either side
    elsewhere: int  # pairs that agree on the next best one
    low: int
    high: int


def agreement(exchanges: np.ndarray, outer: np.ndarray, inner: np.ndarray) -> Agreement:
    """The offset at which most of these pairs lie in each other; no request agrees where it says little.

    A pair that leaves as much time free as all of them last fits many offsets.
    """
    least, most = _allowed(exchanges, outer, inner)
    possible = least <= most
    outer, inner, least, most = outer[possible], inner[possible], least[possible], most[possible]
    _, low, high = _most_agreed(least, most)
    holds = (least <= low) & (most >= high)
    if not holds.any():
        return Agreement(0, 0, 0, 0)
    free = float(np.percentile((most - least)[holds], _MOSTLY))
    lasts = int(np.ptp(exchanges["start_ns"][inner[holds]]))
    if free > _MOST_STRETCH * lasts:
        return Agreement(0, 0, low, high)
    away = (most < low - free) | (least > high + free)
    elsewhere, _, _ = _most_agreed(least[away], most[away])
    requests = min(len(distinct(rows[holds])) for rows in (outer, inner))
    return Agreement(requests, elsewhere, low, high)


def _allowed(exchanges: np.ndarray, outer: np.ndarray, inner: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The least and the most by which the inner clock may be ahead, of each pair."""
    front, back = exchanges[outer], exchanges[inner]
    return _answered_ns(back) - _answered_ns(front), back["start_ns"] - front["start_ns"]


def answered(exchanges: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Those of these requests that were answered, health checks apart."""
    ok = (exchanges["flags"][rows] & (t.REQ_SEEN | t.RSP_SEEN | t.REQ_HEALTH)) == (t.REQ_SEEN | t.RSP_SEEN)
    return rows[ok & (exchanges["response_start_us"][rows] != t.NEVER)]


def _answered_ns(exchanges: np.ndarray) -> np.ndarray:
    return exchanges["start_ns"] + exchanges["response_start_us"].astype("i8") * 1000


def _pairs(
    exchanges: np.ndarray, fronts: np.ndarray, backs: np.ndarray, targets: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of the same method, target and status."""
    front_keys, back_keys = _keys(exchanges[fronts], targets), _keys(exchanges[backs], targets)
    return _joined(front_keys, back_keys, fronts, backs, _MOST_PAIRS_A_REQUEST)


def pairs_of_equal_keys(
    key: np.ndarray, fronts: np.ndarray, backs: np.ndarray, at_most: int = _MOST_PAIRS
) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of these exchanges of one key, those of rare keys first, for they tell the most; not those of
    keys so common that they fit anywhere."""
    keys, which, times = np.unique(key[fronts], return_inverse=True, return_counts=True)
    order = np.argsort(key[backs], kind="stable")
    again = np.diff(np.searchsorted(key[backs], [keys, keys + np.uint64(1)], sorter=order), axis=0)[0]
    pairs = times.astype("i8") * again
    rarest = np.argsort(pairs, kind="stable")
    chosen = np.zeros(len(keys), "?")
    chosen[rarest] = (np.cumsum(pairs[rarest]) <= at_most) & (pairs[rarest] <= _MOST_OF_A_KEY)
    fronts = fronts[chosen[which]]
    return _joined(key[fronts], key[backs], fronts, backs, _MOST_OF_A_KEY)


def _joined(
    front_keys: np.ndarray, back_keys: np.ndarray, fronts: np.ndarray, backs: np.ndarray, at_most: int
) -> tuple[np.ndarray, np.ndarray]:
    """Each front row with up to ``at_most`` back rows of its key."""
    order = np.argsort(back_keys, kind="stable")
    first = np.searchsorted(back_keys[order], front_keys, "left")
    count = np.searchsorted(back_keys[order], front_keys, "right") - first
    count = np.minimum(count, at_most)
    within = np.arange(count.sum()) - np.repeat(np.cumsum(count) - count, count)
    return np.repeat(fronts, count), backs[order[np.repeat(first, count) + within]]


def _keys(exchanges: np.ndarray, targets: np.ndarray) -> np.ndarray:
    target = exchanges["target"].astype("u8")
    target = targets[target].astype("u8") if len(targets) else target
    return target << 20 | exchanges["status"].astype("u8") << 4 | exchanges["method"]


def _most_agreed(least: np.ndarray, most: np.ndarray) -> tuple[int, int, int]:
    """How many of the intervals [least, most] hold the offset that most of them hold, and that stretch.

    Of several such stretches the one nearest to 0: clocks are mostly right.
    """
    if not len(least):
        return 0, 0, 0
    edges = np.concatenate([least, most])
    opens = np.repeat(np.array([0, 1]), len(least))  # at one place, intervals open before others end
    order = np.lexsort((opens, edges))
    depth = np.cumsum(np.where(opens[order] == 0, 1, -1))
    deepest = np.flatnonzero(depth == depth.max())
    low, high = edges[order[deepest]], edges[order[np.minimum(deepest + 1, len(order) - 1)]]
    away = np.maximum(0, np.maximum(low, -high))
    best = int(np.argmin(away))
    return int(depth.max()), int(low[best]), int(high[best])
