"""Connections that may be on either leg of a load balancer that was not recognised."""

from __future__ import annotations

from pcapdiag import tables as t
from pcapdiag.legs.undecided import BESIDE_TLS, UNREAD, undecided
from tests.tables_builder import TrafficBuilder

CLIENT, LISTENER, SENDER, BACKEND = "10.0.0.1", "10.1.0.1", "10.2.0.1", "10.0.1.5:8080"
TALKED = t.CONN_SYN | t.CONN_SYNACK | t.CONN_ESTABLISHED | t.CONN_DATA_CLIENT | t.CONN_DATA_SERVER
BOTH_WAYS = {"client_packets": 5, "server_packets": 5}


def two_hops(request: str, **connection: int) -> TrafficBuilder:
    """Requests from a client to one host, and from another host to a server."""
    traffic = TrafficBuilder()
    for ends in ((CLIENT, LISTENER), (SENDER, BACKEND)):
        row = traffic.connection(*ends, **(BOTH_WAYS | connection))
        traffic.exchange(row, request)
    return traffic


def test_start_lines_that_were_read_leave_no_doubt() -> None:
    assert not undecided(two_hops("GET /", flags=TALKED | t.CONN_TRUNCATED).build())[0].any()


def test_start_lines_beyond_a_short_snaplen_leave_the_legs_open() -> None:
    found, why = undecided(two_hops("? ", flags=TALKED | t.CONN_TRUNCATED).build())
    assert found.all()
    assert why == UNREAD


def test_so_does_one_direction() -> None:
    assert undecided(two_hops("GET /", flags=TALKED, server_packets=0).build())[0].all()


def test_all_to_one_port_are_of_one_leg() -> None:
    traffic = TrafficBuilder()
    for client in (CLIENT, SENDER):
        row = traffic.connection(client, BACKEND, flags=TALKED | t.CONN_TRUNCATED, **BOTH_WAYS)
        traffic.exchange(row, "? ")
    assert not undecided(traffic.build())[0].any()


def test_http_in_clear_beside_tls_of_other_hosts_is_either_leg() -> None:
    traffic = TrafficBuilder()
    traffic.connection(CLIENT, LISTENER, protocol=t.PROTOCOL_TLS, **BOTH_WAYS)
    traffic.exchange(traffic.connection(SENDER, BACKEND, **BOTH_WAYS), "GET /")
    found, why = undecided(traffic.build())
    assert found.tolist() == [False, True]
    assert why == BESIDE_TLS
