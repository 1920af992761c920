from __future__ import annotations

import json
from pathlib import Path

import pytest

from pcapdiag import tables as t
from pcapdiag.report import spent
from pcapdiag.report.json import document
from pcapdiag.report.text import text_report
from tests.report.outage import outage
from tests.tables_builder import START_NS, TrafficBuilder
from tests.test_captures import CAPTURES, EXPECTATIONS, analysis_of


class Told:
    """One request over both legs, whose story a test tells; times are seconds after it began."""

    def __init__(self, answered_s: float, front: dict[str, int] | None = None, **more: int) -> None:
        self.built = TrafficBuilder()
        self.front = self.built.connection("10.0.0.1", "10.0.1.10:80", leg="frontend", **(front or {}))
        self.request = self.built.exchange(
            self.front, at_s=1.0, takes_s=answered_s, status=more.pop("status", 200), **more
        )
        self.served: list[int] = []

    def backend(self, at_s: float, opened_s: float = -1.0, syns: int = 1, **more: int) -> int:
        back = self.built.connection(
            "10.0.2.10", "10.0.3.1:8080", at_s=1 + opened_s, leg="backend", syns=syns,
            syn_rtt_us=20_000, ack_rtt_us=10_000,
        )  # fmt: skip
        self.served.append(self.built.exchange(back, at_s=1 + at_s, **more))
        return back

    def parts(self, offset_ns: int | None = None) -> dict[str, int]:
        traffic = self.built.build()
        for exchange in self.served:
            traffic.peer[exchange], traffic.peer[self.request] = self.request, exchange
        if offset_ns is not None:
            on_backend = traffic.leg == t.LEG_BACKEND
            traffic.connections["vantage"][on_backend] = 1
            traffic.connections["first_ns"][on_backend] += offset_ns
            traffic.exchanges["start_ns"][self.served] += offset_ns
            traffic.clock_offsets_ns[0, 1] = (offset_ns, 1000)
        time = spent.of_requests(traffic, [self.request])[self.request]
        assert sum(time.parts_us.values()) == time.whole_us
        return time.parts_us


def test_each_stage_of_a_request_has_its_part() -> None:
    told = Told(0.9, request_end_us=100_000, response_end_us=1_000_000)
    told.backend(
        0.25, opened_s=0.2, request_end_us=50_000, response_start_us=550_000, response_end_us=600_000
    )
    assert told.parts() == {
        "client_upload": 100_000,
        "alb": 100_000 + 20_000 + 50_000,  # before the connect, after it, and before its answer
        "connect": 30_000,
        "backend_upload": 50_000,
        "backend_thinking": 500_000,
        "backend_download": 50_000,
        "download": 100_000,
    }


def test_two_clocks_make_no_difference_once_their_offset_is_known() -> None:
    told = Told(0.9, request_end_us=100_000, response_end_us=1_000_000)
    told.backend(
        0.25, opened_s=0.2, request_end_us=50_000, response_start_us=550_000, response_end_us=600_000
    )
    assert told.parts(offset_ns=3_700_000_000) == told.parts()


def test_a_kept_alive_connection_was_not_connected_for_the_request() -> None:
    told = Told(0.5)
    told.backend(0.1, takes_s=0.4)
    assert told.parts() == {"alb": 100_000, "backend_thinking": 400_000}


def test_a_stall_is_taken_out_of_the_part_it_fell_into() -> None:
    told = Told(0.5)
    back = told.backend(0.1, takes_s=0.4)
    told.built.event(back, t.EVENT_RETRANSMISSION, 1.4, stall_us=200_000)
    assert told.parts() == {"alb": 100_000, "backend_thinking": 200_000, "loss_stalls": 200_000}


def test_a_zero_window_is_no_download() -> None:
    told = Told(0.1, response_end_us=2_100_000)
    told.built.event(told.front, t.EVENT_ZERO_WINDOW, 1.5)
    told.built.event(told.front, t.EVENT_WINDOW_REOPENED, 2.5, a=1_000_000)
    assert told.parts() == {"alb_and_backend": 100_000, "download": 1_000_000, "zero_window": 1_000_000}


def test_a_request_that_never_ends_is_all_upload() -> None:
    closed = {"closed_by": 1, "server_fin_ns": START_NS + 61_000_000_000}
    told = Told(0.0, closed, status=0, request_end_us=10, request_ended=t.END_FIN)
    assert told.parts() == {"client_upload": 60_000_000}


def test_what_the_load_balancer_tried_in_vain_is_connect() -> None:
    told = Told(7.6, status=504)
    told.built.unanswered("10.0.2.10", "10.0.3.1:8080", 1.5, leg="backend")
    assert told.parts() == {"alb": 500_000, "connect": 7_100_000}


def test_without_the_backend_leg_its_time_is_not_told_apart() -> None:
    assert Told(0.3).parts() == {"alb_and_backend": 300_000}


def test_pieces_that_overlap_count_once() -> None:
    stretches = [("client_upload", -5, 10), ("backend_thinking", 5, 15), ("loss_stalls", 8, 12)]
    assert spent.cut(20, stretches, "alb") == {
        "client_upload": 8, "alb": 5, "backend_thinking": 3, "loss_stalls": 4,
    }  # fmt: skip


def test_words_name_what_matters_and_sum_the_rest() -> None:
    time = spent.Spent(2, 4_000_000, {"alb": 2000, "connect": 3_990_000, "download": 8000})
    assert spent.in_words(time) == "2 s = connect to the backend 2 s + the rest 5 ms"


def test_every_report_tells_where_the_time_of_what_failed_went() -> None:
    report = document(outage())
    time = report["findings"][0]["time_spent"]
    assert time["requests"] == 2 and sum(time["parts_us"].values()) == time["whole_us"]
    assert all(sum(one["parts_us"].values()) == one["whole_us"] for one in report["time_spent"])
    assert "Time (mean of 2 requests): 50 ms = " in text_report(outage())


@pytest.mark.parametrize("cause", sorted({path.parent.name for path in EXPECTATIONS}))
def test_parts_of_every_capture_s_requests_add_up_to_the_whole(cause: str) -> None:
    for expectation in sorted((CAPTURES / cause).glob("*.expected.json")):
        analysis = analysis_of(expectation)
        times = spent.listed(analysis)
        if json.loads(expectation.read_text())["findings"] and analysis.account.failed:
            assert times, expectation.name
        for time in times.values():
            assert all(part > 0 for part in time.parts_us.values()), expectation.name
            assert sum(time.parts_us.values()) == time.whole_us, expectation.name


def test_the_lab_s_slow_backend_is_seen_to_think() -> None:
    (capture,) = Path(CAPTURES / "slow-backend").glob("nginx-report.expected.json")
    report = document(analysis_of(capture))
    time = next(f["time_spent"] for f in report["findings"] if f["cause"] == "slow-backend")
    # Its script sleeps 1.8 s before each of these answers.
    assert time["parts_us"]["backend_thinking"] / time["requests"] == pytest.approx(1_800_000, rel=0.01)
