"""Who is the load balancer: each rule with a near miss."""

from __future__ import annotations

from typing import Any

import pytest

from pcapdiag import tables as t
from pcapdiag.errors import PcapdiagError
from pcapdiag.legs import find_legs
from pcapdiag.legs.find import NO_ALB
from pcapdiag.legs.hashes import address_hashes
from pcapdiag.traffic import Traffic
from tests.tables_builder import TrafficBuilder

CLIENT, ALB, BACKEND = "10.0.0.1", "10.0.0.10", "10.0.1.5:8080"
FORWARDED = {"and_flags": t.REQ_FORWARDED}


def legs(traffic: TrafficBuilder, *alb: str) -> tuple[Traffic, list[str]]:
    tables = traffic.build()
    find_legs(tables, alb)
    return tables, [t.LEGS[leg] for leg in tables.leg.tolist()]


def through(traffic: TrafficBuilder, listener: str = ALB, sender: str = ALB, backend: str = BACKEND) -> None:
    """Three requests that go through the load balancer to a backend."""
    front, back = traffic.connection(CLIENT, listener), traffic.connection(sender, backend)
    for n in range(3):
        traffic.exchange(front, f"GET /{n}", n, takes_s=0.010)
        traffic.exchange(back, f"GET /{n}", n + 0.002, takes_s=0.006)


def test_an_address_that_sends_requests_on_is_the_load_balancer() -> None:
    traffic = TrafficBuilder()
    through(traffic)
    tables, found = legs(traffic)
    assert found == ["frontend", "backend"]
    assert tables.alb == (ALB,)


def test_it_may_have_another_address_on_each_leg() -> None:
    traffic = TrafficBuilder()
    through(traffic, listener="10.10.1.1", sender="10.10.2.1")
    tables, found = legs(traffic)
    assert found == ["frontend", "backend"]
    assert tables.alb == ("10.10.1.1", "10.10.2.1")


def test_its_legs_may_speak_different_ip_versions() -> None:
    traffic = TrafficBuilder()
    through(traffic, listener="[2001:db8::10]:80", sender=ALB)
    assert legs(traffic)[1] == ["frontend", "backend"]


def test_client_load_balancer_and_backend_may_be_one_host() -> None:
    traffic = TrafficBuilder()
    front = traffic.connection("127.0.0.1", "127.0.0.1:80")
    back = traffic.connection("127.0.0.1", "127.0.0.1:8080")
    traffic.exchange(front, takes_s=0.010)
    traffic.exchange(back, at_s=0.002, takes_s=0.006)
    assert legs(traffic)[1] == ["frontend", "backend"]


def test_a_client_that_asks_two_servers_the_same_makes_no_load_balancer() -> None:
    traffic = TrafficBuilder()
    slow, quick = traffic.connection(CLIENT, "10.0.0.20"), traffic.connection(CLIENT, "10.0.0.21")
    traffic.exchange(slow, takes_s=0.010)
    traffic.exchange(quick, at_s=0.002, takes_s=0.006)
    tables, found = legs(traffic)
    assert found == ["frontend", "frontend"]
    assert tables.alb == () and tables.alb_reason == NO_ALB


def test_two_clients_that_happen_to_ask_two_servers_the_same_make_none() -> None:
    traffic = TrafficBuilder()
    slow, quick = traffic.connection(CLIENT, "10.0.0.20"), traffic.connection("10.0.0.2", "10.0.0.21")
    traffic.exchange(slow, takes_s=0.010)
    traffic.exchange(quick, at_s=0.002, takes_s=0.006)
    assert legs(traffic)[0].alb == ()


def test_an_application_that_calls_a_service_is_no_load_balancer() -> None:
    traffic = TrafficBuilder()
    front, back = traffic.connection(CLIENT, ALB), traffic.connection(ALB, BACKEND)
    for n in range(5):
        traffic.exchange(front, f"GET /page{n}", n, takes_s=0.010)
        traffic.exchange(back, "POST /rpc", n + 0.002, takes_s=0.006)
    assert legs(traffic)[0].alb == ()


def test_backends_that_refuse_every_connection_still_show_the_load_balancer() -> None:
    traffic = TrafficBuilder()
    front = traffic.connection(CLIENT, ALB)
    traffic.exchange(front, status=502)
    traffic.unanswered(ALB, BACKEND, 0.001)
    assert legs(traffic)[1] == ["frontend", "backend"]


def test_tls_on_the_frontend_hides_nothing() -> None:
    traffic = TrafficBuilder()
    traffic.connection(CLIENT, f"{ALB}:443", protocol=t.PROTOCOL_TLS)
    back = traffic.connection(ALB, BACKEND)
    traffic.exchange(back, **FORWARDED)
    assert legs(traffic)[1] == ["frontend", "backend"]


def test_a_forwarding_header_shows_the_backend_leg_alone() -> None:
    traffic = TrafficBuilder()
    back = traffic.connection(ALB, BACKEND)
    traffic.exchange(back, **FORWARDED)
    tables, found = legs(traffic)
    assert found == ["backend"] and tables.alb == (ALB,)


def test_a_backend_that_hands_the_header_on_is_no_load_balancer() -> None:
    traffic = TrafficBuilder()
    back, service = traffic.connection(ALB, BACKEND), traffic.connection("10.0.1.5", "10.0.2.9:9000")
    traffic.exchange(back, "GET /page", **FORWARDED)
    traffic.exchange(service, "GET /rpc", 0.001, **FORWARDED)
    tables, found = legs(traffic)
    assert found == ["backend", ""] and tables.alb == (ALB,)


def test_a_cdn_in_front_is_a_client() -> None:
    traffic = TrafficBuilder()
    front = traffic.connection("203.0.113.1", ALB)
    traffic.exchange(front, status=502, server="awselb/2.0", **FORWARDED)
    tables, found = legs(traffic)
    assert found == ["frontend"] and tables.alb == (ALB,)


@pytest.mark.parametrize(
    ("fields", "known"),
    [
        ({"status": 464}, True),
        ({"status": 503, "and_flags": t.RSP_THROTTLED}, True),
        ({"status": 503}, False),
        ({"status": 502, "server": "nginx"}, False),
    ],
)
def test_answers_only_a_load_balancer_gives_show_its_listener(fields: dict[str, Any], known: bool) -> None:
    traffic = TrafficBuilder()
    traffic.exchange(traffic.connection(CLIENT, ALB), **fields)
    tables, found = legs(traffic)
    assert found == ["frontend"] and tables.alb == ((ALB,) if known else ())


def test_a_client_that_the_header_names_came_in_by_a_listener() -> None:
    traffic = TrafficBuilder()
    back = traffic.connection("10.10.2.1", BACKEND, vantage=1)
    traffic.exchange(back, forwarded=int(address_hashes([CLIENT])[0]), **FORWARDED)
    traffic.connection(CLIENT, "203.0.113.7:443", protocol=t.PROTOCOL_TLS)
    traffic.connection("10.9.9.9", "203.0.113.8:443", protocol=t.PROTOCOL_TLS)
    assert legs(traffic)[1] == ["backend", "frontend", ""]


def test_health_checks_show_the_load_balancer() -> None:
    traffic = TrafficBuilder()
    check = traffic.connection(ALB, BACKEND)
    traffic.exchange(check, "GET /health", and_flags=t.REQ_HEALTH)
    assert legs(traffic)[1] == ["backend"]


def test_of_two_proxies_in_a_row_the_outer_one_is_taken() -> None:
    traffic = TrafficBuilder()
    hops = [
        traffic.connection(CLIENT, ALB),
        traffic.connection(ALB, "10.0.1.1"),
        traffic.connection("10.0.1.1", "10.0.2.1:8080"),
    ]
    for n in range(4):
        for depth, hop in enumerate(hops):
            traffic.exchange(hop, f"GET /{n}", n + 0.001 * depth, takes_s=0.010 - 0.003 * depth)
    tables, found = legs(traffic)
    assert found == ["frontend", "backend", ""] and tables.alb == (ALB,)


def test_the_user_may_choose_the_inner_one() -> None:
    traffic = TrafficBuilder()
    hops = [
        traffic.connection(CLIENT, ALB),
        traffic.connection(ALB, "10.0.1.1"),
        traffic.connection("10.0.1.1", "10.0.2.1:8080"),
    ]
    for depth, hop in enumerate(hops):
        traffic.exchange(hop, at_s=0.001 * depth, takes_s=0.010 - 0.003 * depth)
    assert legs(traffic, "10.0.1.1")[1] == ["", "frontend", "backend"]


def test_a_network_names_every_node() -> None:
    traffic = TrafficBuilder()
    traffic.connection(CLIENT, "10.0.0.10")
    traffic.connection(CLIENT, "10.0.0.11")
    traffic.connection("10.0.0.11", BACKEND)
    traffic.connection(CLIENT, "10.0.9.9")
    tables, found = legs(traffic, "10.0.0.8/29")
    assert found == ["frontend", "frontend", "backend", ""]
    assert tables.alb_reason == "named by --alb"


def test_naming_one_side_finds_the_other() -> None:
    traffic = TrafficBuilder()
    through(traffic, listener="10.10.1.1", sender="10.10.2.1")
    assert legs(traffic, "10.10.1.1")[1] == ["frontend", "backend"]
    assert legs(traffic, "10.10.2.1")[1] == ["frontend", "backend"]


def test_an_address_nobody_has_is_said_to_be_missing() -> None:
    traffic = TrafficBuilder()
    through(traffic)
    tables, found = legs(traffic, "192.0.2.1")
    assert found == ["frontend", "backend"]
    assert tables.alb_warning == "--alb 192.0.2.1: no connection has such an address"


def test_a_network_that_holds_both_ends_is_too_wide() -> None:
    traffic = TrafficBuilder()
    through(traffic)
    warning = legs(traffic, "0.0.0.0/0")[0].alb_warning
    assert warning.startswith("--alb 0.0.0.0/0: both ends of 2 connections lie there")
    assert legs(traffic, ALB)[0].alb_warning == ""


def test_a_load_balancer_may_ask_its_own_host() -> None:
    traffic = TrafficBuilder()
    traffic.connection(CLIENT, "10.0.0.10:80")
    traffic.connection("10.0.0.10", "10.0.0.10:8080")
    assert legs(traffic, "10.0.0.10")[0].alb_warning == ""


def test_what_is_no_address_is_refused() -> None:
    with pytest.raises(PcapdiagError, match="--alb alb-1: neither an address nor a network"):
        find_legs(TrafficBuilder().build(), ["alb-1"])


def test_failed_handshakes_get_the_leg_of_their_endpoints() -> None:
    traffic = TrafficBuilder()
    through(traffic)
    traffic.unanswered("10.0.0.2", ALB)  # to the listener
    traffic.unanswered(CLIENT, "10.0.7.7")  # to another node of it
    traffic.unanswered(ALB, "10.0.1.6:8080")
    traffic.unanswered(CLIENT, "10.0.7.7:5432")
    assert legs(traffic)[1][2:] == ["frontend", "frontend", "backend", ""]


def test_who_asks_a_backend_directly_is_on_no_leg() -> None:
    traffic = TrafficBuilder()
    through(traffic)
    direct = traffic.connection("10.0.0.99", BACKEND)
    traffic.exchange(direct, "GET /metrics", 30)
    assert legs(traffic)[1][2:] == [""]


def test_another_node_asks_the_same_backends() -> None:
    traffic = TrafficBuilder()
    through(traffic)
    other = traffic.connection("10.0.0.11", BACKEND)
    traffic.exchange(other, "GET /x", 30, **FORWARDED)
    assert legs(traffic)[1][2:] == ["backend"]


def test_two_vantage_points_join_by_what_is_asked() -> None:
    traffic = TrafficBuilder()
    front = traffic.connection("198.51.100.1", "203.0.113.7")
    back = traffic.connection("10.10.2.1", BACKEND, vantage=1)
    for n in range(4):
        traffic.exchange(front, f"GET /{n}", n, takes_s=0.010)
        traffic.exchange(back, f"GET /{n}", n + 500.002, takes_s=0.006, **FORWARDED)
    tables, found = legs(traffic)
    assert found == ["frontend", "backend"]
    assert tables.peer.tolist() == [1, 0, 3, 2, 5, 4, 7, 6]
    offset_ns, error_ns = tables.clock_offsets_ns[0, 1]
    assert abs(offset_ns - 500e9) <= error_ns


def test_an_empty_capture_has_no_load_balancer() -> None:
    tables, found = legs(TrafficBuilder())
    assert found == [] and tables.alb == ()
