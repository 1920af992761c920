"""Plain pcap: every magic in both byte orders, and each way a file can be damaged."""

from __future__ import annotations

import shutil
import struct
import subprocess

import numpy as np
import pytest

from pcapdiag import tables
from pcapdiag.capture import CaptureFile, _pcap_cy, stop
from pcapdiag.capture.tally import PACKETS, new_tally
from tests.capture.byhand import Record, pcap, pcap_header, pcap_record, read, records
from tests.kernels import interpreted

DATA = bytes(range(60))
SECOND = 1_000_000_000


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize(
    ("magic", "fraction", "nanoseconds"),
    [(0xA1B2C3D4, 250_001, 250_001_000), (0xA1B23C4D, 250_001_007, 250_001_007)],
)
def test_reads_micro_and_nanoseconds_in_both_byte_orders(order, magic, fraction, nanoseconds):
    capture, got = read(pcap_header(order, magic) + pcap_record(DATA, 1_700_000_000, fraction, 1500, order))
    assert got == [Record(1_700_000_000 * SECOND + nanoseconds, DATA, 1500)]
    assert capture.info.damage == ""
    assert capture.info.truncated_packets == 1


@pytest.mark.parametrize("order", "<>")
def test_reads_the_modified_kind_with_its_longer_record_header(order):
    header = struct.pack(f"{order}IIIIIHBB", 5, 7, len(DATA), len(DATA), 3, 0x0800, 0, 0)
    _, got = read(pcap_header(order, 0xA1B2CD34) + header + DATA + header + DATA)
    assert got == [Record(5 * SECOND + 7_000, DATA, len(DATA))] * 2


def test_link_type_ignores_the_frame_check_sequence_bits():
    capture, got = read(pcap_header(link=0x2400_0000 | 276) + pcap_record(DATA))
    assert got[0].link == 276
    assert capture.info.link_types == ("LINUX_SLL2",)


def test_seconds_are_unsigned():
    _, got = read(pcap_header() + pcap_record(DATA, 0xFFFFFFFF, 999_999))
    assert got[0].time_ns == 0xFFFFFFFF * SECOND + 999_999_000


def test_captured_more_than_on_the_wire_is_kept():
    capture, got = read(pcap_header() + pcap_record(DATA, wirelen=20))
    assert (got[0].data, got[0].wirelen, capture.info.truncated_packets) == (DATA, 20, 0)


def test_header_alone_is_an_empty_capture():
    capture, got = read(pcap_header())
    assert (got, capture.info.packets, capture.info.damage) == ([], 0, "")
    assert capture.info.first_ns == capture.info.last_ns == 0


def test_counts_bytes_times_and_steps_back():
    content = pcap_header(snaplen=96) + b"".join(
        pcap_record(DATA[:size], second, wirelen=wire)
        for size, second, wire in [(10, 5, 10), (20, 3, 40), (30, 9, 30)]
    )
    info = read(content)[0].info
    assert (info.packets, info.captured_bytes, info.wire_bytes, info.truncated_packets) == (3, 60, 80, 1)
    assert (info.first_ns, info.last_ns, info.backward_steps, info.snaplen) == (3 * SECOND, 9 * SECOND, 1, 96)


@pytest.mark.parametrize("missing", [1, 40, 59, 60, 61, 75])
def test_a_cut_keeps_every_packet_before_it(missing):
    content = pcap(1234)
    capture, got = read(content[:-missing])
    assert len(got) == 1233
    assert capture.info.damage == "cut in the middle of packet 1,234"
    assert capture.info.damage_offset == 24 + 1233 * 76


@pytest.mark.parametrize("caplen", [262_145, 0x7FFFFFFF, 0xFFFFFFFF])
def test_an_impossible_length_ends_the_reading(caplen):
    content = pcap(2) + struct.pack("<IIII", 1, 1, caplen, caplen) + bytes(100)
    capture, got = read(content)
    assert len(got) == 2
    assert capture.info.damage == f"packet 3 claims {caplen:,} captured bytes, more than can be true"
    assert capture.info.damage_offset == 24 + 2 * 76


def test_a_record_larger_than_the_window_is_read_when_the_snaplen_allows_it():
    large = bytes(3_000_000)
    _, got = read(pcap_header(snaplen=4_000_000) + pcap_record(DATA) + pcap_record(large) + pcap_record(DATA))
    assert [len(record.data) for record in got] == [60, 3_000_000, 60]


def test_a_snaplen_of_four_gigabytes_is_not_believed():
    content = pcap_header(snaplen=0xFFFFFFFF) + struct.pack("<IIII", 1, 1, 17 << 20, 17 << 20)
    assert "more than can be true" in read(content)[0].info.damage


def test_a_tail_of_zeros_is_damage_and_not_packets_of_1970():
    capture, got = read(pcap(3) + bytes(4096))
    assert len(got) == 3
    assert capture.info.damage == "only zeros where packet 4 should begin"


def test_trailing_garbage_is_told_from_packets():
    capture, got = read(pcap(3) + b"garbage")
    assert len(got) == 3
    assert capture.info.damage == "cut in the middle of packet 4"


@pytest.mark.skipif(not shutil.which("editcap"), reason="needs editcap")
@pytest.mark.parametrize("kind", ["pcap", "nsecpcap", "modpcap"])
def test_reads_what_wireshark_writes(tmp_path, kind):
    (tmp_path / "in.pcap").write_bytes(pcap(50))
    subprocess.run(["editcap", "-F", kind, "in.pcap", "out"], cwd=tmp_path, check=True, capture_output=True)
    assert records(CaptureFile(tmp_path / "out")) == read(pcap(50))[1]


@pytest.fixture(params=["compiled", "interpreted"])
def walk(request):
    """(the kernel's walk, how it wants its rows)"""
    if request.param == "compiled":
        return _pcap_cy.walk, lambda rows: rows
    return interpreted("pcapdiag.capture._pcap_cy").walk, lambda rows: rows.view(np.recarray)


def test_kernel_fills_rows_and_stops_at_the_unfinished_record(walk):
    kernel, view = walk
    rows, cursor, tally = np.zeros(8, tables.Record), np.array([24, 0, 0]), new_tally()
    data = memoryview(pcap(3)[:-1])
    assert kernel(data, len(data), False, 16, 1000, 262_144, 1, view(rows), cursor, tally) == 2
    assert rows["off"][:2].tolist() == [40, 116]
    assert rows["time_ns"][:2].tolist() == [1_700_000_000 * SECOND, 1_700_000_001 * SECOND]
    assert cursor.tolist() == [24 + 2 * 76, stop.MORE, 76]
    assert tally[PACKETS] == 2


def test_kernel_stops_when_no_row_is_left(walk):
    kernel, view = walk
    rows, cursor = np.zeros(2, tables.Record), np.array([24, 0, 0])
    data = memoryview(pcap(3))
    assert kernel(data, len(data), False, 16, 1000, 262_144, 1, view(rows), cursor, new_tally()) == 2
    assert cursor[:2].tolist() == [24 + 2 * 76, stop.FULL]


def test_kernel_names_an_impossible_length(walk):
    kernel, view = walk
    cursor = np.array([0, 0, 0])
    data = memoryview(struct.pack(">IIII", 1, 1, 200, 1) + bytes(300))
    rows = np.zeros(2, tables.Record)
    assert kernel(data, len(data), True, 16, 1, 199, 1, view(rows), cursor, new_tally()) == 0
    assert cursor[:2].tolist() == [0, stop.IMPOSSIBLE]
