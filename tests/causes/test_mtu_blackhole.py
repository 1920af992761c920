"""mtu-blackhole: full-size segments never arrive, small ones on the same path do."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

import pcapdiag
from pcapdiag import tables as t
from pcapdiag.analysis import analyze
from pcapdiag.causes import mtu_blackhole
from tests.causes.stories import CLIENT, SERVER, Story

CAPTURES = Path(__file__).parents[2] / "captures"
FULL, MSS = 1448, 1460
STUCK = {"data_packets": 8, "retransmitted": 6, "unacked_bytes": FULL, "unacked_retries": 6}


def small_requests_pass(story: Story, lasts_s: float = 60.0) -> None:
    path = story.backend(at_s=0.0, lasts_s=lasts_s, client_largest_acked=228, server_largest_acked=1200)
    story.works(2, connection=path)


def hung_upload(story: Story, **trouble: int) -> int:
    front = story.asked("POST /", status=504, takes_s=30)
    on = story.backend(at_s=1.0, client_mss=MSS, server_mss=MSS, lasts_s=30.0)
    back = story.forwarded(front, status=0, connection=on, acked=False)
    story.fin(back, by=CLIENT, after_s=30)
    story.tables.trouble(on, CLIENT, **(STUCK | trouble))
    return back


def test_an_upload_hangs_in_its_full_size_segments() -> None:
    story = Story()
    small_requests_pass(story)
    back = hung_upload(story)
    finding = story.only(mtu_blackhole)
    assert list(finding.exchanges) == [back]
    assert finding.statuses == {"504": 1}
    assert finding.facts["smallest_lost_bytes"] == FULL
    assert finding.facts["largest_passed_bytes"] == 228


def test_seen_behind_the_narrow_place_only_small_segments_arrive() -> None:
    story = Story()
    small_requests_pass(story)
    front = story.asked("POST /", status=504, takes_s=30)
    on = story.backend(at_s=1.0, lasts_s=1.0, client_mss=MSS, server_mss=MSS, client_bytes=4971)
    story.tables.trouble(on, CLIENT, data_packets=1, hole_bytes=4344)
    finding = story.only(mtu_blackhole)
    assert list(finding.exchanges) == [front]
    assert finding.facts["smallest_lost_bytes"] == FULL


def test_a_request_with_a_hole_may_look_whole_where_it_arrives() -> None:
    story = Story()
    small = story.frontend(lasts_s=60.0, client_largest_acked=92)
    story.forwarded(story.asked(connection=small))
    on = story.frontend(at_s=1.0, client_mss=MSS, server_mss=MSS, lasts_s=3.0)
    row = story.asked("POST /", status=408, takes_s=2.0, connection=on, request_body=4800)
    story.fin(row, by=SERVER, after_s=2.0)
    story.tables.trouble(on, CLIENT, data_packets=2, hole_bytes=4344)
    story.tables.event(on, t.EVENT_GAP, 2.0, a=100, b=4344)
    assert list(story.only(mtu_blackhole).exchanges) == [row]


def test_icmp_names_the_mtu() -> None:
    story = Story()
    small_requests_pass(story)
    hung_upload(story)
    story.tables.event(len(story.tables.connections) - 1, t.EVENT_ICMP, 1.5, a=3 << 8 | 4, b=1400)
    assert story.only(mtu_blackhole).facts["next_hop_mtu_bytes"] == 1400


def test_a_clients_upload_hangs_on_the_frontend() -> None:
    story = Story()
    story.works(1, connection=story.backend())
    story.tables.connections[0]["client_largest_acked"] = 92
    small = story.frontend(lasts_s=60.0, client_largest_acked=92)
    story.forwarded(story.asked(connection=small))
    on = story.frontend(at_s=1.0, client_mss=MSS, server_mss=MSS, lasts_s=3.0)
    row = story.asked("POST /", status=408, takes_s=2.0, connection=on, acked=False)
    story.fin(row, by=SERVER, after_s=2.0)
    story.tables.trouble(on, CLIENT, **STUCK)
    finding = story.only(mtu_blackhole)
    assert (finding.leg, finding.statuses) == ("frontend", {"408": 1})


def test_loss_does_not_ask_for_size() -> None:
    story = Story()
    large = story.backend(at_s=0.0, lasts_s=60.0, client_largest_acked=FULL, server_largest_acked=FULL)
    story.works(2, connection=large)
    hung_upload(story)
    assert story.silent(mtu_blackhole)


def test_a_small_segment_never_acknowledged_met_a_silent_peer() -> None:
    story = Story()
    small_requests_pass(story)
    hung_upload(story, unacked_bytes=300)
    assert story.silent(mtu_blackhole)


def test_a_host_that_is_gone_answers_nothing_of_any_size() -> None:
    story = Story()
    small_requests_pass(story, lasts_s=0.5)
    story.tables.connections[0]["last_ns"] = story.tables.connections[0]["first_ns"]
    hung_upload(story)
    assert story.silent(mtu_blackhole)


def test_sent_again_once_is_chance() -> None:
    story = Story()
    small_requests_pass(story)
    hung_upload(story, unacked_retries=2)
    assert story.silent(mtu_blackhole)


@pytest.mark.skipif(shutil.which("tshark") is None, reason="no tshark here")
@pytest.mark.parametrize("name", ["nginx-upload", "haproxy-download.backend", "haproxy-client-upload.client"])
def test_the_evidence_is_the_segments_that_its_note_speaks_of(name: str) -> None:
    capture = CAPTURES / "mtu-blackhole" / f"{name}.pcap"
    (finding,) = [f for f in analyze(capture).findings if f.cause is mtu_blackhole.CAUSE]
    asked = ["-Y", "tcp.analysis.retransmission && tcp.len >= 1200", "-T", "fields", "-e", "frame.number"]
    again = subprocess.run(["tshark", "-r", str(capture), *asked], capture_output=True, text=True, check=True)
    full = {int(line) for line in again.stdout.split()}
    for shown in finding.evidence:
        assert shown.frames and set(shown.frames) <= full
        assert shown.note == "full-size segments, sent again and never acknowledged"


def test_a_hole_that_http_s_receiver_asked_for_in_vain_needs_no_handshake() -> None:
    """Begun before the capture: three segments of 1,448 bytes would fill the hole."""
    story = Story()
    small_requests_pass(story)
    story.asked("POST /", status=504, takes_s=30)
    on = story.backend(at_s=1.0, lasts_s=10.0, client_bytes=9000, server_bytes=300, protocol=t.PROTOCOL_HTTP)
    story.fin(on, by=CLIENT, after_s=10.0)
    story.tables.trouble(on, CLIENT, data_packets=5, hole_bytes=4344)
    story.tables.trouble(on, SERVER, data_packets=5, duplicate_acks=1)
    assert story.only(mtu_blackhole).facts["smallest_lost_bytes"] == 1448


def test_a_hole_in_segments_of_unknown_size_is_no_blackhole() -> None:
    story = Story()
    small_requests_pass(story)
    story.asked("POST /", status=504, takes_s=30)
    on = story.backend(at_s=1.0, lasts_s=1.0, client_bytes=9000)  # begun before the capture: no MSS
    story.tables.trouble(on, CLIENT, data_packets=5, hole_bytes=6300)
    assert story.findings(mtu_blackhole) == []


def test_a_hole_on_a_kept_alive_connection_is_the_request_that_hung() -> None:
    """Client's and backend's files together: of three uploads one was tried where others had been served
    before, and its head lay in the segment that never came."""
    folder = Path(__file__).resolve().parents[2] / "captures" / "mtu-blackhole"
    (wanted,) = json.loads((folder / "nginx-upload.expected.json").read_text())["findings"]
    analysis = pcapdiag.analyze([folder / f"nginx-upload.{side}.pcap" for side in ("client", "backend")])
    errors = [f for f in analysis.findings if f.severity == pcapdiag.Severity.ERROR]
    assert [(f.cause.name, f.count, f.statuses) for f in errors] == [
        ("mtu-blackhole", wanted["count"], {"504": wanted["count"]})
    ]
    assert not analysis.account.unexplained


def test_a_hole_in_a_capture_that_misses_packets_may_be_one_of_them() -> None:
    story = Story()
    story.works(2)
    back = story.forwarded(story.asked(status=200, at_s=5.0), status=0, at_s=5.0)
    story.fin(back, by=CLIENT, after_s=1.0)
    on = len(story.tables.connections) - 1
    story.tables.connections[on] |= {"server_mss": 1460, "client_mss": 1460}
    story.tables.trouble(on, SERVER, hole_bytes=2896)
    story.works(1, at_s=5.5)
    assert story.only(mtu_blackhole).count == 1
    story.tables.trouble(0, SERVER, missing_bytes=1448)
    assert story.silent(mtu_blackhole)


def test_a_client_that_waited_for_what_never_came_was_there() -> None:
    """Only this client's connections to that address are in the capture, and none of them was served."""
    for waited_s, count in ((4.0, 1), (0.3, 0)):
        story = Story()
        row = story.asked(status=0)
        on = len(story.tables.connections) - 1
        story.tables.connections[on]["client_mss"] = MSS
        story.fin(row, by=CLIENT, after_s=waited_s)
        story.tables.trouble(on, SERVER, hole_bytes=15_708)
        assert sum(f.count for f in story.findings(mtu_blackhole)) == count
