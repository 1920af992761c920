"""Pairs of exchanges of which the second was made, and answered, while the first waited for its answer.

Only neighbours in time of equal keys are compared: the request that came just before is the one sent on.
"""

from __future__ import annotations

import numpy as np

from pcapdiag import tables as t
from pcapdiag.traffic import Traffic, start_line_read

SLACK_NS = 50_000  # two interfaces of one host; a quick proxy answers in 100 µs

_TOLD_BY = ("connection", "status", "response_ended", "response_body", "flags")

KEYLESS = np.uint64(0xFFFFFFFFFFFFFFFF)


def by_target(exchanges: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """A key of each exchange's method and target; ``targets`` as ``normal.same_targets`` gives them."""
    target = exchanges["target"].astype("u8")
    target = targets[target].astype("u8") if len(targets) else target
    return np.where(start_line_read(exchanges), target << 8 | exchanges["method"], KEYLESS)


def by_answer(exchanges: np.ndarray) -> np.ndarray:
    """A key of each exchange's method, status and body sizes, where it was answered with a whole body."""
    body = exchanges["response_body"].astype("u8")
    key = body << 32 | exchanges["request_body"].astype("u8") % 2**12 << 20
    key |= exchanges["status"].astype("u8") << 8 | exchanges["method"]
    telling = (exchanges["response_ended"] == t.END_COMPLETE) & (body > 0) & (body < 2**32)
    return np.where(telling, key, KEYLESS)


def nested(
    traffic: Traffic, rows: np.ndarray, key: np.ndarray, ahead_ns: np.ndarray | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Pairs among these rows, as (outer rows, inner rows).

    Both are of one vantage point, unless ``ahead_ns`` says how far the clock of each row is ahead.
    """
    exchanges = traffic.exchanges
    vantage = traffic.connections["vantage"][exchanges["connection"][rows]]
    start_ns, answer_ns = exchanges["start_ns"][rows], answered_ns(traffic, rows) + SLACK_NS
    if ahead_ns is not None:
        start_ns, answer_ns, vantage = start_ns - ahead_ns, answer_ns - ahead_ns, np.zeros_like(vantage)
    order = np.lexsort((start_ns, vantage, key))
    rows, vantage, key, start_ns, answer_ns = (
        column[order] for column in (rows, vantage, key, start_ns, answer_ns)
    )
    on, status, ended, body, flags = (exchanges[name][rows] for name in _TOLD_BY)
    fits = (key[:-1] == key[1:]) & (vantage[:-1] == vantage[1:]) & (key[:-1] != KEYLESS)
    fits &= (on[:-1] != on[1:]) & (start_ns[1:] <= answer_ns[:-1])
    in_time = answer_ns[1:] - SLACK_NS <= answer_ns[:-1]
    alike = status[:-1] == status[1:]
    gave_up = (status[:-1] == 0) | (status[:-1] >= 500)
    whole = (ended[:-1] == t.END_COMPLETE) & (ended[1:] == t.END_COMPLETE)
    like_body = ~whole | (body[:-1] == body[1:])
    fits &= (alike & in_time & like_body) | (gave_up & ~alike) | (in_time & marked(flags[:-1], flags[1:]))
    at = np.flatnonzero(fits)
    return rows[at], rows[at + 1]


def marked(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """Whether each inner exchange carries a forwarding header that the outer one lacks, by their flags."""
    return ((inner & t.REQ_FORWARDED) != 0) & ((outer & t.REQ_FORWARDED) == 0)


def answered_ns(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """When each response began; without one, when its connection was last seen."""
    exchanges = traffic.exchanges
    after_us = exchanges["response_start_us"][rows]
    last_ns = traffic.connections["last_ns"][exchanges["connection"][rows]]
    unknown = (exchanges["status"][rows] == 0) | (after_us == t.NEVER)
    return np.where(unknown, last_ns, exchanges["start_ns"][rows] + after_us.astype("i8") * 1000)
