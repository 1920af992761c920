"""Exchanges within exchanges."""

from __future__ import annotations

import numpy as np

from pcapdiag import tables as t
from pcapdiag.legs.nesting import by_answer, by_target, nested
from tests.tables_builder import TrafficBuilder


def pairs(traffic: TrafficBuilder, answers: bool = False) -> list[tuple[int, int]]:
    tables = traffic.build()
    key = by_answer(tables.exchanges) if answers else by_target(tables.exchanges, np.zeros(0, "u4"))
    outer, inner = nested(tables, np.arange(len(tables.exchanges)), key)
    return list(zip(outer.tolist(), inner.tolist(), strict=True))


def two(inner_at_s: float = 0.002, inner_takes_s: float = 0.006, **inner: int) -> TrafficBuilder:
    """A request that waits 10 ms for its answer, and another, mostly within that time."""
    traffic = TrafficBuilder()
    vantage = inner.pop("vantage", 0)
    target = f"GET /{inner.pop('target', 0)}"
    front = traffic.connection("10.0.0.1", "10.0.0.10")
    back = traffic.connection("10.0.0.10", "10.0.1.5:8080", vantage=vantage)
    traffic.exchange(front, "GET /0", takes_s=0.010, response_body=9)
    traffic.exchange(back, target, inner_at_s, **{"takes_s": inner_takes_s, "response_body": 9, **inner})
    return traffic


def test_the_same_request_within_its_time() -> None:
    assert pairs(two()) == [(0, 1)]


def test_begun_after_the_answer() -> None:
    assert pairs(two(inner_at_s=0.020)) == []


def test_answered_after_the_answer() -> None:
    assert pairs(two(inner_takes_s=0.020)) == []


def test_another_body() -> None:
    assert pairs(two(response_body=8)) == []


def test_another_body_that_carries_a_forwarding_header() -> None:
    assert pairs(two(response_body=8, and_flags=t.REQ_FORWARDED)) == [(0, 1)]


def test_another_clock() -> None:
    assert pairs(two(vantage=1)) == []


def test_another_target_is_known_by_its_answer() -> None:
    assert pairs(two(target=1)) == []
    assert pairs(two(target=1), answers=True) == [(0, 1)]


def test_an_empty_answer_tells_nothing() -> None:
    traffic = TrafficBuilder()
    traffic.exchange(traffic.connection("10.0.0.1", "10.0.0.10"), "GET /a", takes_s=0.010)
    traffic.exchange(traffic.connection("10.0.0.10", "10.0.1.5"), "GET /b", 0.002, takes_s=0.006)
    assert pairs(traffic, answers=True) == []
