from __future__ import annotations

import numpy as np

from pcapdiag.report.map import SHOWN, Failed, traffic_map
from tests.tables_builder import TrafficBuilder

NOTHING = Failed(np.zeros(0, "i8"), np.zeros(0, "i8"))


def test_many_clients_are_one_node_but_the_failing_one_is_shown() -> None:
    built = TrafficBuilder()
    for n in range(100):
        on = built.connection(f"10.1.0.{n}", "10.0.1.10:80", leg="frontend")
        built.exchange(on)
    drawn = traffic_map(built.build(), Failed(np.array([57]), np.zeros(0, "i8")))
    clients = [node["name"] for node in drawn["nodes"]["client"]]
    assert len(clients) == SHOWN["client"]
    assert clients[0] == "10.1.0.57" and clients[-1] == "93 more"
    assert sum(edge["connections"] for edge in drawn["edges"]) == 100
    assert [edge["failed"] for edge in drawn["edges"] if edge["from"] == 0] == [1]


def test_the_load_balancer_is_one_column_on_both_legs() -> None:
    built = TrafficBuilder()
    built.connection("10.0.0.1", "10.0.1.10:80", leg="frontend")
    built.connection("10.0.1.10", "10.0.3.1:8080", leg="backend")
    drawn = traffic_map(built.build(), NOTHING)
    assert [node["name"] for node in drawn["nodes"]["alb"]] == ["10.0.1.10"]
    assert [(edge["leg"], edge["from"], edge["to"]) for edge in drawn["edges"]] == [
        ("frontend", 0, 0),
        ("backend", 0, 0),
    ]


def test_without_a_load_balancer_clients_meet_servers() -> None:
    built = TrafficBuilder()
    built.connection("10.0.0.1", "10.0.3.1:8080")
    drawn = traffic_map(built.build(), NOTHING)
    assert [node["name"] for node in drawn["nodes"]["backend"]] == ["10.0.3.1:8080"]
    assert drawn["edges"][0]["rtt_ms"] == 0.2
