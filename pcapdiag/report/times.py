"""Where time went: how long backends took to answer, in percentiles and as a distribution."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcapdiag import tables as t
from pcapdiag.columns import blocks, numbered
from pcapdiag.report.summary import server_endpoint
from pcapdiag.traffic import Traffic

SERVERS_SHOWN = 12
BINS_PER_DECADE = 8
LOWEST_US, DECADES = 10, 8  # 10 us to 1,000 s
PERCENTILES = (50, 90, 99)
_TOLD_BY = ("connection", "request_end_us", "response_start_us")
_EDGES_US = LOWEST_US * 10 ** (np.arange(1, DECADES * BINS_PER_DECADE) / BINS_PER_DECADE)


def response_times(traffic: Traffic) -> dict[str, Any]:
    """For each server behind the load balancer: from a request's last byte to the first of its answer."""
    counts = np.bincount(traffic.exchange_leg, minlength=3)
    leg = next((n for n in (t.LEG_BACKEND, t.LEG_FRONTEND) if counts[n]), t.LEG_UNKNOWN)
    exchanges, leg_of = traffic.exchanges, traffic.exchange_leg
    keys, server_of = numbered(traffic.server_keys())
    # One sort of (server, wait) gives every server's percentiles.
    ordered = np.empty(int(counts[leg]), "i8")
    unanswered = np.zeros(len(keys), "i8")
    answered = 0
    for part in blocks(len(exchanges)):
        mine = leg_of[part] == leg
        on, end, start = (exchanges[name][part][mine] for name in _TOLD_BY)
        server, silent = server_of[on], start == t.NEVER
        unanswered += np.bincount(server[silent], minlength=len(keys))
        told = ~silent & (end != t.NEVER)
        wait_us = np.maximum(start[told].astype("i8") - end[told], 0)
        ordered[answered : answered + len(wait_us)] = server[told].astype("i8") << 33 | wait_us
        answered += len(wait_us)
    ordered = ordered[:answered]
    ordered.sort()
    bounds = np.searchsorted(ordered, np.arange(len(keys) + 1, dtype="i8") << 33)
    sizes = np.diff(bounds)
    busiest = np.argsort(-sizes, kind="stable")[:SERVERS_SHOWN]
    ordered &= (1 << 33) - 1
    waits = {n: ordered[bounds[n] : bounds[n + 1]] for n in busiest.tolist() if sizes[n]}
    return {
        "leg": t.LEGS[leg],
        "bins": {"lowest_us": LOWEST_US, "per_decade": BINS_PER_DECADE, "count": DECADES * BINS_PER_DECADE},
        "servers": [
            {
                "name": server_endpoint(traffic, int(keys[n])),
                "unanswered": int(unanswered[n]),
                **distribution(sorted_us),
            }
            for n, sorted_us in waits.items()
        ],
        "more_servers": int(np.count_nonzero(sizes)) - len(waits),
    }


def distribution(sorted_us: np.ndarray) -> dict[str, Any]:
    """Percentiles and histogram of sorted times."""
    last = len(sorted_us) - 1
    cuts = np.searchsorted(sorted_us, _EDGES_US)
    return {
        "count": len(sorted_us),
        **{f"p{p}_us": int(sorted_us[round(last * p / 100)]) for p in PERCENTILES},
        "max_us": int(sorted_us[-1]),
        "histogram": np.diff(np.concatenate([[0], cuts, [len(sorted_us)]])).tolist(),
    }
