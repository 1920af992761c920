"""What counts as failed, and what is said of failures nobody explains."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from pcapdiag import tables as t
from pcapdiag.analysis import analyze
from pcapdiag.causes.account import Account, account_for, failed_rows
from pcapdiag.traffic import Traffic
from tests.tables_builder import TrafficBuilder

CAPTURES = Path(__file__).parents[2] / "captures"
CLIENT, ALB, BACKEND = "10.0.0.1", "10.0.0.10", "10.0.1.5:8080"


class Frontend(TrafficBuilder):
    """One frontend connection, closed by the client in the end."""

    def __init__(self, **fields: int) -> None:
        super().__init__()
        self.front = self.connection(CLIENT, ALB, leg="frontend", **({"closed_by": 0} | fields))

    def failed(self) -> list[int]:
        return failed_rows(self.build()).tolist()


@pytest.mark.parametrize("status", [400, 405, 408, 413, 414, 431, 460, 463, 464, 499, 500, 502, 504, 561])
def test_statuses_that_failed(status: int) -> None:
    traffic = Frontend()
    traffic.exchange(traffic.front, status=status)
    assert traffic.failed() == [0]


@pytest.mark.parametrize("status", [101, 200, 204, 302, 304, 401, 403, 404, 409, 429])
def test_answers_are_no_failures(status: int) -> None:
    traffic = Frontend()
    traffic.exchange(traffic.front, status=status)
    assert traffic.failed() == []


def test_a_connection_that_ended_without_the_answer_failed() -> None:
    traffic = Frontend()
    traffic.exchange(traffic.front, status=0)
    assert traffic.failed() == [0]


def test_an_answer_still_to_come_when_the_capture_ended_did_not_fail() -> None:
    traffic = Frontend(closed_by=255)
    traffic.exchange(traffic.front, status=0)
    assert traffic.failed() == []


def test_where_one_direction_was_captured_nothing_is_known_to_have_failed() -> None:
    traffic = Frontend(client_packets=34, server_packets=0)
    traffic.exchange(traffic.front, status=0)
    assert traffic.failed() == []
    one_way = analyze(
        CAPTURES / "capture-one-sided" / "nginx-inbound-only.pcap", alb=["10.0.0.10", "10.0.1.10"]
    )
    assert one_way.account.failed == 0  # all 24 requests were answered, as the client's log says


def test_a_request_that_a_dead_server_never_answered_failed() -> None:
    traffic = Frontend(client_packets=9, server_packets=0, syns=0, flags=t.CONN_DATA_CLIENT)
    traffic.exchange(traffic.front, status=0)
    assert traffic.failed() == [0]


@pytest.mark.parametrize("flag", [t.CONN_GAP, t.CONN_EVICTED])
def test_an_answer_that_may_have_been_missed_did_not_fail(flag: int) -> None:
    traffic = Frontend(flags=flag)
    traffic.exchange(traffic.front, status=0)
    assert traffic.failed() == []


@pytest.mark.parametrize("ended", [t.END_FIN, t.END_RST_SENDER, t.END_RST_RECEIVER, t.END_MALFORMED])
def test_an_answer_cut_short_failed(ended: int) -> None:
    traffic = Frontend()
    traffic.exchange(traffic.front, response_ended=ended)
    assert traffic.failed() == [0]


@pytest.mark.parametrize("ended", [t.END_OPEN, t.END_GAP, t.END_BY_CLOSE, t.END_UPGRADED])
def test_an_answer_whose_end_was_not_seen_did_not_fail(ended: int) -> None:
    traffic = Frontend()
    traffic.exchange(traffic.front, response_ended=ended)
    assert traffic.failed() == []


def test_health_checks_are_not_counted() -> None:
    traffic = Frontend()
    traffic.exchange(traffic.front, status=503, and_flags=t.REQ_HEALTH)
    assert traffic.failed() == []


@pytest.mark.parametrize(("sent", "failed"), [(0, []), (t.CONN_DATA_CLIENT, [0])])
def test_an_answer_to_a_client_that_asked_nothing_is_no_failure(sent: int, failed: list[int]) -> None:
    traffic = Frontend(flags=t.CONN_SYN | sent)
    row = traffic.exchange(traffic.front, status=400)
    traffic.exchanges[row]["flags"] = t.RSP_SEEN
    assert traffic.failed() == failed


def test_on_the_backend_leg_alone_what_errors_claim_has_failed() -> None:
    traffic = TrafficBuilder()
    traffic.exchange(traffic.connection(ALB, BACKEND, leg="backend"), status=200)
    claimed = np.ones(1, "?")
    assert account_for(traffic.build(), claimed, claimed).failed == 1
    assert account_for(traffic.build(), claimed).failed == 0


def test_an_answer_that_never_came_whole_failed_when_an_error_says_so() -> None:
    """As a client sees a black hole: a head, then nothing, until it closes."""
    traffic = Frontend()
    traffic.exchange(traffic.front, status=200, response_ended=t.END_OPEN)
    claimed = np.ones(1, "?")
    assert account_for(traffic.build(), claimed, claimed).failed == 1
    assert account_for(traffic.build(), claimed).failed == 0


def test_bytes_behind_a_gap_that_begin_no_answer_are_no_failure() -> None:
    for flags, failed in ((t.CONN_GAP, []), (0, [0])):
        traffic = Frontend(flags=flags)
        traffic.exchange(traffic.front, status=0, response_ended=t.END_MALFORMED)
        assert traffic.failed() == failed


def test_a_request_that_failed_on_both_legs_is_counted_once() -> None:
    traffic = Frontend()
    traffic.exchange(traffic.front, status=502)
    traffic.exchange(traffic.connection(ALB, BACKEND, leg="backend"), status=502)
    assert traffic.failed() == [0]


def test_the_backend_leg_counts_where_it_is_alone() -> None:
    traffic = TrafficBuilder()
    traffic.exchange(traffic.connection(ALB, BACKEND, leg="backend"), status=502)
    assert failed_rows(traffic.build()).tolist() == [0]


def account(traffic: TrafficBuilder, *claimed: int, alb: tuple[str, ...] = (ALB,)) -> tuple[Traffic, Account]:
    tables = traffic.build()
    tables.alb = alb
    mask = np.zeros(len(tables.exchanges), "?")
    mask[list(claimed)] = True
    return tables, account_for(tables, mask)


def test_checks_that_end_with_the_head_of_the_answer_have_not_failed() -> None:
    """HAProxy's, bare and at a steady pace: it resets as soon as it has the status."""
    traffic = TrafficBuilder()
    cut = {"response_ended": t.END_RST_RECEIVER, "host": "", "and_flags": t.REQ_NO_HOST}
    for n in range(5):
        check = traffic.connection(ALB, BACKEND, leg="backend", closed_by=0)
        traffic.exchange(check, "GET /hc", 2.0 * n, **cut)
    assert failed_rows(traffic.build()).tolist() == []


def test_explained_and_unexplained_are_all_that_failed() -> None:
    traffic = Frontend()
    for status in (502, 502, 504, 200):
        traffic.exchange(traffic.front, status=status)
    traffic.connection(ALB, BACKEND, leg="backend")
    _, found = account(traffic, 0)
    assert (found.failed, found.explained) == (3, 1)
    assert sorted((u.status, u.count, list(u.exchanges)) for u in found.unexplained) == [
        ("502", 1, [1]),
        ("504", 1, [2]),
    ]


def test_a_missing_backend_leg_is_said_with_the_command() -> None:
    traffic = Frontend()
    traffic.exchange(traffic.front, status=502)
    _, found = account(traffic)
    assert "tcpdump -i any -s 0 -w backend.pcap" in found.unexplained[0].missing


def test_a_missing_frontend_leg_is_said_with_the_command() -> None:
    traffic = TrafficBuilder()
    traffic.exchange(traffic.connection(ALB, BACKEND, leg="backend"), status=502)
    _, found = account(traffic)
    assert found.unexplained[0].leg == "backend"
    assert "-w frontend.pcap" in found.unexplained[0].missing


def test_an_encrypted_backend_leg_asks_for_the_keys() -> None:
    traffic = Frontend()
    traffic.exchange(traffic.front, status=502)
    traffic.connection(ALB, BACKEND, leg="backend", protocol=t.PROTOCOL_TLS)
    _, found = account(traffic)
    assert "SSLKEYLOGFILE" in found.unexplained[0].missing


def test_cut_packets_are_said_first() -> None:
    traffic = Frontend(flags=t.CONN_TRUNCATED)
    traffic.exchange(traffic.front, status=502)
    _, found = account(traffic)
    assert "tcpdump -s 0" in found.unexplained[0].missing


def test_an_answer_without_status_is_named_none() -> None:
    traffic = Frontend()
    traffic.exchange(traffic.front, status=0)
    _, found = account(traffic)
    assert found.unexplained[0].status == "none"


def test_without_a_load_balancer_its_address_is_asked_for() -> None:
    traffic = Frontend()
    traffic.exchange(traffic.front, status=500)
    _, found = account(traffic, alb=())
    assert "--alb (10.0.0.1, if that is it)" in found.unexplained[0].missing


@pytest.mark.parametrize(
    ("host", "filter_"),
    [
        ("shop.example:8443", "'tcp port 8443'"),
        ("[2001:db8::1]:8000", "'tcp port 8000'"),
        ("shop.example", "'tcp port 80 or tcp port 443'"),
        ("2001:db8::1", "'tcp port 80 or tcp port 443'"),
        ("shop.example:99999", "'tcp port 80 or tcp port 443'"),
    ],
)
def test_the_frontend_is_to_be_captured_on_the_port_that_clients_name(host: str, filter_: str) -> None:
    traffic = TrafficBuilder()
    back = traffic.connection(ALB, BACKEND, leg="backend", closed_by=1)
    traffic.exchange(back, status=0, host=host)
    _, found = account(traffic)
    assert found.unexplained[0].missing.endswith(f"-w frontend.pcap {filter_}")


def test_other_backends_are_to_be_captured_on_the_ports_of_those_that_were() -> None:
    traffic = Frontend()
    traffic.exchange(traffic.front, status=502)
    for port, times in ((9001, 1), (9000, 2)):
        for _ in range(times):
            traffic.exchange(traffic.connection(ALB, f"10.0.1.5:{port}", leg="backend"))
    _, found = account(traffic)
    assert found.unexplained[0].missing.endswith("'tcp port 9000 or tcp port 9001'")


def test_no_port_is_invented_for_a_leg_nobody_saw() -> None:
    traffic = Frontend()
    traffic.exchange(traffic.front, status=502)
    _, found = account(traffic)
    assert "8080" not in found.unexplained[0].missing


@pytest.mark.parametrize(
    ("capture", "failed"),
    [
        ("mtu-blackhole/nginx-client-download.pcap", 3),  # the client's log: three time-outs
        ("client-closed-before-request/haproxy-reset-in-body.pcap", 4),  # four uploads broken off
    ],
)
def test_an_answer_that_never_reached_its_client_is_a_failure(capture: str, failed: int) -> None:
    account = analyze(CAPTURES / capture).account
    assert (account.failed, account.explained) == (failed, failed)
