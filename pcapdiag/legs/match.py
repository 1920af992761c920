"""Fills ``Traffic.peer``: which backend exchange carried which frontend exchange, both ways."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcapdiag import built
from pcapdiag import tables as t
from pcapdiag.columns import distinct
from pcapdiag.legs.clocks import clock_offset
from pcapdiag.legs.hashes import address_hashes
from pcapdiag.legs.normal import same_hosts, same_targets
from pcapdiag.legs.rewriting import rewritten_targets
from pcapdiag.traffic import Traffic, start_line_read

kernel: Any = built.kernel("pcapdiag.legs._match_cy")

_MOST_BUCKETS = 1 << 20
_MOST_VANTAGES = 8  # clocks are compared in pairs


def match_exchanges(traffic: Traffic) -> None:
    """Fill ``traffic.peer``, and ``traffic.clock_offsets_ns`` where the legs come from two clocks.

    A frontend exchange's peer is its last attempt, each attempt's peer the frontend exchange it served.
    """
    traffic.peer = np.full(len(traffic.exchanges), t.NONE, "u4")
    legs = set(distinct(traffic.leg).tolist())
    if not {t.LEG_FRONTEND, t.LEG_BACKEND} <= legs or not len(traffic.exchanges):
        return
    targets = same_targets(traffic)
    _match_all(traffic, targets)
    rewritten = rewritten_targets(traffic, targets)
    if rewritten is not None:
        _match_all(traffic, rewritten)


def _match_all(traffic: Traffic, targets: np.ndarray) -> None:
    """Match what is still alone, each vantage point by itself, then across them."""
    match = kernel.Match(
        traffic.exchanges,
        traffic.connections,
        traffic.leg,
        targets,
        same_hosts(traffic),
        address_hashes(traffic.addresses),
        np.empty(len(traffic.exchanges), "u4"),
        np.empty(_buckets(len(traffic.exchanges)), "u4"),
        traffic.peer,
    )
    vantages = distinct(traffic.connections["vantage"]).tolist()
    if len(vantages) == 1:
        _run(match, _in_time(traffic), 0, 0)
        return
    vantage = traffic.connections["vantage"][traffic.exchanges["connection"]]
    for one in vantages:
        _run(match, _in_time(traffic, np.flatnonzero(vantage == one)), 0, 0)
    for front in vantages[:_MOST_VANTAGES]:
        for back in vantages[:_MOST_VANTAGES]:
            if front != back:
                _match_across(traffic, match, targets, vantage, front, back)


def _match_across(
    traffic: Traffic, match: Any, targets: np.ndarray, vantage: np.ndarray, front: int, back: int
) -> None:
    """Match what is left of one vantage point's frontend with what is left of another's backend leg."""
    alone = (traffic.peer == t.NONE) & start_line_read(traffic.exchanges)
    fronts = np.flatnonzero(alone & (vantage == front) & (traffic.exchange_leg == t.LEG_FRONTEND))
    backs = np.flatnonzero(alone & (vantage == back) & (traffic.exchange_leg == t.LEG_BACKEND))
    found = clock_offset(traffic.exchanges, fronts, backs, targets)
    if found is None:
        return
    offset_ns, error_ns = traffic.clock_offsets_ns[front, back] = found
    times = traffic.exchanges["start_ns"]
    when = np.concatenate([times[fronts], times[backs] - offset_ns + error_ns])
    rows = np.concatenate([fronts, backs])
    _run(match, rows[np.argsort(when, kind="stable")].astype("u4"), -offset_ns, error_ns)


def _run(match: Any, order: np.ndarray, shift_ns: int, uncertain_ns: int) -> None:
    """Both passes; the second has work only where the first left a backend exchange alone."""
    match.run(order, False, shift_ns, uncertain_ns)
    match.run(order, True, shift_ns, uncertain_ns)


def _in_time(traffic: Traffic, rows: np.ndarray | None = None) -> np.ndarray:
    """Rows of exchanges in order of time, u4. They mostly are in it already, so nothing large is copied."""
    start_ns = traffic.exchanges["start_ns"] if rows is None else traffic.exchanges["start_ns"][rows]
    in_order = bool((start_ns[1:] >= start_ns[:-1]).all())
    order = None if in_order else np.argsort(start_ns, kind="stable")
    if rows is None:
        rows = np.arange(len(start_ns), dtype="u4") if order is None else order.astype("u4")
    else:
        rows = (rows if order is None else rows[order]).astype("u4")
    read = start_line_read(traffic.exchanges)
    return rows if read.all() else rows[read[rows]]


def _buckets(exchanges: int) -> int:
    """A power of two, about one bucket for every two frontend requests."""
    return min(_MOST_BUCKETS, 1 << max(4, (exchanges // 4).bit_length()))
