"""Which strings are the same on both legs."""

from __future__ import annotations

from pcapdiag.legs.normal import same_hosts, same_targets
from tests.tables_builder import TrafficBuilder


def test_absolute_form_is_its_origin_form() -> None:
    traffic = TrafficBuilder()
    one = traffic.connection("10.0.0.1", "10.0.0.10")
    traffic.exchange(one, "GET http://example.org/a?b=1")
    traffic.exchange(one, "GET /a?b=1")
    traffic.exchange(one, "GET HTTP://example.org")
    traffic.exchange(one, "GET /")
    tables = traffic.build()
    same, target = same_targets(tables), tables.exchanges["target"]
    assert same[target[0]] == same[target[1]]
    assert same[target[2]] == same[target[3]] != same[target[0]]


def test_a_path_that_begins_like_a_scheme_stays_as_it_is() -> None:
    traffic = TrafficBuilder()
    one = traffic.connection("10.0.0.1", "10.0.0.10")
    traffic.exchange(one, "GET /http://x/")
    traffic.exchange(one, "GET http")
    assert len(same_targets(traffic.build())) == 0


def test_hosts_differ_neither_by_case_nor_by_port() -> None:
    traffic = TrafficBuilder()
    one = traffic.connection("10.0.0.1", "10.0.0.10")
    for host in ("Example.org:8080", "example.org", "example.com"):
        traffic.exchange(one, host=host)
    tables = traffic.build()
    first, second, other = same_hosts(tables)[tables.exchanges["host"]].tolist()
    assert first == second != other


def test_different_hosts_cost_nothing() -> None:
    traffic = TrafficBuilder()
    traffic.exchange(traffic.connection("10.0.0.1", "10.0.0.10"), host="a")
    assert len(same_hosts(traffic.build())) == 0
