from __future__ import annotations

from pcapdiag.report.times import BINS_PER_DECADE, LOWEST_US, response_times
from tests.tables_builder import TrafficBuilder


def test_each_backend_has_its_own_percentiles() -> None:
    built = TrafficBuilder()
    fast = built.connection("10.0.2.10", "10.0.3.1:8080", leg="backend")
    slow = built.connection("10.0.2.10", "10.0.3.2:8080", leg="backend")
    for n in range(101):
        built.exchange(fast, at_s=n, takes_s=0.001 * (n + 1))
    for n in range(3):
        built.exchange(slow, at_s=n, takes_s=2.0)
    times = response_times(built.build())
    assert times["leg"] == "backend"
    first, second = times["servers"]
    assert (first["name"], first["p50_us"], first["p90_us"], first["max_us"]) == (
        "10.0.3.1:8080",
        51_000,
        91_000,
        101_000,
    )
    assert (second["name"], second["p50_us"], second["count"]) == ("10.0.3.2:8080", 2_000_000, 3)


def test_the_distribution_counts_each_answer_in_the_bin_of_its_time() -> None:
    built = TrafficBuilder()
    on = built.connection("10.0.2.10", "10.0.3.1:8080", leg="backend")
    for takes_s in (0.0, 0.012, 4000.0):
        built.exchange(on, takes_s=takes_s)
    counts = response_times(built.build())["servers"][0]["histogram"]
    filled = [n for n, count in enumerate(counts) if count]
    assert sum(counts) == 3 and filled[0] == 0 and filled[-1] == len(counts) - 1
    low = LOWEST_US * 10 ** (filled[1] / BINS_PER_DECADE)
    assert low <= 12_000 < low * 10 ** (1 / BINS_PER_DECADE)


def test_a_request_without_an_answer_has_no_response_time() -> None:
    built = TrafficBuilder()
    on = built.connection("10.0.2.10", "10.0.3.1:8080", leg="backend")
    built.exchange(on, status=0)
    assert response_times(built.build())["servers"] == []


def test_a_server_s_unanswered_requests_are_counted_beside_its_times() -> None:
    built = TrafficBuilder()
    on = built.connection("10.0.2.10", "10.0.3.1:8080", leg="backend")
    built.exchange(on, takes_s=0.1)
    built.exchange(on, at_s=2.0, status=0)
    (server,) = response_times(built.build())["servers"]
    assert (server["count"], server["unanswered"]) == (1, 1)
