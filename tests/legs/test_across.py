"""Requests that pass from what one vantage point saw to what another did, each by a clock of its own."""

from __future__ import annotations

import random

from tests.legs.test_passing import found
from tests.tables_builder import TrafficBuilder

CLIENT, LISTENER, SENDER, BACKEND = "10.0.0.1", "10.1.0.1", "10.2.0.1", "10.3.0.1"


def two_places(
    starts_s: list[float],
    ahead_s: float = 0.0,
    client: str = CLIENT,
    sender: str = SENDER,
    front_s: float = 0.010,
    kinds: int = 5,
    back_starts_s: list[float] | None = None,
) -> TrafficBuilder:
    """The same requests asked at one place, and 2 ms later at another whose clock is ahead."""
    traffic = TrafficBuilder()
    front = traffic.connection(client, LISTENER)
    back = traffic.connection(sender, BACKEND, vantage=1)
    for n, at_s in enumerate(starts_s):
        traffic.exchange(front, f"GET /{n % kinds}", at_s, takes_s=front_s)
    for n, at_s in enumerate(back_starts_s or starts_s):
        traffic.exchange(back, f"GET /{n % kinds}", at_s + 0.002 + ahead_s, takes_s=0.006)
    return traffic


def at_random(requests: int, seed: int = 1) -> list[float]:
    """When clients ask: whenever they like."""
    chance = random.Random(seed)
    return sorted(chance.uniform(0, requests) for _ in range(requests))


def test_whatever_the_clocks_say() -> None:
    for ahead_s in (0.0, 0.05, -3.7, 86400.0):
        assert found(two_places(at_random(40), ahead_s)) == [(LISTENER, SENDER, BACKEND, 40)]


def test_in_files_that_seem_to_be_one_rotated_capture() -> None:
    traffic = two_places(at_random(40), ahead_s=3600.0)
    traffic.connections[1] |= {"vantage": 0, "file": 1}
    assert found(traffic) == [(LISTENER, SENDER, BACKEND, 40)]


def test_a_rotated_capture_asks_the_same_servers_again() -> None:
    traffic = two_places(at_random(40), ahead_s=3600.0)
    traffic.connections[1] |= {"vantage": 0, "file": 1}
    late = traffic.connection(CLIENT, LISTENER, file=1)
    traffic.exchange(late, "GET /0", 3700.0)
    assert found(traffic) == []


def test_a_few_requests_may_fit_by_chance() -> None:
    assert found(two_places(at_random(5), ahead_s=1.0)) == []


def test_other_requests_among_them_do_not_hinder() -> None:
    traffic = two_places(at_random(40), ahead_s=-2.0)
    for n in range(200):
        traffic.exchange(0, f"GET /other/{n}", n / 5)
        traffic.exchange(1, "GET /health", n / 5 - 2.0)
    assert (LISTENER, SENDER, BACKEND, 40) in found(traffic)


def test_two_who_ask_the_same_at_their_own_times_are_strangers() -> None:
    for seed in range(20):
        assert found(two_places(at_random(60), back_starts_s=at_random(60, seed + 2))) == []


def test_equal_requests_at_equal_pauses_fit_many_offsets() -> None:
    assert found(two_places([n / 2 for n in range(40)], kinds=1)) == []


def test_a_client_that_asks_two_servers_is_no_load_balancer() -> None:
    assert found(two_places(at_random(40), ahead_s=0.5, sender=CLIENT)) == []


def test_long_waits_hold_whatever_was_asked() -> None:
    starts_s = [n / 10 for n in range(20)]
    assert found(two_places(starts_s, front_s=10.0, back_starts_s=at_random(20))) == []


def test_answers_of_other_sizes_are_other_answers() -> None:
    traffic = two_places(at_random(40), ahead_s=1.0)
    for n, exchange in enumerate(traffic.exchanges):
        exchange["response_body"] = n  # each one's own
    assert found(traffic) == []


def test_a_place_that_saw_some_of_the_requests_is_enough() -> None:
    starts_s = at_random(60)
    (passage,) = found(two_places(starts_s, ahead_s=7.0, kinds=1, back_starts_s=starts_s[20:]))
    assert passage[:3] == (LISTENER, SENDER, BACKEND)
