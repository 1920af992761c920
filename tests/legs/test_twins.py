"""Connections seen by two vantage points."""

from __future__ import annotations

import pytest

from pcapdiag import tables as t
from pcapdiag.legs import find_legs
from tests.tables_builder import TrafficBuilder

CLIENT, ALB, BACKEND = "10.0.0.1", "10.0.0.10", "10.0.1.5:8080"


def seen_twice(ahead_s: float) -> TrafficBuilder:
    """At the load balancer both legs; at the backend its leg again, by a clock ahead by `ahead_s`."""
    traffic = TrafficBuilder()
    for n in range(3):
        front = traffic.connection(CLIENT, ALB, n, 1.0)
        back = traffic.connection(f"{ALB}:{50000 + n}", BACKEND, n, 1.0)
        again = traffic.connection(f"{ALB}:{50000 + n}", BACKEND, n + ahead_s, 1.0, vantage=1)
        traffic.exchange(front, f"GET /{n}", n, takes_s=0.010)
        traffic.exchange(back, f"GET /{n}", n + 0.002, takes_s=0.006)
        traffic.exchange(again, f"GET /{n}", n + 0.0021 + ahead_s, takes_s=0.0058)
    return traffic


@pytest.mark.parametrize("ahead_s", [0.0, 700.0])
def test_a_connection_seen_twice_has_a_leg_once(ahead_s: float) -> None:
    tables = seen_twice(ahead_s).build()
    find_legs(tables)
    assert [t.LEGS[leg] for leg in tables.leg] == ["frontend", "backend", ""] * 3


def test_ports_used_again_later_are_another_connection() -> None:
    traffic = seen_twice(0.0)
    later = traffic.connection(f"{ALB}:50001", BACKEND, 30.0, 1.0, vantage=1)
    traffic.exchange(later, "GET /later", 30.0)
    tables = traffic.build()
    find_legs(tables)
    assert t.LEGS[tables.leg[later]] == "backend"
