"""Where bytes come from: paths, streams and pipes, read once and again; and what cannot be opened."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import tempfile
import threading

import pytest

from pcapdiag.capture import CaptureFile, source
from pcapdiag.errors import CaptureError
from tests.capture.byhand import Pipe, frames, idb, pcap, read, records, shb, spb, written


def test_no_such_file(tmp_path):
    with pytest.raises(CaptureError, match=r"nothing\.pcap: no such file$"):
        CaptureFile(tmp_path / "nothing.pcap")


def test_a_directory(tmp_path):
    with pytest.raises(CaptureError, match="is a directory"):
        CaptureFile(tmp_path)


def test_a_path_through_a_file(tmp_path):
    with pytest.raises(CaptureError, match=r"not a directory$"):
        CaptureFile(written(tmp_path, "file", b"") + "/x.pcap")


def test_a_name_that_cannot_exist():
    with pytest.raises(CaptureError, match="null byte"):
        CaptureFile("a\0b")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_no_permission(tmp_path):
    path = written(tmp_path, "x.pcap", pcap(1))
    os.chmod(path, 0)  # noqa: PTH101
    with pytest.raises(CaptureError, match=r"permission denied$"):
        CaptureFile(path)


def test_permission_is_named_even_to_root(monkeypatch, tmp_path):
    def refuse(*_args, **_kwargs):
        raise PermissionError(13, "Permission denied")

    path = written(tmp_path, "x.pcap", pcap(1))
    monkeypatch.setattr(source.Path, "open", refuse)
    with pytest.raises(CaptureError, match=r"permission denied$"):
        CaptureFile(path)


@pytest.mark.parametrize("chunk", [1, 7, 4096])
@pytest.mark.parametrize("content", [pcap(300), shb() + idb() + spb(bytes(99)) * 300], ids=["pcap", "pcapng"])
def test_a_pipe_may_give_little_at_a_time(content, chunk):
    capture = CaptureFile(Pipe(content, chunk))
    assert capture.size is None
    assert records(capture) == read(content)[1]
    assert capture.info.damage == ""


def test_a_pipe_is_read_again_from_its_copy():
    capture = CaptureFile(Pipe(pcap(5000)))
    got = records(capture)
    again = dict(item for batch in capture.reread(3000, 3001) for item in frames(batch))
    assert (again[3000], again[3001]) == (got[2999], got[3000])
    assert records(capture) == got


def test_a_pipe_too_long_to_keep_yields_nothing_again(monkeypatch):
    monkeypatch.setattr(source, "SPOOL_LIMIT", 10_000)
    capture = CaptureFile(Pipe(pcap(5000)))
    assert len(records(capture)) == 5000
    assert list(capture.reread(1, 5)) == []
    assert records(capture) == []


def test_a_full_disk_loses_only_the_second_look(monkeypatch):
    class Full(io.BytesIO):
        def write(self, _):
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", lambda buffering: Full())
    capture = CaptureFile(Pipe(pcap(50)))
    assert len(records(capture)) == 50
    assert list(capture.reread(1, 5)) == []


def test_a_stream_without_readinto_is_read():
    class Old:
        def __init__(self, content):
            self.read = io.BytesIO(content).read

    assert records(CaptureFile(Old(pcap(50)))) == read(pcap(50))[1]


def test_a_stream_begins_where_it_stands():
    stream = io.BytesIO(b"before" + pcap(50))
    stream.seek(6)
    capture = CaptureFile(stream)
    assert (len(records(capture)), capture.size) == (50, len(pcap(50)))
    assert records(capture) == read(pcap(50))[1]


def test_a_named_pipe_is_read_as_a_pipe(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    writer = threading.Thread(target=(tmp_path / "fifo").write_bytes, args=(pcap(2000),))
    writer.start()
    capture = CaptureFile(tmp_path / "fifo")
    assert (len(records(capture)), capture.size) == (2000, None)
    writer.join()


READ_STDIN = """
from pcapdiag.capture import open_captures
(capture,) = open_captures(["-"])
print(sum(len(batch.records) for batch in capture.batches()))
"""


def from_stdin(**how):
    return subprocess.run([sys.executable, "-c", READ_STDIN], capture_output=True, text=True, **how)


def test_standard_input_from_a_pipe_and_from_a_file(tmp_path):
    shell = subprocess.Popen(["cat", written(tmp_path, "x.pcap", pcap(3000))], stdout=subprocess.PIPE)
    assert from_stdin(stdin=shell.stdout).stdout == "3000\n"
    shell.stdout.close()
    shell.wait()
    with (tmp_path / "x.pcap").open() as file:
        assert from_stdin(stdin=file).stdout == "3000\n"


def test_empty_standard_input_is_named():
    assert "standard input: is empty" in from_stdin(stdin=subprocess.DEVNULL).stderr


def test_a_terminal_is_no_capture(monkeypatch):
    monkeypatch.setattr(sys, "stdin", type("Terminal", (), {"closed": False, "isatty": lambda self: True})())
    with pytest.raises(CaptureError, match="standard input: is a terminal"):
        CaptureFile("-")


def test_no_standard_input_at_all(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(CaptureError, match="standard input: is closed"):
        CaptureFile("-")


def test_a_read_error_ends_the_records_and_is_told():
    class Failing(Pipe):
        def readinto(self, buffer):
            if count := super().readinto(buffer):
                return count
            raise OSError(5, "Input/output error")

    capture = CaptureFile(Failing(pcap(50)))
    assert len(records(capture)) == 50
    assert capture.info.damage == "cannot be read further: input/output error after packet 50"
