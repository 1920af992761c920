"""A capture file as a whole: counted, looked up again, and read within a fixed memory."""

from __future__ import annotations

import gzip
import pathlib
import shutil
import subprocess
import tracemalloc

import dpkt
import pytest

from pcapdiag.capture import CaptureFile
from tests.capture.byhand import Pipe, frames, pcap, pcap_header, pcap_record, read, records, written

RECORDED = sorted(pathlib.Path(__file__).parents[2].glob("captures/*/*.pcap"))[:12]


def test_info_names_the_file_at_once_and_counts_at_the_end(tmp_path):
    path = written(tmp_path, "x.pcap.gz", gzip.compress(pcap(5000)))
    capture = CaptureFile(path)
    assert (capture.path, capture.info.path, capture.info.format) == (path, path, "pcap")
    assert (capture.info.compression, capture.info.packets, capture.info.link_types) == (
        "gzip",
        0,
        ("ETHERNET",),
    )
    assert capture.size == pathlib.Path(path).stat().st_size
    for _ in capture.batches():
        assert capture.info.packets > 0
    assert (capture.info.packets, capture.info.captured_bytes) == (5000, 5000 * 60)


@pytest.mark.parametrize("wrap", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_progress_counts_input_bytes_up_to_the_size(tmp_path, wrap):
    capture = CaptureFile(written(tmp_path, "x", wrap(pcap(40_000))))
    told = []
    for _ in capture.batches(told.append):
        pass
    assert told == sorted(told)
    assert told[-1] == capture.size


@pytest.mark.parametrize("wrap", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_any_frames_are_found_again(tmp_path, wrap):
    capture = CaptureFile(written(tmp_path, "x", wrap(pcap(40_000))))
    expected = records(capture)
    packets = capture.info.packets
    for first, last in [(1, 1), (2048, 2049), (13_797, 13_900), (39_999, 40_000), (1, 40_000)]:
        again = dict(item for batch in capture.reread(first, last) for item in frames(batch))
        assert [again[frame] for frame in range(first, last + 1)] == expected[first - 1 : last]
        assert len(again) < last - first + 3 * 2048
    assert capture.info.packets == packets


def test_looking_again_reads_only_near_the_frames(tmp_path):
    capture = CaptureFile(written(tmp_path, "x", pcap(100_000)))
    records(capture)
    assert next(capture.reread(90_000, 90_000)).first_frame > 85_000


def test_frames_past_the_end_are_not_found(tmp_path):
    capture = CaptureFile(written(tmp_path, "x", pcap(10)))
    records(capture)
    assert list(capture.reread(11, 20)) == []


def test_looking_again_works_before_the_first_pass(tmp_path):
    capture = CaptureFile(written(tmp_path, "x", pcap(5000)))
    again = dict(item for batch in capture.reread(4000, 4000) for item in frames(batch))
    assert again[4000] == read(pcap(5000))[1][3999]


def test_two_looks_at_once_do_not_disturb_each_other(tmp_path):
    capture = CaptureFile(written(tmp_path, "x", pcap(20_000)))
    count = 0
    for batch in capture.batches():
        count += len(batch.records)
        for _ in capture.reread(1, 5):
            pass
    assert (count, capture.info.damage) == (20_000, "")


def test_memory_does_not_grow_with_the_file():
    class Endless(Pipe):
        """100 MB made on the fly."""

        def __init__(self):
            self.left = 100 << 20
            self.source = pcap_header() + pcap_record(bytes(1484)) * 700
            self.at = 0

        def readinto(self, buffer):
            count = min(len(buffer), self.left, len(self.source) - self.at)
            buffer[:count] = self.source[self.at : self.at + count]
            self.left -= count
            self.at += count
            if self.at == len(self.source):
                self.at = 24
            return count

    tracemalloc.start()
    try:
        capture = CaptureFile(Endless())
        packets = sum(len(batch.records) for batch in capture.batches())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert packets == (100 << 20) // 1500
    assert peak < 10 << 20


@pytest.mark.parametrize("path", RECORDED, ids=lambda path: path.stem)
def test_recorded_captures_read_as_dpkt_reads_them(path):
    with path.open("rb") as file:
        theirs = [(round(time * 1_000_000), bytes(data)) for time, data in dpkt.pcap.Reader(file)]
    assert [(record.time_ns // 1000, record.data) for record in records(CaptureFile(path))] == theirs


@pytest.mark.skipif(not shutil.which("capinfos"), reason="needs capinfos")
@pytest.mark.skipif(not RECORDED, reason="no recorded captures here")
def test_counts_agree_with_capinfos():
    capture = CaptureFile(RECORDED[0])
    records(capture)
    shown = subprocess.run(
        ["capinfos", "-M", "-T", "-r", "-c", "-d", "-a", "-e", "-S", RECORDED[0]],
        check=True,
        capture_output=True,
        text=True,
    )
    _, packets, data, first, last = shown.stdout.strip().split("\t")
    info = capture.info
    assert (info.packets, info.wire_bytes) == (int(packets), int(data))
    assert (info.first_ns, info.last_ns) == tuple(round(float(t) * 1e6) * 1000 for t in (first, last))


@pytest.mark.parametrize("press", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_the_content_is_given_once_more_unpacked(press, tmp_path):
    content = pcap(5000)
    (tmp_path / "x").write_bytes(press(content))
    file = CaptureFile(tmp_path / "x")
    assert file.on_disk
    assert b"".join(file.content()) == content


def test_an_interrupted_file_says_so_unless_it_was_read_to_its_end(tmp_path):
    (tmp_path / "x").write_bytes(pcap(5000))
    begun, ended = CaptureFile(tmp_path / "x"), CaptureFile(tmp_path / "x")
    list(ended.batches())
    for file in (begun, ended):
        file.interrupt()
    assert (begun.info.interrupted, ended.info.interrupted) == (True, False)
