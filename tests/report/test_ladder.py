from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from pcapdiag import tables as t
from pcapdiag.analysis import analyze, read
from pcapdiag.capture import open_captures
from pcapdiag.causes import evidence
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.report.ladder import FRAMES_AN_END, PACKETS_A_LADDER, ladders, spans_of
from pcapdiag.wire import Wire
from tests.conversation import Conversation, write

CAPTURES = Path(__file__).parents[2] / "captures"
CAUSE = Cause("backend-reset", Severity.ERROR, ("backend",))
REQUEST = "GET /pay HTTP/1.1\r\nHost: shop\r\n\r\n"


def drawn(
    folder: Path, *conversations: Conversation, severity: Severity = Severity.ERROR
) -> list[dict[str, Any]]:
    """The ladders of a finding about the last exchange; the first conversation is the frontend's."""
    files = open_captures([write(folder / "story.pcap", *conversations)])
    traffic = read(files)
    traffic.leg = np.array([t.LEG_FRONTEND, t.LEG_BACKEND][: len(traffic.connections)], "u1")
    last = len(traffic.exchanges) - 1
    traffic.peer = np.full(last + 1, t.NONE, "u4")
    if len(conversations) == 2:
        traffic.peer[:] = np.arange(last, -1, -1)
    shown = evidence.of_exchanges(traffic, [last], "the RST")
    finding = Finding(CAUSE, severity, "backend", "", "", (), 1, evidence=shown, exchanges=np.array([last]))
    return ladders(traffic, Wire(SimpleNamespace(traffic=traffic, capture_files=files)), [finding])


def rows(ladder: dict[str, Any]) -> list[dict[str, Any]]:
    return [dict(zip(ladder["columns"], row, strict=True)) for row in ladder["packets"]]


def both_legs() -> tuple[Conversation, Conversation]:
    front = Conversation("10.0.0.1:40000", "10.0.0.10:80")
    front.handshake()
    front.request(REQUEST)
    back = Conversation("10.0.0.10:50000", "10.0.3.1:8080", start_s=0.001)
    back.handshake()
    back.request(REQUEST)
    back.wait(0.05)
    back.server.rst()
    front.wait(0.06)
    front.response("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
    return front, back


def test_shows_a_request_on_both_legs_in_order_of_time(tmp_path: Path) -> None:
    (ladder,) = drawn(tmp_path, *both_legs())
    assert [lane["role"] for lane in ladder["lanes"]] == ["client", "ALB", "backend"]
    assert ladder["lanes"][1]["name"] == "10.0.0.10:80 / 10.0.0.10:50000"
    said = [(row["leg"], row["http"]) for row in rows(ladder) if row["http"]]
    assert said == [(1, "GET /pay"), (2, "GET /pay"), (1, "502")]
    times = [row["time_us"] for row in rows(ladder)]
    assert times == sorted(times) and times[0] == 0


def test_marks_the_frames_of_the_evidence(tmp_path: Path) -> None:
    (ladder,) = drawn(tmp_path, *both_legs())
    marked = [row["flags"] for row in rows(ladder) if row["is_evidence"]]
    assert marked == ["PSH,ACK", "RST,ACK"]


def test_without_the_other_leg_there_are_two_lifelines(tmp_path: Path) -> None:
    (ladder,) = drawn(tmp_path, both_legs()[0])
    assert [lane["role"] for lane in ladder["lanes"]] == ["client", "ALB"]


def test_retransmissions_and_missing_bytes_are_named(tmp_path: Path) -> None:
    c = Conversation()
    c.handshake()
    c.request(REQUEST)
    c.server.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")
    c.server.send("abc", lost=True)
    c.server.send("def")
    c.wait(0.3)
    c.server.retransmit()
    (ladder,) = drawn(tmp_path, c)
    events = [row["event"] for row in rows(ladder) if row["event"]]
    assert events[0] == "3 bytes before this come later"
    assert any("retransmission" in event for event in events[1:])


def test_bytes_that_never_come_are_missing(tmp_path: Path) -> None:
    c = Conversation()
    c.handshake()
    c.request(REQUEST)
    c.server.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")
    c.server.send("abc", lost=True)
    c.server.send("def")
    (ladder,) = drawn(tmp_path, c)
    assert next(row["event"] for row in rows(ladder) if row["event"]) == "3 bytes before this are missing"


def hung(*, goes_on_s: float) -> Conversation:
    """An upload whose last try nobody acknowledges; then only keep-alives of the other side."""
    c = Conversation()
    c.handshake()
    c.client.send(REQUEST, dropped=True)
    for _ in range(3):
        c.wait(0.3)
        c.client.retransmit(dropped=True)
    c.wait(goes_on_s)
    c.server.fin()
    return c


@pytest.mark.parametrize(("goes_on_s", "unanswered"), [(1.0, 1), (0.1, 0)])
def test_the_last_try_was_lost_if_the_sender_waited_longer(
    tmp_path: Path, goes_on_s: float, unanswered: int
) -> None:
    (ladder,) = drawn(tmp_path, hung(goes_on_s=goes_on_s))
    tries = [row for row in rows(ladder) if row["length"]]
    assert tries[-1]["is_unanswered"] == unanswered
    assert [bool(row["again_in"]) for row in tries] == [True, True, True, False]


def test_windows_without_their_scale_are_said_to_be_so() -> None:
    # tshark: tcp.window_size_scalefactor is -1 (unknown) on the client's connection, 1024 on the backend's.
    analysis = analyze(CAPTURES / "frontend-packet-loss" / "haproxy-requests-lost.pcap")
    found = ladders(analysis.traffic, Wire(analysis), analysis.findings)
    assert found[0]["unscaled"] == [t.LEG_FRONTEND]
    whole = analyze(CAPTURES / "keepalive-race" / "nginx-crossing-fin.pcap")
    assert [ladder["unscaled"] for ladder in ladders(whole.traffic, Wire(whole), whole.findings)] == [[], []]


def test_a_lost_segment_names_the_frame_that_sent_it_again(tmp_path: Path) -> None:
    c = Conversation()
    c.handshake()
    c.request(REQUEST)
    c.server.send("HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
    c.server.send("def", dropped=True)
    c.wait(0.3)
    c.server.retransmit()
    (ladder,) = drawn(tmp_path, c)
    (lost,) = [row for row in rows(ladder) if row["again_in"]]
    (again,) = [row for row in rows(ladder) if row["again_of"]]
    assert lost["again_in"] == again["frame"] and lost["seq"] == again["seq"]
    assert again["again_of"] == [lost["frame"], again["time_us"] - lost["time_us"]]
    assert again["again_of"][1] >= 300_000


def test_what_was_acknowledged_is_not_called_lost(tmp_path: Path) -> None:
    c = Conversation()
    c.handshake()
    c.request(REQUEST)
    c.response("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabc")
    c.client.ack()
    c.server.retransmit()
    (ladder,) = drawn(tmp_path, c)
    assert not any(row["again_in"] or row["again_of"] for row in rows(ladder))


def test_a_long_exchange_is_read_at_its_ends_and_around_its_evidence() -> None:
    spans = spans_of(7, [100, 900_000], {500_000})
    assert sum(span.last_frame - span.first_frame for span in spans) < 3 * FRAMES_AN_END
    assert any(span.first_frame <= 500_000 <= span.last_frame for span in spans)


def test_a_long_ladder_keeps_its_ends_and_says_what_it_left_out(tmp_path: Path) -> None:
    c = Conversation(mss=100)
    c.handshake()
    c.request(REQUEST)
    c.response("HTTP/1.1 200 OK\r\nContent-Length: 50000\r\n\r\n" + "x" * 50_000)
    (ladder,) = drawn(tmp_path, c)
    assert len(ladder["packets"]) <= PACKETS_A_LADDER + 20 and ladder["left_out"] > 0
    assert rows(ladder)[-1]["frame"] == len(c.packets)


def test_what_only_informs_has_no_ladder(tmp_path: Path) -> None:
    assert drawn(tmp_path, *both_legs(), severity=Severity.INFO) == []


@pytest.mark.skipif(shutil.which("tshark") is None, reason="no tshark here")
@pytest.mark.parametrize(
    "name",
    [
        "mtu-blackhole/haproxy-download.pcap",
        "keepalive-race/nginx-crossing-fin.pcap",
        "backend-zero-window/nginx-upload.pcap",
    ],
)
def test_a_ladder_reads_as_tshark_s_packet_list(name: str) -> None:
    capture = CAPTURES / name
    fields = (
        "frame.number", "tcp.seq", "tcp.ack", "tcp.len", "tcp.window_size", "tcp.flags", "tcp.srcport",
        "frame.time_epoch",
    )  # fmt: skip
    chosen = [part for field in fields for part in ("-e", field)]
    command = ["tshark", "-r", str(capture), "-Y", "tcp && !icmp", "-T", "fields", *chosen]
    listed = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()

    def numbers_of(line: str) -> list[int]:
        *numbers, epoch = line.split("\t")[1:]
        values = [int(n or "0", 0) for n in numbers]
        from_server = int(values.pop() in (80, 8080))  # the ports that listen in these captures
        return [*values, from_server, int(epoch.replace(".", "")[:16])]

    theirs = {int(line.split("\t")[0]): numbers_of(line) for line in listed}
    analysis = analyze(capture)
    found = [
        (row, int(ladder["start_ns"]) // 1000 + row["time_us"])
        for ladder in ladders(analysis.traffic, Wire(analysis), analysis.findings)
        for row in rows(ladder)
    ]
    assert len(found) > 20
    bits = {name: 1 << n for n, name in enumerate(("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"))}
    names = ("seq", "ack", "length", "window")
    ours = {
        row["frame"]: [
            *(row[name] for name in names),
            sum(bits[flag] for flag in row["flags"].split(",")),
            row["direction"],
            us,
        ]
        for row, us in found
    }
    assert ours == {frame: theirs[frame] for frame in ours}
