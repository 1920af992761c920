"""The whole way: from files to findings."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest

import pcapdiag
from pcapdiag import tables as t
from pcapdiag.analysis import packet_rows
from tests.conversation import Conversation, capture

ROOT = Path(__file__).resolve().parent.parent
RACE = ROOT / "captures" / "keepalive-race" / "haproxy-crossing-fin.pcap"
HEALTHY = ROOT / "captures" / "healthy" / "haproxy-mix.pcap"

REQUEST = b"GET /a HTTP/1.1\r\nHost: shop.example\r\n\r\n"
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def exchange(client: str, start_s: float = 0.0) -> Conversation:
    """One healthy request on a connection of its own."""
    c = Conversation(client=client, server="10.0.0.10:80")
    c.wait(start_s)
    c.handshake()
    c.request(REQUEST)
    c.response(RESPONSE)
    c.close()
    return c


@pytest.mark.parametrize("wrap", [str, Path, lambda p: [p], lambda p: io.BytesIO(p.read_bytes())])
def test_takes_a_path_a_list_or_an_open_file(wrap) -> None:
    analysis = pcapdiag.analyze(wrap(RACE))
    assert [f.cause.name for f in analysis.findings] == ["keepalive-race"]


def test_option_without_a_meaning_is_refused_before_the_capture_is_read() -> None:
    for options in ({"alb": ["10.0.0.x"]}, {"profile": "azure"}, {"profile_file": "no-such.toml"}):
        seen: list[int] = []
        with pytest.raises(pcapdiag.PcapdiagError):
            pcapdiag.analyze(RACE, progress=seen.append, **options)
        assert seen == []


def test_only_and_ignore_choose_what_is_shown_and_leave_the_account_alone() -> None:
    whole = pcapdiag.analyze(RACE)
    without = pcapdiag.analyze(RACE, ignore=["keepalive-race"])
    assert without.findings == []
    assert without.account == whole.account
    assert [f.cause.name for f in pcapdiag.analyze(RACE, only=["keepalive-race"]).findings] == [
        "keepalive-race"
    ]


def test_frames_run_on_over_rotated_files(tmp_path: Path) -> None:
    first, second = exchange("10.0.0.1:40000"), exchange("10.0.0.2:40001", start_s=5)
    for name, conversation in (("a.pcap0", first), ("a.pcap1", second)):
        (tmp_path / name).write_bytes(capture(conversation))
    traffic = pcapdiag.analyze([tmp_path / "a.pcap1", tmp_path / "a.pcap0"]).traffic
    assert [f.vantage for f in traffic.files] == [0, 0]
    assert len(traffic.connections) == 2
    begun = int(traffic.connections["first_frame"][1])
    assert begun == len(first.packets) + 1
    assert traffic.frame_of(begun) == (1, 1)
    assert traffic.frame_of(1) == (0, 1)


def test_connection_goes_on_from_one_rotated_file_into_the_next(tmp_path: Path) -> None:
    whole = exchange("10.0.0.1:40000")
    blob = capture(whole)
    cut = 24 + sum(16 + len(packet) for _, packet in whole.packets[:4])
    (tmp_path / "0.pcap").write_bytes(blob[:cut])
    (tmp_path / "1.pcap").write_bytes(blob[:24] + blob[cut:])
    traffic = pcapdiag.analyze([tmp_path / "0.pcap", tmp_path / "1.pcap"]).traffic
    assert len(traffic.connections) == 1
    assert traffic.exchanges["status"].tolist() == [200]


def test_two_vantage_points_are_two_sets_of_connections(tmp_path: Path) -> None:
    for name in ("client.pcap", "alb.pcap"):
        (tmp_path / name).write_bytes(capture(exchange("10.0.0.1:40000")))
    traffic = pcapdiag.analyze([tmp_path / "client.pcap", tmp_path / "alb.pcap"]).traffic
    assert sorted(traffic.connections["vantage"].tolist()) == [0, 1]


def test_healthy_capture_has_no_finding_and_nothing_failed() -> None:
    analysis = pcapdiag.analyze(HEALTHY)
    assert [f for f in analysis.findings if f.severity >= pcapdiag.Severity.WARNING] == []
    assert analysis.account.failed == 0


def test_packet_rows_count_frames_anew_in_each_file() -> None:
    def frames(*paths: Path) -> list[int]:
        return sorted(int(n) for _, _, rows, _ in packet_rows(list(paths)) for n in rows["frame"])

    assert frames(RACE, HEALTHY) == sorted(frames(RACE) + frames(HEALTHY))


def test_empty_capture_is_a_capture_without_traffic(tmp_path: Path) -> None:
    path = tmp_path / "empty.pcap"
    path.write_bytes(RACE.read_bytes()[:24])
    analysis = pcapdiag.analyze(path)
    assert (len(analysis.traffic.connections), analysis.findings, analysis.account.failed) == (0, [], 0)


def test_what_is_not_a_capture_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("nothing here")
    with pytest.raises(pcapdiag.CaptureError, match="not a capture"):
        pcapdiag.analyze(path)


def test_health_checks_and_idle_connections_alone_are_no_failure(tmp_path: Path) -> None:
    idle = Conversation(client="10.0.0.9:40009", server="10.0.0.10:80")
    idle.handshake()
    idle.close()
    path = tmp_path / "idle.pcap"
    path.write_bytes(capture(idle, exchange("10.0.0.1:40000")))
    analysis = pcapdiag.analyze(path)
    assert analysis.account.failed == 0
    assert all(f.severity < pcapdiag.Severity.WARNING for f in analysis.findings)
    assert t.PROTOCOLS[analysis.traffic.connections["protocol"][0]] in ("none", "http")


def test_the_exchange_before_each_is_the_one_whose_next_it_is() -> None:
    traffic = pcapdiag.analyze(HEALTHY).traffic
    following = traffic.exchanges["next"]
    rows = np.arange(len(following))
    before = {int(after): row for row, after in enumerate(following) if after != t.NONE}
    assert before
    assert traffic.previous(rows).tolist() == [before.get(row, t.NONE) for row in rows.tolist()]
    assert traffic.previous(rows[::-1]).tolist() == traffic.previous(rows)[::-1].tolist()
    assert traffic.is_first(rows).tolist() == [row not in before for row in rows.tolist()]
