"""Server endpoints, by column."""

from __future__ import annotations

import numpy as np

from pcapdiag import tables as t
from pcapdiag.legs.endpoints import endpoints_of, exchanges_with, may_be_http
from tests.tables_builder import TrafficBuilder


def test_connections_to_one_address_and_port_share_an_endpoint() -> None:
    traffic = TrafficBuilder()
    for server in ("10.0.0.10:80", "10.0.0.10:443", "10.0.0.10:80", "10.0.0.11:80"):
        traffic.connection("10.0.0.1", server)
    tables = traffic.build()
    endpoints = endpoints_of(tables)
    first, other_port, again, other_address = endpoints.of_connection.tolist()
    assert first == again and len({first, other_port, other_address}) == 3
    assert int(endpoints.port[other_port]) == 443
    here = np.array([address == "10.0.0.11" for address in tables.addresses])
    assert np.flatnonzero(endpoints.at(here)).tolist() == [other_address]


def test_what_speaks_another_protocol_is_no_http() -> None:
    traffic = TrafficBuilder()
    for protocol in (t.PROTOCOL_HTTP, t.PROTOCOL_TLS, t.PROTOCOL_NONE, t.PROTOCOL_OTHER):
        traffic.connection("10.0.0.1", "10.0.0.10", protocol=protocol)
    assert may_be_http(traffic.build()).tolist() == [True, True, True, False]


def test_marked_exchanges_are_counted_by_connection() -> None:
    traffic = TrafficBuilder()
    one, two = (traffic.connection("10.0.0.1", "10.0.0.10") for _ in range(2))
    traffic.exchange(two, and_flags=t.REQ_FORWARDED)
    traffic.exchange(two, and_flags=t.REQ_FORWARDED)
    traffic.exchange(one)
    assert exchanges_with(traffic.build(), t.REQ_FORWARDED).tolist() == [0, 2]
