"""What is fuzzed: each target makes its input from a random source and says what must hold of any input."""

from __future__ import annotations

import json
import random
import struct
from collections.abc import Callable
from io import BytesIO

import numpy as np

from pcapdiag import tables as t
from pcapdiag.analysis import analyze, packet_rows
from pcapdiag.capture import open_captures
from pcapdiag.errors import CaptureError
from pcapdiag.packets import Decoder
from pcapdiag.report.html import html_report
from pcapdiag.report.json import json_text
from pcapdiag.report.text import text_report
from pcapdiag.traffic import Traffic
from tests.fuzz import mutation as m
from tests.reading import Reading

LINKS = (0, 1, 9, 12, 14, 50, 51, 101, 104, 108, 109, 113, 127, 147, 187, 228, 229, 276, 65535)
UNPRINTABLE = ("\x1b", "\u202e")


def make_file(rng: random.Random) -> bytes:
    return m.damaged_file(rng)


def make_frames(rng: random.Random) -> bytes:
    """Frames under any link type."""
    frames = [m.Frame(0, 0, m.damaged_frame(rng, rng.choice(s.frames).data)) for s in some(rng, 12)]
    return m.pcap(
        [m.replace(f, wire_bytes=len(f.data) + rng.choice((0, 0, 9))) for f in frames], rng.choice(LINKS)
    )


def make_traffic(rng: random.Random) -> bytes:
    link, frames = m.damaged_traffic(rng)
    return m.pcap(frames, link)


def make_streams(rng: random.Random) -> bytes:
    """Connections whose segments carry any HTTP at any sequence number, in any order."""
    frames, time_us = [], 1_700_000_000_000_000
    bases = [rng.choice((0, 2**32 - 50, rng.randrange(2**32))) for _ in range(2)]
    ports = [rng.randint(1024, 1027) for _ in range(rng.randint(1, 3))]
    texts = [b"".join(rng.choice(m.TOKENS) for _ in range(rng.randint(1, 12))) for _ in range(2)]
    at = [1, 1]
    for _ in range(rng.randint(5, 120)):
        up = rng.randrange(2)
        size = rng.choice((0, 0, 1, 2, 7, 40, 400, 1460))
        jump = rng.choice((0,) * 12 + (1, -1, -5, 40, -40, 1460, 70_000, 2**31, -(2**31)))
        start = at[up] + jump
        payload = (texts[up] * 3)[(start - 1) % len(texts[up]) :][:size]
        flags = rng.choice((16, 16, 24, 24, 24, 17, 4, 20, 2, 18, 25, 0, 255))
        time_us += rng.choice((0, 1, 90, 5000, 10**6, -5000))
        frames.append(
            m.Frame(
                time_us,
                0,
                segment(rng.choice(ports), up, bases[up] + start, bases[1 - up] + at[1 - up], flags, payload),
            )
        )
        at[up] = max(at[up], start + len(payload)) if abs(jump) < 2**30 else at[up]
    return m.pcap([m.replace(f, wire_bytes=len(f.data)) for f in frames])


def segment(port: int, up: int, seq: int, ack: int, flags: int, payload: bytes) -> bytes:
    ends = (0x0A000001, 0x0A00000A) if up else (0x0A00000A, 0x0A000001)
    ports = (port, 80) if up else (80, port)
    tcp = struct.pack("!HHIIBBHHH", *ports, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 0x50, flags, 500, 0, 0)
    ip = struct.pack("!BBHHHBBHII", 0x45, 0, 40 + len(payload), 1, 0, 64, 6, 0, *ends)
    return bytes(12) + b"\x08\0" + ip + tcp + payload


def some(rng: random.Random, count: int) -> list[m.Seed]:
    return rng.choices([seed for seed in m.seeds() if seed.frames], k=count)


# --- what must hold -----------------------------------------------------------------------------------


def read(content: bytes) -> None:
    """The reader: records lie inside their batch, frames count on, and nothing but CaptureError is raised."""
    try:
        (file,) = open_captures([BytesIO(content)])
    except CaptureError:
        return
    expected = 1
    for batch in file.batches():
        records = batch.records
        assert batch.first_frame >= expected
        expected = batch.first_frame + len(records)
        assert (records["off"] >= 0).all()
        assert (records["off"] + records["caplen"] <= len(batch.data)).all()


def decode(content: bytes) -> None:
    """The packet kernel: payloads lie inside their records, and each record is counted."""
    try:
        (file,) = open_captures([BytesIO(content)])
    except CaptureError:
        return
    decoder, count = Decoder(), 0
    for batch in file.batches():
        packets = decoder.decode(batch.data, batch.records, batch.first_frame)
        count += len(batch.records)
        owner = batch.records[packets["frame"] - batch.first_frame]
        assert (packets["payload_off"] >= owner["off"]).all()
        ends = packets["payload_off"] + packets["captured_len"]
        assert (ends <= owner["off"].astype("i8") + owner["caplen"]).all()
    counters = decoder.counters
    assert counters["records"] == count


def track(content: bytes) -> None:
    """The TCP and HTTP kernels: the tables point into one another and nowhere else."""
    from pcapdiag.analysis import read as traffic_from

    try:
        files = open_captures([BytesIO(content)])
        check(traffic_from(files))
        for _ in packet_rows(BytesIO(content)):
            pass
    except CaptureError:
        return


def track_in_parts(content: bytes) -> None:
    """The same packets in batches of any size give the same tables."""
    packets, at = [], 24
    while at < len(content):
        seconds, fraction, captured, _ = struct.unpack_from("<IIII", content, at)
        packets.append((seconds * 10**9 + fraction * 1000, content[at + 16 : at + 16 + captured]))
        at += 16 + captured
    whole = Reading(packets=packets).tables()
    for rows in (1, 7):
        assert Reading(packets=packets, batch_rows=rows).tables() == whole


def check(traffic: Traffic) -> None:
    exchanges, connections = traffic.exchanges, traffic.connections
    count = len(connections)
    for table in (exchanges, traffic.troubles, traffic.events):
        assert (table["connection"] < count).all()
    for column in ("target", "host"):
        assert (exchanges[column] < len(traffic.strings)).all()
    assert (exchanges["server"] < len(traffic.servers)).all()
    assert (exchanges["method"] < len(t.METHODS)).all()
    assert max(exchanges["request_ended"].max(initial=0), exchanges["response_ended"].max(initial=0)) < len(
        t.END_NAMES
    )
    for column in ("request_body", "response_body"):
        assert (exchanges[column] >= 0).all()
    for side in ("client", "server"):
        assert (connections[side] < len(traffic.addresses)).all()
        assert (connections[f"{side}_bytes"] >= 0).all()
    assert (connections["first_frame"] <= connections["last_frame"]).all()
    chained = np.zeros(len(exchanges), "i8")
    for connection in range(count):
        for number, row in enumerate(traffic.of_connection(connection)):
            assert number < len(exchanges), "a chain of exchanges that never ends"
            assert exchanges[row]["connection"] == connection
            chained[row] += 1
    assert (chained == 1).all()
    assert int(connections["exchanges"].sum()) == len(exchanges)


def report(content: bytes) -> None:
    """Everything: analysed, judged, reported in every format, with nothing left that a reader must fear."""
    try:
        analysis = analyze(BytesIO(content))
    except CaptureError:
        return
    check(analysis.traffic)
    page, text, document = html_report(analysis), text_report(analysis), json_text(analysis)
    for shown in (page, text, document):
        assert not any(bad in shown for bad in UNPRINTABLE)
    assert "<script>alert" not in page
    assert page.count("<script") == 3, "markup of the capture became the page's"
    assert json.loads(document)["schema"] == 1
    account = analysis.account
    assert account.explained + sum(left.count for left in account.unexplained) == account.failed
    for finding in analysis.findings:
        for item in finding.evidence:
            assert all(frame > 0 for frame in item.frames)


Target = tuple[Callable[[random.Random], bytes], Callable[[bytes], None]]

TARGETS: dict[str, Target] = {
    "reader": (make_file, read),
    "packets": (make_frames, decode),
    "streams": (make_streams, track),
    "traffic": (make_traffic, track),
    "parts": (make_streams, track_in_parts),
    "report-streams": (make_streams, report),
    "report": (make_traffic, report),
    "report-file": (make_file, report),
}
