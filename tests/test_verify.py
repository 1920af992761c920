"""tshark's opinion of findings: it agrees with those of the captures, and differs where a claim is false."""

from __future__ import annotations

import dataclasses
import gzip
import lzma
import shutil
from pathlib import Path

import pytest

import pcapdiag
from pcapdiag import verify as v
from pcapdiag.causes.cause import Evidence
from pcapdiag.tables import ACK, FIN, RST, SYN

CAPTURES = Path(__file__).resolve().parent.parent / "captures"
RESET = CAPTURES / "backend-reset" / "haproxy-before-response.pcap"

needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")

ITEM = Evidence(0, "10.0.0.1:40000", "10.0.0.2:80", (1, 2), 0, "")


def said(*frames: v.Said) -> dict[int, v.Said]:
    return {frame.frame: frame for frame in frames}


def up(frame: int, **what: object) -> v.Said:
    return v.Said(frame, ITEM.client, ITEM.server, **what)  # type: ignore[arg-type]


def down(frame: int, **what: object) -> v.Said:
    return v.Said(frame, ITEM.server, ITEM.client, **what)  # type: ignore[arg-type]


def opinion(cause: str, *frames: v.Said) -> str:
    return v.check(cause, ITEM, said(*frames)).opinion


def test_a_reset_must_come_from_the_server() -> None:
    assert opinion("backend-reset", up(1, payload_bytes=9), down(2, flags=RST)) == v.AGREE
    assert opinion("backend-reset", up(1, flags=RST), down(2, flags=ACK)) == v.DIFFER


def test_a_race_needs_close_and_request() -> None:
    assert opinion("keepalive-race", down(1, flags=FIN | ACK), up(2, payload_bytes=9)) == v.AGREE
    assert opinion("keepalive-race", down(1, flags=FIN | ACK), up(2, flags=ACK)) == v.DIFFER


def test_loss_must_be_called_so() -> None:
    again = up(2, payload_bytes=9, analysis=("retransmission",))
    assert opinion("backend-packet-loss", up(1, payload_bytes=9), again) == v.AGREE
    assert opinion("backend-packet-loss", up(1, payload_bytes=9), down(2, payload_bytes=9)) == v.DIFFER


def test_a_status_not_shown_is_silence_and_another_a_difference() -> None:
    assert opinion("backend-error-status", up(1), down(2, status=503)) == v.AGREE
    assert opinion("backend-error-status", up(1), down(2, status=200)) == v.DIFFER
    assert opinion("backend-error-status", up(1), down(2)) == v.SILENT


def test_refusal_may_be_told_by_icmp() -> None:
    assert opinion("backend-connect-refused", up(1, flags=SYN), up(2, icmp="icmp 3/13")) == v.AGREE


def test_frames_that_are_missing_or_of_others_differ() -> None:
    assert v.check("backend-reset", ITEM, said(up(1))).because == "tshark has no frame 2"
    other = v.Said(2, "10.9.9.9:1", "10.0.0.2:80", flags=RST)
    assert v.check("backend-reset", ITEM, said(up(1), other)).because == "another connection in frame 2"


def test_a_cause_without_a_sign_is_checked_by_its_frames() -> None:
    assert opinion("forwarding-loop", up(1), down(2)) == v.AGREE


def test_every_sign_belongs_to_a_cause() -> None:
    from pcapdiag.causes.catalogue import catalogue

    assert set(v.SIGNS) - set(catalogue()) == set()


def test_frame_numbers_are_asked_in_spans() -> None:
    assert list(v.spans([1, 2, 3, 7, 9, 10])) == ["1..3", "7", "9..10"]
    assert list(v.spans([])) == []


def test_of_much_evidence_each_finding_keeps_its_first() -> None:
    class Found:
        def __init__(self, count: int) -> None:
            self.evidence = [dataclasses.replace(ITEM, frames=tuple(range(1, 301)))] * count

    asked = v.chosen([Found(9), Found(2)])  # type: ignore[list-item]
    assert [len(items) for items in asked] == [4, 2]


@needs_tshark
def test_tshark_agrees_on_a_reset_and_names_it() -> None:
    (opinion_,) = v.verify(pcapdiag.analyze(RESET))
    assert (opinion_.opinion, opinion_.because) == (v.AGREE, "RST from server")
    assert "RST" in opinion_.words


@needs_tshark
def test_tshark_differs_on_a_false_claim() -> None:
    analysis = pcapdiag.analyze(RESET)
    (finding,) = analysis.findings
    finding.evidence = (dataclasses.replace(finding.evidence[0], frames=(1, 2)),)
    assert v.verify(analysis)[0].opinion == v.DIFFER


@needs_tshark
@pytest.mark.parametrize("suffix", [".pcap.gz", ".pcap.xz"])
def test_compressed_captures_and_several_are_asked_about(tmp_path: Path, suffix: str) -> None:
    packed = tmp_path / f"front{suffix}"
    press = gzip.compress if suffix.endswith("gz") else lzma.compress
    packed.write_bytes(press(RESET.read_bytes()))
    race = CAPTURES / "keepalive-race" / "haproxy-crossing-fin.pcap"
    opinions = v.verify(pcapdiag.analyze([packed, race]))
    assert {("backend-reset", v.AGREE), ("keepalive-race", v.AGREE)} <= {
        (o.finding.cause.name, o.opinion) for o in opinions
    }


@needs_tshark
@pytest.mark.parametrize(
    "name",
    [
        "backend-connect-refused/nginx-icmp-prohibited.pcap",
        "backend-packet-loss/nginx-both-ways.pcap",
        "backend-error-status/haproxy-5xx.pcap",
        "frontend-connect-timeout/haproxy-security-group.pcap",
        "frontend-packet-loss/haproxy-requests-lost.pcap",
    ],
)
def test_tshark_agrees_on_each_kind_of_claim(name: str) -> None:
    assert {o.opinion for o in v.verify(pcapdiag.analyze(CAPTURES / name))} == {v.AGREE}
