from __future__ import annotations

import json
from typing import Any

from pcapdiag.report.json import document, json_text
from tests.report.outage import NASTY, empty, outage


def parsed(target: str = "/pay") -> dict[str, Any]:
    report: dict[str, Any] = json.loads(json_text(outage(target)))
    return report


def test_keeps_the_schema() -> None:
    report = parsed()
    assert report["schema"] == 1
    assert {"pcapdiag", "capture", "profile", "alb", "legs", "account", "findings"} <= report.keys()
    assert {
        "files", "packets", "bytes", "tcp_packets", "first", "last", "duration_s", "link_types",
    } <= report["capture"].keys()  # fmt: skip
    assert {"connections", "exchanges", "peers", "retransmissions", "statuses"} <= report["legs"][
        "backend"
    ].keys()
    assert {
        "cause", "severity", "leg", "count", "statuses", "title", "explanation", "facts", "remedy", "peers",
        "evidence", "mistaken_for",
    } <= report["findings"][0].keys()  # fmt: skip
    assert {
        "connection", "client", "server", "frames", "time", "display_filter",
    } <= report["findings"][0]["evidence"][0].keys()  # fmt: skip


def test_both_legs_stand_there_even_when_one_was_not_captured() -> None:
    legs = document(empty())["legs"]
    assert legs["frontend"]["connections"] == legs["backend"]["connections"] == 0
    assert legs["frontend"]["statuses"] == {}


def test_no_response_is_the_status_none() -> None:
    assert parsed()["legs"]["backend"]["statuses"] == {"200": 8, "none": 2}


def test_peers_are_clients_in_front_and_servers_behind() -> None:
    legs = parsed()["legs"]
    assert (legs["frontend"]["peers"], legs["backend"]["peers"]) == (2, 2)


def test_times_are_rfc_3339_with_no_needless_zeros() -> None:
    report = parsed()
    assert report["capture"]["first"] == "2023-11-14T22:13:20Z"
    assert report["capture"]["duration_s"] == 12.0
    assert report["findings"][0]["evidence"][1]["time"] == "2023-11-14T22:13:20.000000001Z"


def test_numbers_of_numpy_are_numbers() -> None:
    assert parsed()["findings"][0]["facts"] == {"median_reset_after_s": 0.05, "targets": ["/pay"], "rows": 2}


def test_is_ascii_and_gives_the_text_back_unchanged() -> None:
    text = json_text(outage(NASTY))
    assert text.isascii() and "\x1b" not in text
    assert json.loads(text)["findings"][0]["facts"]["targets"] == [NASTY]


def test_the_account_names_what_is_missing() -> None:
    assert parsed()["account"] == {
        "failed": 3,
        "explained": 2,
        "hidden": 0,
        "unexplained": [
            {
                "status": "504",
                "count": 1,
                "leg": "frontend",
                "missing": "the backend leg is not in this capture",
            }
        ],
    }
