from __future__ import annotations

import errno
import io
import os
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from pcapdiag.cli import main
from pcapdiag.cli.output import BAR_FROM_BYTES, Bar, progress_line, whole_file
from pcapdiag.errors import PcapdiagError

CAPTURES = Path(__file__).parents[2] / "captures"


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "x"
    with pytest.raises(RuntimeError), whole_file(path) as stream:
        stream.write(b"half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    with whole_file(path) as stream:
        stream.write(b"whole")
        assert not path.exists()
    assert path.read_bytes() == b"whole" and list(tmp_path.iterdir()) == [path]


def test_a_link_s_target_is_replaced_not_the_link(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with whole_file(tmp_path / "link") as stream:
        stream.write(b"x")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real").read_bytes() == b"x"


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_bar_is_for_terminals_and_large_captures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = tmp_path / "large"
    with large.open("wb") as stream:
        stream.truncate(BAR_FROM_BYTES)
    assert progress_line((str(large),), True) is None
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert progress_line((str(large),), True) is not None
    assert progress_line((str(large),), False) is None
    assert progress_line(("-", str(tmp_path / "missing")), True) is None


def test_the_bar_says_how_far_it_is_and_goes_away(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    bar = Bar(200_000_000)
    bar(100_000_000)
    assert " 50 % of 200 MB" in terminal.getvalue()
    bar(200_000_000)
    assert terminal.getvalue().endswith("\r\x1b[K")


@pytest.mark.parametrize("command", [["report", "--format", "html"], ["extract", "--connection", "0"]])
def test_the_capture_that_is_read_is_never_written_over(tmp_path: Path, command: list[str]) -> None:
    capture = tmp_path / "x.pcap"
    capture.write_bytes((CAPTURES / "healthy" / "haproxy-mix.pcap").read_bytes())
    (tmp_path / "link.pcap").symlink_to(capture)
    before = capture.read_bytes()
    for name in ("x.pcap", "link.pcap"):
        result = CliRunner().invoke(main, [*command, str(capture), "-o", str(tmp_path / name)])
        assert (result.exit_code, result.stderr.count("\n")) == (2, 1)
        assert "this is the capture that is read" in result.stderr
    assert capture.read_bytes() == before


def test_a_file_that_cannot_be_written_is_told_by_its_own_name(tmp_path: Path) -> None:
    with (
        pytest.raises(PcapdiagError, match=r"x\.html: no space left on device$"),
        whole_file(tmp_path / "x.html"),
    ):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert not list(tmp_path.iterdir())
