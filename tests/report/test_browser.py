"""The page in a real browser: it draws everything, and runs nothing that a capture brought."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from pcapdiag.analysis import analyze
from pcapdiag.report.html import html_report
from tests.conversation import Conversation, write
from tests.report.outage import empty

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--enable-logging=stderr", "--v=0",
    "--virtual-time-budget=3000", "--dump-dom",
)  # fmt: skip
HOSTILE = "/%22%3E<script>document.title='owned'</script><img/src=x/onerror=document.title='owned'>\u202egpj"

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium here")


def opened(page: Path, profile: Path) -> tuple[str, list[str]]:
    """The document as the browser made it, and what it said on its console."""
    command = [str(BROWSER), *FLAGS, f"--user-data-dir={profile}", page.as_uri()]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return ended.stdout, [line for line in ended.stderr.splitlines() if "CONSOLE" in line]


@pytest.fixture
def hostile(tmp_path: Path) -> Path:
    """The page of a capture whose failing request carries markup, a script and a bidirectional override."""
    front = Conversation("10.0.0.1:40000", "10.0.0.10:80")
    front.handshake()
    front.request(f"GET {HOSTILE} HTTP/1.1\r\nHost: shop\r\n\r\n")
    back = Conversation("10.0.0.10:50000", "10.0.3.1:8080", start_s=0.001)
    back.handshake()
    back.request(f"GET {HOSTILE} HTTP/1.1\r\nHost: shop\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n")
    back.wait(0.05)
    back.server.rst()
    front.wait(0.06)
    front.response("HTTP/1.1 502 Bad Gateway\r\nServer: awselb/2.0\r\nContent-Length: 0\r\n\r\n")
    capture = write(tmp_path / "hostile.pcap", front, back)
    page = tmp_path / "hostile.html"
    page.write_text(html_report(analyze(capture, alb=["10.0.0.10"])), "utf-8")
    return page


def test_draws_everything_and_runs_nothing_of_the_capture(hostile: Path, tmp_path: Path) -> None:
    document, said = opened(hostile, tmp_path / "profile")
    assert said == []
    assert re.search("<title>hostile.pcap: pcapdiag report</title>", document)
    for place in ("map-picture", "timeline-charts", "times-servers", "waterfall", "exchanges-table"):
        assert re.search(f'id="{place}"[^>]*><', document), f"{place} is empty"
    assert 'aria-label="Ladder diagram of' in document
    assert document.count("<script") == 3 and "<img" not in document
    assert "\u202e" not in document and "\\u202egpj" in document


def test_an_empty_capture_makes_a_page_too(tmp_path: Path) -> None:
    page = tmp_path / "empty.html"
    page.write_text(html_report(empty()), "utf-8")
    document, said = opened(page, tmp_path / "profile")
    assert said == []
    assert "No TCP connection in this capture" in document
