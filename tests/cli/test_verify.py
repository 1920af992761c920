from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pcapdiag import verify as v
from pcapdiag.cli import main
from tests.conversation import Conversation, write

CAPTURES = Path(__file__).resolve().parents[2] / "captures"
RESET = CAPTURES / "backend-reset" / "haproxy-before-response.pcap"
needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


def run(*args: str | Path) -> Result:
    return CliRunner().invoke(main, ["verify", *map(str, args)])


@needs_tshark
def test_agreement_is_a_table_and_exit_0() -> None:
    result = run(RESET)
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[1].split()[:2] == ["agree", "backend-reset"]


@needs_tshark
def test_json_names_frames_and_what_tshark_sees() -> None:
    (finding,) = json.loads(run(RESET, "--format", "json").stdout)
    assert finding["opinion"] == "agree" and finding["evidence_asked"] == finding["evidence_total"]
    assert any("RST" in words for words in finding["evidence"][0]["frames"].values())


@needs_tshark
def test_a_difference_is_exit_1(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(v.SIGNS, "backend-reset", v.flag("SYN", v.SERVER))
    result = run(RESET)
    assert result.exit_code == 1
    assert "not seen: SYN from server" in result.stdout


@needs_tshark
def test_without_findings_there_is_nothing_to_ask(tmp_path: Path) -> None:
    calm = Conversation()
    calm.handshake()
    calm.request("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    calm.response("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    calm.close()
    result = run(write(tmp_path / "calm.pcap", calm))
    assert (result.exit_code, result.stdout) == (0, "No findings: nothing to ask tshark about.\n")


def test_without_tshark_one_line_and_exit_2(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = run(RESET)
    assert result.exit_code == 2
    assert result.stderr.startswith("pcapdiag: verify needs tshark") and result.stderr.count("\n") == 1


def test_wrong_use_is_exit_2() -> None:
    assert run("nowhere.pcap").exit_code == 2
