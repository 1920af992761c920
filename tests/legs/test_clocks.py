"""The offset between two clocks."""

from __future__ import annotations

import numpy as np
import pytest

from pcapdiag import tables as t
from pcapdiag.legs import clocks
from pcapdiag.legs.clocks import agreement, clock_offset, pairs_of_equal_keys
from pcapdiag.traffic import Traffic
from tests.tables_builder import TrafficBuilder

HOUR_S = 3600.0


def seen_twice(ahead_s: float, requests: list[str]) -> tuple[Traffic, np.ndarray, np.ndarray]:
    """Requests of both legs, every 0.7 s, 2 ms after they came in, by a clock ahead by `ahead_s`."""
    traffic = TrafficBuilder()
    front = traffic.connection("10.0.0.1", "10.0.0.10", leg="frontend")
    back = traffic.connection("10.0.0.10", "10.0.1.5:8080", leg="backend", vantage=1)
    for at, request in enumerate(requests):
        traffic.exchange(front, request, 0.7 * at, takes_s=0.010)
        traffic.exchange(back, request, 0.7 * at + 0.002 + ahead_s, takes_s=0.005)
    rows = np.arange(2 * len(requests))
    return traffic.build(), rows[::2], rows[1::2]


def offset(traffic: Traffic, fronts: np.ndarray, backs: np.ndarray) -> tuple[int, int] | None:
    return clock_offset(traffic.exchanges, fronts, backs, np.zeros(0, "u4"))


def test_the_offset_lies_within_its_error() -> None:
    found = offset(*seen_twice(HOUR_S, [f"GET /{n}" for n in range(5)]))
    assert found is not None
    assert abs(found[0] - 3600e9) <= found[1] <= 3e6


def test_equal_requests_agree_best_at_the_true_offset() -> None:
    found = offset(*seen_twice(-2.5, ["GET /"] * 20))
    assert found is not None
    assert abs(found[0] + 2.5e9) <= found[1]


def test_different_requests_tell_nothing() -> None:
    traffic, fronts, backs = seen_twice(0.0, ["GET /a", "GET /b"])
    traffic.exchanges["method"][backs] = t.METHODS.index("PUT")
    assert offset(traffic, fronts, backs) is None


def test_a_few_chance_hits_are_no_offset() -> None:
    traffic, fronts, backs = seen_twice(0.0, [f"GET /{n}" for n in range(20)])
    traffic.exchanges["target"][backs[2:]] = 0
    assert offset(traffic, fronts, backs) is None


def test_captures_that_begin_at_different_times_are_compared_where_both_went_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(clocks, "_MOST_ROWS", 20)
    traffic, fronts, backs = seen_twice(4.0, [f"GET /{n}" for n in range(100)])
    found = offset(traffic, fronts[:80], backs[50:])
    assert found is not None
    assert abs(found[0] - 4e9) <= found[1] <= 3e6


def test_requests_agree_on_one_offset_and_on_no_other() -> None:
    traffic, fronts, backs = seen_twice(1.5, [f"GET /{n % 7}" for n in range(21)])
    key = traffic.exchanges["target"].astype("u8")
    found = agreement(traffic.exchanges, *pairs_of_equal_keys(key, fronts, backs))
    assert found.requests == 21
    assert found.elsewhere == 14  # of those that come again after 4.9 s
    assert found.low <= 1.5e9 <= found.high


def test_a_pair_that_leaves_more_time_free_than_all_last_says_nothing() -> None:
    traffic, fronts, backs = seen_twice(0.0, [f"GET /{n}" for n in range(10)])
    traffic.exchanges["response_start_us"][fronts] = 60_000_000
    key = traffic.exchanges["target"].astype("u8")
    assert agreement(traffic.exchanges, *pairs_of_equal_keys(key, fronts, backs)).requests == 0
