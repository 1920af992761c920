"""One leg a file: two clocks, not a rotation."""

from __future__ import annotations

import dataclasses

from pcapdiag import tables as t
from pcapdiag.legs import find_legs
from pcapdiag.traffic import Traffic
from tests.tables_builder import TrafficBuilder

CLIENT, ALB, BACKEND = "10.0.0.1", "10.0.0.10", "10.0.1.5:8080"
FORWARDED = {"and_flags": t.REQ_FORWARDED}


def two_files(traffic: TrafficBuilder) -> Traffic:
    tables = traffic.build()
    tables.files.append(dataclasses.replace(tables.files[0], path="second.pcap"))
    find_legs(tables)
    return tables


def test_legs_in_files_of_their_own_have_clocks_of_their_own() -> None:
    traffic = TrafficBuilder()
    front = traffic.connection(CLIENT, ALB)
    back = traffic.connection(ALB, BACKEND, 900, file=1)
    for n in range(3):
        traffic.exchange(front, f"GET /{n}", n, server="awselb/2.0", takes_s=0.010)
        traffic.exchange(back, f"GET /{n}", n + 900.002, takes_s=0.006, **FORWARDED)
    tables = two_files(traffic)
    assert tables.connections["vantage"].tolist() == [0, 1]
    assert tables.peer.tolist() == [1, 0, 3, 2, 5, 4]
    assert abs(tables.clock_offsets_ns[0, 1][0] - 900e9) < 10e6


def test_a_rotated_capture_keeps_its_one_clock() -> None:
    traffic = TrafficBuilder()
    for file in range(2):
        front = traffic.connection(CLIENT, ALB, 900 * file, file=file)
        back = traffic.connection(ALB, BACKEND, 900 * file, file=file)
        traffic.exchange(front, at_s=900 * file, takes_s=0.010)
        traffic.exchange(back, at_s=900 * file + 0.002, takes_s=0.006)
    assert two_files(traffic).connections["vantage"].tolist() == [0, 0, 0, 0]
