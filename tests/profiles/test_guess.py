"""Which load balancer it is: each mark with a near miss."""

from __future__ import annotations

import pytest

from pcapdiag import tables as t
from pcapdiag.legs import find_legs
from pcapdiag.profiles import guess_profile
from pcapdiag.profiles.guess import UNKNOWN
from tests.tables_builder import TrafficBuilder

CLIENT, ALB, BACKEND = "10.0.0.1", "10.0.0.10", "10.0.1.5:8080"


def guess(traffic: TrafficBuilder) -> tuple[str, str]:
    tables = traffic.build()
    find_legs(tables, [ALB])
    profile, reason = guess_profile(tables)
    return profile.name, reason


def answered(status: int = 200, server: str = "", flags: int = 0) -> TrafficBuilder:
    """A request to the load balancer, answered; its backend leg is in the capture, too."""
    traffic = TrafficBuilder()
    traffic.exchange(traffic.connection(CLIENT, ALB), "GET /a", status=status, server=server, and_flags=flags)
    traffic.exchange(traffic.connection(ALB, BACKEND), "GET /b", 5.0)
    return traffic


@pytest.mark.parametrize(
    ("status", "server", "flags", "name"),
    [
        (502, "awselb/2.0", 0, "aws"),
        (200, "", t.REQ_HEALTH, "aws"),
        (464, "", 0, "aws"),
        (561, "", 0, "aws"),
        (503, "", t.RSP_THROTTLED, "alibaba"),
        (502, "nginx/1.27.0", 0, "nginx"),
    ],
)
def test_marks(status: int, server: str, flags: int, name: str) -> None:
    assert guess(answered(status, server, flags))[0] == name


@pytest.mark.parametrize(("status", "server"), [(502, ""), (463, ""), (200, "Apache"), (502, "nginxish")])
def test_marks_of_nobody_in_particular(status: int, server: str) -> None:
    assert guess(answered(status, server)) == ("generic", UNKNOWN)


def test_an_nginx_behind_it_does_not_make_it_nginx() -> None:
    traffic = TrafficBuilder()
    traffic.exchange(traffic.connection(CLIENT, ALB), status=404, server="nginx", takes_s=0.010)
    traffic.exchange(traffic.connection(ALB, BACKEND), "GET /", 0.002, 404, 0.006, server="nginx")
    assert guess(traffic)[0] == "generic"


def test_answers_whose_backend_half_the_capture_lost_are_not_its_own() -> None:
    traffic = TrafficBuilder()
    for at_s in (0.0, 10.0, 20.0):
        front = traffic.connection(CLIENT, ALB)
        traffic.exchange(front, "GET /a", at_s, status=405, server="nginx")
        if at_s:
            back = traffic.connection(ALB, BACKEND)
            traffic.exchange(back, "GET /a", at_s + 0.001, status=405, takes_s=0.005, server="nginx")
    assert guess(traffic) == ("generic", UNKNOWN)


def test_the_reason_gives_the_number() -> None:
    assert guess(answered(502, "awselb/2.0"))[1].startswith("1 request was answered by awselb/2.0")
