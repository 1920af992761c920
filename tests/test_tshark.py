"""tshark through pyshark: where it reads from, what it is asked, and how it fails."""

from __future__ import annotations

import io
import lzma
import shutil
from pathlib import Path

import pytest

from pcapdiag import tshark
from pcapdiag.capture import CaptureFile
from pcapdiag.errors import PcapdiagError
from tests.conversation import START_NS, Conversation, capture

needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


def conversation() -> bytes:
    c = Conversation()
    c.handshake()
    c.request('GET /a HTTP/1.1\r\nHost: h&<">\r\n\r\n')
    c.server.rst()
    return capture(c)


def written(folder: Path, content: bytes, name: str = "x.pcap") -> CaptureFile:
    (folder / name).write_bytes(content)
    file = CaptureFile(folder / name)
    list(file.batches())
    return file


def test_a_plain_file_is_read_where_it_lies(tmp_path: Path) -> None:
    file = written(tmp_path, conversation())
    with tshark.readable(file) as path:
        assert path == tmp_path / "x.pcap"


def test_what_tshark_may_not_unpack_is_copied_and_the_copy_removed(tmp_path: Path) -> None:
    file = written(tmp_path, lzma.compress(conversation()), "x.pcap.xz")
    with tshark.readable(file) as path:
        assert path.read_bytes() == conversation()
    assert not path.exists()


def test_a_stream_is_copied() -> None:
    file = CaptureFile(io.BytesIO(conversation()))
    list(file.batches())
    with tshark.readable(file) as path:
        assert path.read_bytes() == conversation()


@needs_tshark
def test_frames_have_their_fields(tmp_path: Path) -> None:
    file = written(tmp_path, conversation())
    (packet,) = tshark.frames(Path(file.path), "http.request", "ip tcp http")
    (http,) = packet.named("http")
    assert (packet.number, packet.time_ns) == (4, START_NS + 300_000)
    assert http.first("http.request.uri") == "/a"
    assert http.all("http.host") == ['h&<">']
    assert http.first("http.response.code") == "" and http.all("http.server") == []


@needs_tshark
def test_reads_no_further_than_asked(tmp_path: Path) -> None:
    file = written(tmp_path, conversation())
    numbers = [p.number for p in tshark.frames(Path(file.path), "tcp", "tcp", last_frame=3)]
    assert numbers == [1, 2, 3]


@needs_tshark
def test_a_capture_cut_short_gives_what_it_has(tmp_path: Path) -> None:
    file = written(tmp_path, conversation()[:-10])
    assert len(list(tshark.frames(Path(file.path), "tcp", "tcp"))) == 5


@needs_tshark
def test_what_is_no_capture_is_said_in_tshark_s_words(tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"nonsense" * 10)
    with pytest.raises(tshark.TsharkGaveUp, match="tshark gave up on x: "):
        list(tshark.frames(tmp_path / "x", "tcp", "tcp"))


@needs_tshark
def test_leaving_early_leaves_no_process(tmp_path: Path) -> None:
    file = written(tmp_path, conversation())
    frames = tshark.frames(Path(file.path), "tcp", "tcp")
    next(frames)
    frames.close()  # type: ignore[attr-defined]


def test_a_missing_tshark_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(PcapdiagError, match="verify needs tshark, which is not installed"):
        tshark.need_tshark("verify")
