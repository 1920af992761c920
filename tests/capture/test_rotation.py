"""Files that follow one another are one capture; files that overlap are vantage points."""

from __future__ import annotations

import gzip
import io
import shutil
import subprocess

import pytest

from pcapdiag.capture import open_captures
from pcapdiag.errors import CaptureError
from tests.capture.byhand import Pipe, pcap, pcap_header, pcap_record, records, written

T = 1_700_000_000


def opened(folder, **files):
    """{name: (start, count)} -> [(name, vantage)] in the order of open_captures."""
    paths = [written(folder, name, content) for name, content in files.items()]
    captures = open_captures(paths)
    return [(capture.path.rpartition("/")[2], capture.info.vantage) for capture in captures]


def lasting(start, seconds):
    return pcap(seconds + 1, start=T + start)


def test_files_that_follow_one_another_are_one_capture_in_order_of_time(tmp_path):
    rotated = opened(tmp_path, c=lasting(20, 9), a=lasting(0, 9), b=lasting(10, 9))
    assert rotated == [("a", 0), ("b", 0), ("c", 0)]


def test_files_that_overlap_are_vantage_points_in_the_order_given(tmp_path):
    assert opened(tmp_path, alb=lasting(3, 20), client=lasting(0, 20)) == [("alb", 0), ("client", 1)]


def test_two_captures_rotated_at_the_same_time_are_told_apart_by_name(tmp_path):
    names = {
        "web.pcap": lasting(0, 9),
        "web.pcap1": lasting(10, 9),
        "alb.pcap": lasting(0, 9),
        "alb.pcap1": lasting(10, 9),
        "web.pcap2": lasting(20, 9),
        "alb.pcap2": lasting(20, 9),
    }
    assert opened(tmp_path, **names) == [
        *[("web.pcap", 0), ("web.pcap1", 0), ("web.pcap2", 0)],
        *[("alb.pcap", 1), ("alb.pcap1", 1), ("alb.pcap2", 1)],
    ]


def test_a_file_that_ends_as_the_next_begins_is_its_predecessor(tmp_path):
    assert opened(tmp_path, a=lasting(0, 10), b=lasting(10, 10)) == [("a", 0), ("b", 0)]


def test_packets_slightly_out_of_order_at_the_seam_are_no_overlap(tmp_path):
    late = pcap_header() + pcap_record(b"x" * 60, T) + pcap_record(b"x" * 60, T + 10, 500)
    next_one = pcap_header() + pcap_record(b"x" * 60, T + 10, 100) + pcap_record(b"x" * 60, T + 20)
    assert opened(tmp_path, a=late, b=next_one) == [("a", 0), ("b", 0)]


def test_another_link_type_is_another_vantage_point(tmp_path):
    sll = pcap_header(link=113) + pcap_record(b"x" * 60, T + 100)
    assert opened(tmp_path, a=lasting(0, 10), b=sll) == [("a", 0), ("b", 1)]


def test_a_file_without_packets_joins_the_capture_of_its_name(tmp_path):
    files = {"a.pcap": lasting(0, 9), "b.pcap": lasting(5, 9), "b.pcap1": pcap_header()}
    assert opened(tmp_path, **files) == [("a.pcap", 0), ("b.pcap", 1), ("b.pcap1", 1)]


def test_compressed_and_damaged_files_are_placed_by_what_they_hold(tmp_path):
    files = {"b": gzip.compress(lasting(10, 9)), "a": lasting(0, 9)[:-1]}
    assert opened(tmp_path, **files) == [("a", 0), ("b", 0)]


def test_placing_files_leaves_their_reading_to_the_caller(tmp_path):
    paths = [written(tmp_path, "a", lasting(0, 5000)), written(tmp_path, "b", lasting(6000, 10))]
    captures = open_captures(paths)
    assert [capture.info.packets for capture in captures] == [0, 0]
    assert [len(records(capture)) for capture in captures] == [5001, 11]


def test_a_pipe_among_files_is_a_vantage_point_of_its_own(tmp_path):
    captures = open_captures([written(tmp_path, "a", lasting(0, 9)), Pipe(lasting(10, 9))])
    assert [(capture.path, capture.info.vantage) for capture in captures][1] == ("pipe", 1)
    assert len(records(captures[1])) == 10


def test_streams_follow_one_another_too():
    captures = open_captures([io.BytesIO(lasting(10, 9)), io.BytesIO(lasting(0, 9))])
    assert [records(capture)[0].time_ns // 10**9 - T for capture in captures] == [0, 10]
    assert [capture.info.vantage for capture in captures] == [0, 0]


def test_standard_input_given_twice_is_refused():
    with pytest.raises(CaptureError, match="standard input: is given twice"):
        open_captures(["-", "-"])


def test_no_files_are_no_captures():
    assert open_captures([]) == []


@pytest.mark.skipif(not shutil.which("tcpdump"), reason="needs tcpdump")
def test_files_rotated_by_tcpdump_are_one_capture(tmp_path):
    (tmp_path / "in.pcap").write_bytes(pcap(40_000))
    subprocess.run(
        ["tcpdump", "-r", "in.pcap", "-w", "out.pcap", "-C", "1", "-Z", "root"],
        cwd=tmp_path,
        check=True,
        capture_output=True,
    )
    parts = sorted(tmp_path.glob("out.pcap*"), reverse=True)
    assert len(parts) == 4
    captures = open_captures(parts)
    assert {capture.info.vantage for capture in captures} == {0}
    assert [record.time_ns for capture in captures for record in records(capture)] == [
        (T + second) * 10**9 for second in range(40_000)
    ]
