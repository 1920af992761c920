"""Ctrl-C, with real processes and signals: what was read is reported, or the old report stays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.conversation import Conversation, capture

ROOT = Path(__file__).resolve().parents[2]
PATIENCE_S = 20.0


def content() -> bytes:
    parts = []
    for number in range(200):
        c = Conversation(f"10.0.0.1:{40000 + number}", start_s=number)
        c.handshake()
        c.request("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        c.response("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
        parts.append(c)
    return capture(*parts)


def reporting(folder: Path, *arguments: str) -> subprocess.Popen[bytes]:
    """`pcapdiag report` on a pipe that has given a capture and stays open."""
    process = subprocess.Popen(
        [sys.executable, "-m", "pcapdiag", "report", *arguments, "-"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert process.stdin is not None
    process.stdin.write(content())
    process.stdin.flush()
    wait_until(lambda: reads(process.pid), "its reader")
    time.sleep(0.5)  # what was written is read and tracked
    return process


def reads(pid: int) -> bool:
    """Whether the process has begun to read: in a thread of its own, as it imports the causes in another."""
    return len(list(Path(f"/proc/{pid}/task").iterdir())) > 1


def wait_until(holds, what: str) -> None:  # type: ignore[no-untyped-def]
    until = time.monotonic() + PATIENCE_S
    while not holds():
        assert time.monotonic() < until, f"waited in vain for {what}"
        time.sleep(0.02)


def ended(process: subprocess.Popen[bytes]) -> tuple[str, str]:
    """What it printed; its pipe is open to the end."""
    assert process.stdout is not None and process.stderr is not None
    process.wait(PATIENCE_S)
    return process.stdout.read().decode(), process.stderr.read().decode()


pytestmark = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="needs Linux's /proc")


def test_ctrl_c_reports_what_was_read(tmp_path: Path) -> None:
    process = reporting(tmp_path, "--format", "json")
    process.send_signal(signal.SIGINT)
    out, said = ended(process)
    report = json.loads(out)
    assert process.returncode == 130
    assert said == "pcapdiag: interrupted: this reports what was read until then\n"
    assert report["legs"]["frontend"]["statuses"] == {"200": 200}
    assert report["capture"]["files"][0]["interrupted"] is True


def test_the_page_is_whole_after_ctrl_c(tmp_path: Path) -> None:
    process = reporting(tmp_path)
    process.send_signal(signal.SIGINT)
    out, _ = ended(process)
    assert "reading was interrupted after 1,400 packets; those were analysed" in " ".join(out.split())
    assert (tmp_path / "stdin.html").read_text().rstrip().endswith("</html>")
    assert [path.name for path in tmp_path.iterdir()] == ["stdin.html"]


def test_ctrl_c_after_the_reading_keeps_the_old_report(tmp_path: Path) -> None:
    old = tmp_path / "x.html"
    old.write_text("old")
    (tmp_path / "x.pcap").write_bytes(content())
    code = (
        "import signal, os, time, pcapdiag.causes as causes\n"
        "from pcapdiag.cli import main\n"
        "def judge(*_, **__): os.kill(os.getpid(), signal.SIGINT) or time.sleep(60)\n"
        "causes.judge = judge\n"
        "main(['report', 'x.pcap'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert (done.returncode, done.stderr.strip()) == (130, "pcapdiag: interrupted")
    assert old.read_text() == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["x.html", "x.pcap"]


def test_a_full_disk_keeps_the_old_report(tmp_path: Path) -> None:
    (tmp_path / "x.pcap").write_bytes(content())
    done = subprocess.run(
        [sys.executable, "-m", "pcapdiag", "report", "x.pcap", "-o", "/dev/full"], cwd=tmp_path,
        capture_output=True, text=True, check=False, env=os.environ | {"PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr == "pcapdiag: /dev/full: no space left on device\n"
