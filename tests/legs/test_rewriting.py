"""Targets that differ on the two legs."""

from __future__ import annotations

import pytest

from pcapdiag import tables as t
from pcapdiag.legs import find_legs
from pcapdiag.legs.rewriting import _rule
from tests.tables_builder import TrafficBuilder


@pytest.mark.parametrize(
    ("front", "back", "rule"),
    [
        ("/api/users?id=1", "/users?id=1", ("/api", "")),
        ("/users", "/v2/users", ("", "/v2")),
        ("/old/a", "/new/a", ("/old", "/new")),
        ("/api/", "/", ("/api", "")),
        ("/a", "/b", ("/a", "/b")),
        ("*", "/", ("*", "/")),
    ],
)
def test_a_rule_is_what_differs_in_front(front: str, back: str, rule: tuple[str, str]) -> None:
    assert _rule(front, back) == rule


def rewriting(*backend_targets: str) -> TrafficBuilder:
    """Requests for /api/0, /api/1, ..., sent on with other targets; the last fails on its first attempt."""
    traffic = TrafficBuilder()
    front = traffic.connection("10.0.0.1", "10.0.0.10")
    back = traffic.connection("10.0.0.10", "10.0.1.5:8080")
    for n, target in enumerate(backend_targets[:-1]):
        traffic.exchange(front, f"GET /api/{n}", n, takes_s=0.010, response_body=100 + n)
        traffic.exchange(back, f"GET {target}", n + 0.002, takes_s=0.006, response_body=100 + n)
    last = len(backend_targets) - 1
    reset = traffic.connection("10.0.0.10", "10.0.1.5:8080", last, 0.004)
    traffic.exchange(front, f"GET /api/{last}", last, status=502, takes_s=0.010)
    traffic.exchange(reset, f"GET {backend_targets[-1]}", last + 0.002, status=0)
    return traffic


def test_rewritten_requests_find_theirs_and_so_do_failed_ones() -> None:
    tables = rewriting("/0", "/1", "/2").build()
    find_legs(tables)
    assert [t.LEGS[leg] for leg in tables.leg] == ["frontend", "backend", "backend"]
    assert tables.peer.tolist() == [1, 0, 3, 2, 5, 4]


def test_a_target_that_follows_no_rule_stays_alone() -> None:
    tables = rewriting("/0", "/1", "/other").build()
    find_legs(tables)
    assert tables.peer.tolist()[4:] == [t.NONE, t.NONE]
