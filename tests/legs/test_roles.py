"""Which evidence names the load balancer. Whole captures are judged in test_find.py."""

from __future__ import annotations

import numpy as np

from pcapdiag import tables as t
from pcapdiag.legs.endpoints import endpoints_of
from pcapdiag.legs.roles import Roles, find_roles
from tests.tables_builder import TrafficBuilder

CLIENT, ALB, BACKEND = "10.0.0.1", "10.0.0.10", "10.0.1.5:8080"


def roles(traffic: TrafficBuilder, *named: str) -> Roles:
    tables = traffic.build()
    return find_roles(tables, endpoints_of(tables), np.isin(tables.addresses, named))


def both() -> TrafficBuilder:
    traffic = TrafficBuilder()
    traffic.exchange(traffic.connection(CLIENT, ALB), takes_s=0.010, server="awselb/2.0")
    traffic.exchange(traffic.connection(ALB, BACKEND), at_s=0.002, takes_s=0.006, and_flags=t.REQ_FORWARDED)
    return traffic


def test_the_users_word_is_asked_first() -> None:
    assert roles(both(), ALB).reasons == ["named by --alb"]


def test_then_what_passes_through() -> None:
    assert roles(both()).reasons == ["1 of the requests sampled came to it and were sent on by it"]


def test_then_who_stands_in_the_middle() -> None:
    traffic = TrafficBuilder()
    traffic.exchange(traffic.connection(CLIENT, ALB), status=504)
    traffic.unanswered(ALB, BACKEND)
    assert roles(traffic).reasons == ["it takes connections and opens others"]


def test_then_what_it_answers_and_sends() -> None:
    traffic = TrafficBuilder()
    traffic.exchange(traffic.connection(CLIENT, "203.0.113.1"), status=503, server="awselb/2.0")
    traffic.exchange(traffic.connection("10.2.0.1", BACKEND), "GET /h", and_flags=t.REQ_HEALTH)
    assert roles(traffic).reasons == ["it answers as awselb/2.0", "it sends health checks"]


def test_a_database_client_does_not_stand_in_the_middle() -> None:
    traffic = TrafficBuilder()
    traffic.exchange(traffic.connection(CLIENT, ALB))
    traffic.connection(ALB, "10.0.3.3:5432", protocol=t.PROTOCOL_OTHER)
    assert not roles(traffic).known


def test_one_arm_that_ends_tls_stands_in_the_middle() -> None:
    traffic = TrafficBuilder()
    traffic.connection(CLIENT, f"{ALB}:443", protocol=t.PROTOCOL_TLS)
    traffic.exchange(traffic.connection(ALB, BACKEND), status=500)
    assert roles(traffic).reasons == ["it takes connections and opens others"]
