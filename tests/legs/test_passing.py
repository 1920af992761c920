"""Requests that pass through a host."""

from __future__ import annotations

from pcapdiag import tables as t
from pcapdiag.legs.endpoints import endpoints_of
from pcapdiag.legs.passing import passages
from tests.tables_builder import TrafficBuilder

CLIENT, ALB, BACKEND = "10.0.0.1", "10.0.0.10", "10.0.1.5:8080"


def found(traffic: TrafficBuilder) -> list[tuple[str, str, str, int]]:
    """(listener, sender, backend, times) of each passage."""
    tables = traffic.build()
    endpoints = endpoints_of(tables)
    name = [tables.addresses[row] for row in endpoints.address.tolist()]
    return [
        (name[p["outer"]], tables.addresses[p["sender"]], name[p["inner"]], int(p["times"]))
        for p in passages(tables, endpoints)
    ]


def hops(requests: int, *connections: tuple[str, str], **inner: int) -> TrafficBuilder:
    """Requests that travel over these connections, each within the one before."""
    traffic = TrafficBuilder()
    rows = [traffic.connection(client, server) for client, server in connections]
    for n in range(requests):
        for depth, row in enumerate(rows):
            fields = inner if depth else {}
            traffic.exchange(row, f"GET /{n}", n + depth / 1000, takes_s=(20 - 3 * depth) / 1000, **fields)
    return traffic


def test_one_request_through_one_address_is_enough() -> None:
    assert found(hops(1, (CLIENT, ALB), (ALB, BACKEND))) == [(ALB, ALB, "10.0.1.5", 1)]


def test_two_addresses_need_several_requests() -> None:
    legs = ((CLIENT, "10.1.0.1"), ("10.2.0.1", BACKEND))
    assert found(hops(2, *legs)) == []
    assert found(hops(3, *legs)) == [("10.1.0.1", "10.2.0.1", "10.0.1.5", 3)]


def test_several_listeners_and_backends_share_the_requests() -> None:
    traffic = TrafficBuilder()
    fronts = [traffic.connection(CLIENT, listener) for listener in ("10.1.0.1", "10.1.0.2")]
    backs = [traffic.connection("10.2.0.1", backend) for backend in ("10.0.1.5", "10.0.1.6")]
    for n in range(16):
        traffic.exchange(fronts[n % 2], f"GET /{n}", float(n), takes_s=0.02)
        traffic.exchange(backs[n // 2 % 2], f"GET /{n}", n + 0.001, takes_s=0.01)
    assert {(outer, sender) for outer, sender, _, _ in found(traffic)} == {
        ("10.1.0.1", "10.2.0.1"),
        ("10.1.0.2", "10.2.0.1"),
    }


def test_or_a_forwarding_header() -> None:
    legs = ((CLIENT, "10.1.0.1"), ("10.2.0.1", BACKEND))
    assert len(found(hops(1, *legs, and_flags=t.REQ_FORWARDED))) == 1


def test_a_chain_gives_each_hop_its_own_passage() -> None:
    chain = hops(4, (CLIENT, ALB), (ALB, "10.0.1.1"), ("10.0.1.1", "10.0.2.1"))
    assert found(chain) == [(ALB, ALB, "10.0.1.1", 4), ("10.0.1.1", "10.0.1.1", "10.0.2.1", 4)]


def test_chance_does_not_turn_the_direction_round() -> None:
    traffic = hops(5, (CLIENT, ALB), (ALB, BACKEND))
    quick = traffic.connection(CLIENT, ALB)
    traffic.exchange(quick, "GET /0", 0.003, takes_s=0.001)
    assert [(outer, inner) for outer, _, inner, _ in found(traffic)] == [(ALB, "10.0.1.5")]


def test_a_rewriting_proxy_is_known_by_its_answers() -> None:
    traffic = TrafficBuilder()
    front, back = traffic.connection(CLIENT, ALB), traffic.connection(ALB, BACKEND)
    for n in range(3):
        traffic.exchange(front, f"GET /api/{n}", n, takes_s=0.010, response_body=50 + n)
        traffic.exchange(back, f"GET /{n}", n + 0.002, takes_s=0.006, response_body=50 + n)
    assert found(traffic) == [(ALB, ALB, "10.0.1.5", 3)]


def rewritten(requests: int, sizes: int) -> TrafficBuilder:
    """Two arms, no header, other targets behind: the answers' sizes alone are the same."""
    traffic = TrafficBuilder()
    front, back = traffic.connection(CLIENT, "10.1.0.1"), traffic.connection("10.2.0.1", BACKEND)
    for n in range(requests):
        size = 50 + n % sizes
        traffic.exchange(front, f"GET /api/{n}", n, takes_s=0.010, response_body=size)
        traffic.exchange(back, f"GET /{n}", n + 0.002, takes_s=0.006, response_body=size)
    return traffic


def test_from_another_address_its_answers_must_be_many_and_of_several_sizes() -> None:
    assert found(rewritten(9, 3)) == [("10.1.0.1", "10.2.0.1", "10.0.1.5", 9)]
    assert found(rewritten(7, 3)) == []
    assert found(rewritten(9, 2)) == []


def test_a_node_of_few_requests_is_a_node_all_the_same() -> None:
    traffic = hops(40, (CLIENT, "10.1.0.1"), ("10.2.0.1", BACKEND), and_flags=t.REQ_FORWARDED)
    front = traffic.connection(CLIENT, "10.1.0.2")
    traffic.exchange(front, "GET /other", 50, takes_s=0.010)
    traffic.exchange(1, "GET /other", 50.002, takes_s=0.006, and_flags=t.REQ_FORWARDED)
    assert {listener for listener, _, _, _ in found(traffic)} == {"10.1.0.1", "10.1.0.2"}


def test_requests_in_quick_succession_do_not_enclose_each_other() -> None:
    traffic = TrafficBuilder()
    for n in range(4):
        front, back = traffic.connection(CLIENT, f"10.1.0.{n}"), traffic.connection("10.2.0.1", BACKEND)
        traffic.exchange(front, at_s=n * 0.0006, takes_s=0.0003)
        traffic.exchange(back, at_s=n * 0.0006 + 0.0001, takes_s=0.0001, and_flags=t.REQ_FORWARDED)
    assert sorted(listener for listener, _, _, _ in found(traffic)) == [f"10.1.0.{n}" for n in range(4)]


def test_start_lines_that_nobody_read_are_not_the_same() -> None:
    """Cut off by a short snaplen, all requests look alike, and some enclose others by chance."""
    traffic = TrafficBuilder()
    front, back = traffic.connection(CLIENT, ALB), traffic.connection(ALB, BACKEND)
    for n in range(3):
        traffic.exchange(front, "? ", n, takes_s=0.02)
        traffic.exchange(back, "? ", n + 0.001, takes_s=0.017)
    assert found(traffic) == []


def test_without_answers_nobody_is_seen_to_wait() -> None:
    legs = ((CLIENT, ALB), (ALB, BACKEND))
    traffic = hops(3, *legs)
    for row in traffic.connections:
        row |= {"client_packets": 9, "server_packets": 0}
    assert found(traffic) == []
