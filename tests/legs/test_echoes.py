"""A load balancer that ends TLS and asks from another address: time joins its legs, or nothing does.

The captures are real ones (captures/tls); what was unlinked on purpose is their backend leg, moved in time.
"""

from __future__ import annotations

from pathlib import Path

import dpkt
import numpy as np
import pytest

import pcapdiag
from pcapdiag import tables as t
from pcapdiag.legs.echoes import _LEAST_SHARE, _fits, relays
from pcapdiag.legs.endpoints import endpoints_of
from pcapdiag.legs.streams import Stream

TLS = Path(__file__).resolve().parents[2] / "captures" / "tls"
SENT_ON = TLS.parent / "backend-tls-handshake-failed" / "haproxy-two-armed.pcap"
FRONT, BACK = "10.0.0.10", "10.0.1.10"
BACKEND_PORT = 8080
CASES = ("two-armed", "nginx-two-armed", "haproxy-two-armed")


@pytest.mark.parametrize("case", CASES)
def test_time_joins_the_legs(case: str) -> None:
    traffic = pcapdiag.analyze(TLS / f"{case}.pcap").traffic
    assert traffic.alb == (FRONT, BACK)
    assert "followed at once on what came to it in TLS" in traffic.alb_reason
    to_port = traffic.connections["server_port"]
    assert (traffic.leg == np.where(to_port == BACKEND_PORT, t.LEG_BACKEND, t.LEG_FRONTEND)).all()


def test_time_joins_requests_in_clear_with_tls_to_the_backends() -> None:
    traffic = pcapdiag.analyze(SENT_ON).traffic
    assert traffic.alb == (FRONT, BACK)
    assert "followed at once by what it sent in TLS" in traffic.alb_reason
    to_port = traffic.connections["server_port"]
    assert (traffic.leg == np.where(to_port == BACKEND_PORT, t.LEG_BACKEND, t.LEG_FRONTEND)).all()


@pytest.mark.parametrize("moved_s", [0.004, 0.037, 0.35, -0.02])
def test_tls_of_other_hosts_at_other_moments_sends_nothing_on(moved_s: float, tmp_path: Path) -> None:
    traffic = pcapdiag.analyze(moved(SENT_ON, tmp_path / "moved.pcap", moved_s)).traffic
    assert not relays(traffic, endpoints_of(traffic))


@pytest.mark.parametrize("case", CASES)
def test_what_came_in_tls_and_was_asked_in_clear_is_not_taken_the_other_way_round(case: str) -> None:
    traffic = pcapdiag.analyze(TLS / f"{case}.pcap").traffic
    assert not relays(traffic, endpoints_of(traffic))


@pytest.mark.parametrize("named", [FRONT, BACK])
def test_of_one_arm_named_the_other_is_found(named: str) -> None:
    traffic = pcapdiag.analyze(TLS / "nginx-two-armed.pcap", alb=[named]).traffic
    assert traffic.alb == (FRONT, BACK)
    assert set(traffic.leg.tolist()) == {t.LEG_FRONTEND, t.LEG_BACKEND}


@pytest.mark.parametrize("moved_s", [0.004, 0.037, 0.35, -0.02])
@pytest.mark.parametrize("case", CASES)
def test_other_hosts_traffic_is_not_joined_and_nobody_is_accused(
    case: str, moved_s: float, tmp_path: Path
) -> None:
    analysis = pcapdiag.analyze(moved(TLS / f"{case}.pcap", tmp_path / "moved.pcap", moved_s))
    assert analysis.traffic.alb == ()
    assert "name the load balancer's addresses with --alb" in analysis.traffic.alb_reason
    # A backend's 500 is one on either leg; who closed or reset is another matter on each.
    assert {finding.cause.name for finding in analysis.findings} <= {"backend-error-status"}
    account = analysis.account
    assert account.failed == account.explained + sum(group.count for group in account.unexplained)
    assert all("--alb" in group.missing for group in account.unexplained)


@pytest.mark.parametrize("burst_s", [0.005, 0.05, 0.2, 1.0])
@pytest.mark.parametrize("requests", [1, 3, 10, 30])
def test_bursts_at_the_same_time_are_no_echo(burst_s: float, requests: int) -> None:
    """Clients' pages make two servers busy at once; which began first is chance."""
    rng = np.random.default_rng(7)
    came, went, asked, answered = ([] for _ in range(4))
    for page_s in np.cumsum(rng.exponential(2.0, 90)):
        for times, ends in ((came, went), (asked, answered)):
            begun = page_s + rng.random(requests) * burst_s
            times.extend(begun)
            ends.extend(begun + rng.exponential(0.009, requests))
    on = rng.integers(0, 6, len(came))
    streams = [Stream(n, ns(np.array(came)[on == n]), ns(np.array(went)[on == n])) for n in range(6)]
    won, _ = _fits(streams, (np.array(asked) * 1e9).astype("i8"), (np.array(answered) * 1e9).astype("i8"))
    assert won.mean() < 0.8 * _LEAST_SHARE


@pytest.mark.parametrize("requests", [1, 3, 10])
def test_echoes_in_bursts_are_found(requests: int) -> None:
    rng = np.random.default_rng(7)
    streams, asked, answered = [], [], []
    pages_s = np.cumsum(rng.exponential(2.0, 90))
    for connection in range(requests):
        came_s = pages_s + rng.random(90) * 0.05
        asked_s = came_s + rng.exponential(0.0002, 90)
        answered_s = asked_s + rng.exponential(0.008, 90)
        streams.append(Stream(connection, ns(came_s), ns(answered_s + rng.exponential(0.0002, 90))))
        asked.append((asked_s * 1e9).astype("i8"))
        answered.append((answered_s * 1e9).astype("i8"))
    won, best = _fits(streams, np.concatenate(asked), np.concatenate(answered))
    assert won.mean() > _LEAST_SHARE
    assert (best[won] == np.repeat(np.arange(requests), 90)[won]).mean() > 0.95


def ns(seconds: np.ndarray) -> np.ndarray:
    return np.sort((seconds * 1e9).astype("i8"))


def moved(capture: Path, target: Path, by_s: float) -> Path:
    """The capture with what goes to and from the backends' port moved in time."""
    with capture.open("rb") as file:
        packets = [(when, data) for when, data in dpkt.pcap.Reader(file)]
    shifted = []
    for when, data in packets:
        packet = dpkt.ethernet.Ethernet(data).data.data
        backend = isinstance(packet, dpkt.tcp.TCP) and BACKEND_PORT in (packet.sport, packet.dport)
        shifted.append((float(when) + by_s if backend else float(when), data))
    with target.open("wb") as file:
        writer = dpkt.pcap.Writer(file)
        for when, data in sorted(shifted, key=lambda one: one[0]):
            writer.writepkt(data, ts=when)
    return target
