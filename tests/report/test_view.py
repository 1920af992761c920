"""Map, timeline, times and tables together: they read the same columns."""

from __future__ import annotations

from pcapdiag import tables as t
from pcapdiag.report.view import view
from tests.report.outage import empty, outage


def test_a_capture_without_tcp_has_an_empty_view() -> None:
    seen = view(empty())
    assert seen["map"]["edges"] == [] and seen["exchanges"]["rows"] == [] and seen["ladders"] == []


def test_without_the_capture_at_hand_there_are_no_ladders() -> None:
    assert view(outage())["ladders"] == []


def test_failing_paths_stand_out_on_the_map() -> None:
    drawn = view(outage())["map"]
    names = {kind: [node["name"] for node in nodes] for kind, nodes in drawn["nodes"].items()}
    assert names["alb"] == ["10.0.1.10", "10.0.2.10"]
    assert set(names["backend"]) == {"10.0.3.1:8080", "10.0.3.2:8080"}
    failed = {
        (edge["leg"], names["backend"][edge["to"]]): edge["failed"]
        for edge in drawn["edges"]
        if edge["leg"] == "backend"
    }
    assert failed == {("backend", "10.0.3.1:8080"): 0, ("backend", "10.0.3.2:8080"): 2}


def test_exchanges_say_which_cause_claims_them_on_either_leg() -> None:
    table = view(outage())["exchanges"]
    at = {name: n for n, name in enumerate(table["columns"])}
    claimed = [row for row in table["rows"] if row[at["cause"]]]
    assert {row[at["leg"]] for row in claimed} == {t.LEG_FRONTEND, t.LEG_BACKEND}
    assert {table["names"]["cause"][row[at["cause"]]] for row in claimed} == {"backend-reset"}
