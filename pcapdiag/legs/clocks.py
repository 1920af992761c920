"""How far two vantage points' clocks are apart, from requests seen in both.

Whatever the clocks say, a backend request begins after the frontend request it serves, and is answered
before it. So each pair of exchanges that may belong together bounds the offset from both sides; the offset
that satisfies most pairs is the true one, and what freedom is left is its error (the reasoning of NTP's
clock filter and intersection algorithm, RFC 5905 section 11.2.1).
"""

from __future__ import annotations

import numpy as np

from pcapdiag import tables as t

_MOST_ROWS = 5_000  # of each leg
_MOST_PAIRS_A_REQUEST = 200
_LEAST_AGREEMENT = 0.3  # of the smaller leg's requests


def clock_offset(
    exchanges: np.ndarray, fronts: np.ndarray, backs: np.ndarray, targets: np.ndarray
) -> tuple[int, int] | None:
    """(how far the backend's clock is ahead in ns, the error of that), or None when nothing tells."""
    fronts, backs = _answered(exchanges, fronts), _answered(exchanges, backs)
    pair_fronts, pair_backs = _pairs(exchanges, fronts, backs, targets)
    if not len(pair_fronts):
        return None
    front, back = exchanges[pair_fronts], exchanges[pair_backs]
    least = _answered_ns(back) - _answered_ns(front)
    most = back["start_ns"] - front["start_ns"]
    possible = least <= most
    agreeing, low, high = _most_agreed(least[possible], most[possible])
    wanted = max(1, _LEAST_AGREEMENT * min(len(fronts), len(backs)))
    return ((low + high) // 2, (high - low + 1) // 2) if agreeing >= wanted else None


def _answered(exchanges: np.ndarray, rows: np.ndarray) -> np.ndarray:
    rows = rows[:_MOST_ROWS]
    ok = (exchanges["flags"][rows] & (t.REQ_SEEN | t.RSP_SEEN | t.REQ_HEALTH)) == (t.REQ_SEEN | t.RSP_SEEN)
    return rows[ok & (exchanges["response_start_us"][rows] != t.NEVER)]


def _answered_ns(exchanges: np.ndarray) -> np.ndarray:
    return exchanges["start_ns"] + exchanges["response_start_us"].astype("i8") * 1000


def _pairs(
    exchanges: np.ndarray, fronts: np.ndarray, backs: np.ndarray, targets: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of the same method, target and status."""
    front_keys, back_keys = _keys(exchanges[fronts], targets), _keys(exchanges[backs], targets)
    order = np.argsort(back_keys, kind="stable")
    first = np.searchsorted(back_keys[order], front_keys, "left")
    count = np.searchsorted(back_keys[order], front_keys, "right") - first
    count = np.minimum(count, _MOST_PAIRS_A_REQUEST)
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
