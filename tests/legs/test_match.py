"""Which backend exchange carried which frontend exchange, compiled and interpreted."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np
import pytest

from pcapdiag import tables as t
from pcapdiag.legs import match as wrapper
from pcapdiag.legs.hashes import address_hashes
from tests.kernels import interpreted
from tests.tables_builder import TrafficBuilder

CLIENT, OTHER, ALB, BACKEND = "10.0.0.1", "10.0.0.2", "10.0.0.10", "10.0.1.5:8080"
NO_RESPONSE = {"response_ended": t.END_RST_SENDER}


class Interpreted:
    """The kernel's source run by the interpreter, where a row is an object with a field's attribute."""

    def __init__(self) -> None:
        self.module = interpreted("pcapdiag.legs._match_cy")

    def Match(self, rows: np.ndarray, connections: np.ndarray, *columns: np.ndarray) -> object:
        return self.module.Match(objects(rows), objects(connections), *map(memoryview, columns))


def objects(table: np.ndarray) -> list[SimpleNamespace]:
    return [SimpleNamespace(**dict(zip(table.dtype.names, row.tolist(), strict=True))) for row in table]


@pytest.fixture(params=["compiled", "interpreted"], autouse=True)
def kernel(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    if request.param == "interpreted":
        monkeypatch.setattr(wrapper, "kernel", Interpreted())
    yield


class Legs(TrafficBuilder):
    """A client's connection and a backend's, and the load balancer between."""

    def __init__(self) -> None:
        super().__init__()
        self.client = self.connection(CLIENT, ALB, leg="frontend")
        self.other = self.connection(OTHER, ALB, leg="frontend")
        self.backend = self.connection(ALB, BACKEND, leg="backend")
        self.second = self.connection(ALB, "10.0.1.6:8080", leg="backend")

    def peers(self) -> list[int]:
        """Each exchange's peer, -1 for none."""
        traffic = self.build()
        wrapper.match_exchanges(traffic)
        return [-1 if peer == t.NONE else int(peer) for peer in traffic.peer]


def test_a_request_and_the_same_request_within_it() -> None:
    legs = Legs()
    legs.exchange(legs.client, "GET /a", 0.0, takes_s=0.010)
    legs.exchange(legs.backend, "GET /a", 0.002, takes_s=0.006)
    assert legs.peers() == [1, 0]


@pytest.mark.parametrize("request_line", ["POST /a", "GET /b"])
def test_another_request_is_none(request_line: str) -> None:
    legs = Legs()
    legs.exchange(legs.client, "GET /a", 0.0, takes_s=0.010)
    legs.exchange(legs.backend, request_line, 0.002, takes_s=0.006)
    assert legs.peers() == [-1, -1]


def test_a_request_sent_after_the_answer_is_none() -> None:
    legs = Legs()
    legs.exchange(legs.client, at_s=0.0, takes_s=0.010)
    legs.exchange(legs.backend, at_s=0.020, takes_s=0.006)
    assert legs.peers() == [-1, -1]


def test_an_answer_that_came_after_the_clients_is_none() -> None:
    legs = Legs()
    legs.exchange(legs.client, at_s=0.0, takes_s=0.010)
    legs.exchange(legs.backend, at_s=0.002, takes_s=0.020)
    assert legs.peers() == [-1, -1]


def test_rewritten_host_and_absolute_form_still_match() -> None:
    legs = Legs()
    legs.exchange(legs.client, "GET http://Example.org/a", 0.0, host="Example.org:8080")
    legs.exchange(legs.backend, "GET /a", 0.002, takes_s=0.006, host="example.org")
    assert legs.peers() == [1, 0]


def test_the_forwarded_address_tells_equal_requests_apart() -> None:
    legs = Legs()
    one, two = address_hashes([CLIENT, OTHER]).tolist()
    legs.exchange(legs.client, at_s=0.000, takes_s=0.020)
    legs.exchange(legs.other, at_s=0.001, takes_s=0.020)
    legs.exchange(legs.backend, at_s=0.002, takes_s=0.015, forwarded=two)
    legs.exchange(legs.second, at_s=0.003, takes_s=0.015, forwarded=one)
    assert legs.peers() == [3, 2, 1, 0]


def test_the_trace_id_tells_equal_requests_apart() -> None:
    legs = Legs()
    legs.exchange(legs.client, at_s=0.000, takes_s=0.020, trace=7)
    legs.exchange(legs.other, at_s=0.001, takes_s=0.020, trace=8)
    legs.exchange(legs.backend, at_s=0.002, takes_s=0.015, trace=8)
    legs.exchange(legs.second, at_s=0.003, takes_s=0.015, trace=7)
    assert legs.peers() == [3, 2, 1, 0]


def test_bodies_tell_equal_requests_apart() -> None:
    legs = Legs()
    legs.exchange(legs.client, "POST /", 0.000, takes_s=0.020, request_body=10)
    legs.exchange(legs.other, "POST /", 0.001, takes_s=0.020, request_body=99)
    legs.exchange(legs.backend, "POST /", 0.002, takes_s=0.015, request_body=99)
    legs.exchange(legs.second, "POST /", 0.003, takes_s=0.015, request_body=10)
    assert legs.peers() == [3, 2, 1, 0]


def test_heads_tell_equal_requests_apart() -> None:
    legs = Legs()
    legs.exchange(legs.client, "GET /once", 0.0, request_head=100)
    legs.exchange(legs.backend, "GET /once", 0.002, takes_s=0.005, request_head=130)
    legs.exchange(legs.client, at_s=1.000, takes_s=0.020, request_head=100)
    legs.exchange(legs.other, at_s=1.001, takes_s=0.020, request_head=400)
    legs.exchange(legs.backend, at_s=1.002, takes_s=0.015, request_head=430)
    legs.exchange(legs.second, at_s=1.003, takes_s=0.015, request_head=130)
    assert legs.peers() == [1, 0, 5, 4, 3, 2]


def test_the_answers_time_tells_equal_requests_apart() -> None:
    legs = Legs()
    legs.exchange(legs.client, at_s=0.000, takes_s=0.500)
    legs.exchange(legs.other, at_s=0.001, takes_s=0.020)
    legs.exchange(legs.backend, at_s=0.002, takes_s=0.497)
    legs.exchange(legs.second, at_s=0.003, takes_s=0.017)
    assert legs.peers() == [2, 3, 0, 1]


def test_a_retry_is_the_last_of_two_attempts() -> None:
    legs = Legs()
    reset = legs.connection(ALB, BACKEND, 0.0, 0.003, leg="backend", rst_ns=0)
    legs.exchange(legs.client, at_s=0.000, takes_s=0.020)
    legs.exchange(reset, at_s=0.002, status=0, **NO_RESPONSE)
    legs.exchange(legs.second, at_s=0.005, takes_s=0.010)
    assert legs.peers() == [2, 0, 0]


def test_a_mirrored_copy_is_no_retry() -> None:
    legs = Legs()
    legs.exchange(legs.client, at_s=0.000, takes_s=0.020)
    legs.exchange(legs.backend, at_s=0.002, takes_s=0.010)
    legs.exchange(legs.second, at_s=0.003, takes_s=0.012)
    assert sorted(legs.peers()) == [-1, 0, 1] or sorted(legs.peers()) == [-1, 0, 2]


def test_what_comes_after_the_answered_attempt_is_no_retry() -> None:
    legs = Legs()
    legs.exchange(legs.client, at_s=0.000, takes_s=0.020)
    legs.exchange(legs.backend, at_s=0.002, takes_s=0.005)
    legs.exchange(legs.second, at_s=0.012, takes_s=0.005)
    peers = legs.peers()
    assert sorted(peers[1:]) == [-1, 0] and peers[peers[0]] == 0


def test_two_attempts_answered_502_both_belong_to_the_502() -> None:
    legs = Legs()
    legs.exchange(legs.client, at_s=0.000, status=502, takes_s=0.020)
    legs.exchange(legs.backend, at_s=0.002, status=502, takes_s=0.005)
    legs.exchange(legs.second, at_s=0.012, status=502, takes_s=0.005)
    assert legs.peers() == [2, 0, 0]


def test_two_failed_attempts_belong_to_the_failed_answer() -> None:
    legs = Legs()
    first = legs.connection(ALB, BACKEND, 0.0, 0.003, leg="backend")
    second = legs.connection(ALB, BACKEND, 0.0, 0.006, leg="backend")
    legs.exchange(legs.client, at_s=0.000, status=502, takes_s=0.020)
    legs.exchange(first, at_s=0.002, status=0, **NO_RESPONSE)
    legs.exchange(second, at_s=0.004, status=0, **NO_RESPONSE)
    assert legs.peers() == [2, 0, 0]


def test_a_rewritten_status_is_the_same_exchange() -> None:
    legs = Legs()
    legs.exchange(legs.client, at_s=0.000, status=502, takes_s=0.020)
    legs.exchange(legs.backend, at_s=0.002, status=504, takes_s=0.010)
    assert legs.peers() == [1, 0]


def test_a_backend_may_answer_after_the_load_balancer_gave_up() -> None:
    legs = Legs()
    legs.exchange(legs.client, at_s=0.0, status=504, takes_s=60.0)
    legs.exchange(legs.backend, at_s=0.1, status=200, takes_s=75.0)
    assert legs.peers() == [1, 0]


def test_a_client_that_left_has_its_backend_exchange() -> None:
    legs = Legs()
    left = legs.connection(CLIENT, ALB, 0.0, 1.0, leg="frontend")
    legs.exchange(left, at_s=0.0, status=0)
    legs.exchange(legs.backend, at_s=0.1, takes_s=5.0)
    assert legs.peers() == [1, 0]


def test_health_checks_belong_to_nobody() -> None:
    legs = Legs()
    legs.exchange(legs.client, at_s=0.0, takes_s=0.010)
    legs.exchange(legs.backend, at_s=0.002, takes_s=0.006, and_flags=t.REQ_HEALTH)
    assert legs.peers() == [-1, -1]


def test_rows_need_not_be_in_order_of_time() -> None:
    legs = Legs()
    legs.exchange(legs.backend, at_s=0.002, takes_s=0.006)
    legs.exchange(legs.client, at_s=0.0, takes_s=0.010)
    assert legs.peers() == [1, 0]


def test_a_thousand_equal_requests_all_find_theirs() -> None:
    legs = Legs()
    for n in range(300):
        legs.exchange(legs.client, at_s=n * 0.001, takes_s=0.050)
    for n in range(300):
        legs.exchange(legs.backend, at_s=n * 0.001 + 0.0002, takes_s=0.0496)
    assert legs.peers() == [*range(300, 600), *range(300)]


def test_of_two_failed_equal_requests_each_has_its_own_attempt() -> None:
    legs = Legs()
    first = legs.connection(ALB, BACKEND, 0.0, 0.003, leg="backend")
    second = legs.connection(ALB, BACKEND, 0.0, 0.006, leg="backend")
    legs.exchange(legs.client, at_s=0.000, status=502, takes_s=0.010)
    legs.exchange(legs.other, at_s=0.001, status=502, takes_s=0.010)
    legs.exchange(first, at_s=0.002, status=0, **NO_RESPONSE)
    legs.exchange(second, at_s=0.004, status=0, **NO_RESPONSE)
    assert sorted(legs.peers()[:2]) == [2, 3]
