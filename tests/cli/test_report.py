from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import pcapdiag
from pcapdiag.cli import main
from pcapdiag.cli.report import stem
from tests.conversation import Conversation, capture, write


@pytest.fixture
def outage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A capture whose client got a 502 from 10.0.0.10, which had met a backend's RST."""
    front = Conversation("10.0.0.1:40000", "10.0.0.10:80")
    front.handshake()
    front.request("GET /pay HTTP/1.1\r\nHost: shop\r\n\r\n")
    back = Conversation("10.0.0.10:50000", "10.0.3.1:8080", start_s=0.001)
    back.handshake()
    back.request("GET /pay HTTP/1.1\r\nHost: shop\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n")
    back.wait(0.05)
    back.server.rst()
    front.wait(0.06)
    front.response("HTTP/1.1 502 Bad Gateway\r\nServer: awselb/2.0\r\nContent-Length: 0\r\n\r\n")
    monkeypatch.chdir(tmp_path)
    return write(tmp_path / "prod.pcap", front, back)


@pytest.fixture
def calm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    c = Conversation()
    c.handshake()
    c.request("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    c.response("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    c.close()
    monkeypatch.chdir(tmp_path)
    return write(tmp_path / "calm.pcap", c)


def run(*args: str | Path, stdin: bytes | None = None) -> Result:
    return CliRunner().invoke(main, [str(arg) for arg in args], input=stdin)


def one_line(result: Result, code: int = 2) -> str:
    assert result.exit_code == code, result.output
    assert result.stderr.startswith("pcapdiag: ") and result.stderr.count("\n") == 1
    return result.stderr


def test_prints_the_verdict_and_writes_the_page_here(outage: Path) -> None:
    result = run("report", "--alb", "10.0.0.10", outage)
    assert result.exit_code == 0, result.stderr
    assert "1 of 1 requests failed; all explained: backend-reset." in result.stdout
    assert result.stdout.endswith("Report: prod.html\n")
    assert Path("prod.html").read_text().startswith("<!doctype html>")
    assert [p.name for p in Path.cwd().iterdir() if p.name.endswith(".part")] == []


def test_the_page_carries_ladders_of_both_legs(outage: Path) -> None:
    run("report", "--alb", "10.0.0.10", outage)
    page = Path("prod.html").read_text()
    view = json.loads(page.split('id="view-data">')[1].split("</script>")[0])
    lanes = [lane["role"] for lane in view["ladders"][0]["lanes"]]
    assert lanes == ["client", "ALB", "backend"]


@pytest.mark.parametrize(
    ("name", "begins"),
    [("x.json", "{"), ("x.txt", "pcapdiag"), ("x.html", "<!doctype"), ("x", "<!doctype")],
)
def test_the_suffix_is_the_format(outage: Path, name: str, begins: str) -> None:
    assert run("report", outage, "-o", name).exit_code == 0
    assert Path(name).read_text().startswith(begins)


def test_a_suffix_of_no_format_is_refused(outage: Path) -> None:
    result = run("report", outage, "-o", "x.pdf")
    assert result.exit_code == 2 and "x.pdf: .pdf is no format" in result.stderr
    assert result.stderr.count("\n") == 1 and not Path("x.pdf").exists()
    assert run("report", outage, "-o", "x.pdf", "--format", "html").exit_code == 0


def test_a_report_into_no_folder_is_refused_by_the_name_given(outage: Path) -> None:
    result = run("report", outage, "-o", "nowhere/x.html")
    assert result.exit_code == 2 and result.stderr == "pcapdiag: nowhere/x.html: nowhere is no folder\n"


def test_a_site_s_own_values_are_said_to_be_used(outage: Path) -> None:
    Path("site.toml").write_text("slow_backend_s = 2\n")
    said = run("report", outage, "--format", "text", "--profile-file", "site.toml").stdout
    assert "; with the values of site.toml)" in " ".join(said.split())


def test_a_format_given_outweighs_the_suffix(outage: Path) -> None:
    run("report", outage, "-o", "x.txt", "--format", "json")
    assert json.loads(Path("x.txt").read_text())["schema"] == 1


@pytest.mark.parametrize("where", [["-o", "-"], []])
def test_json_on_stdout_is_nothing_but_json(outage: Path, where: list[str]) -> None:
    result = run("report", outage, "--format", "json", *where)
    assert json.loads(result.stdout)["schema"] == 1
    assert list(Path.cwd().glob("*.json")) == []


def test_reads_stdin(outage: Path) -> None:
    result = run("report", "-", stdin=outage.read_bytes())
    assert result.stdout.endswith("Report: stdin.html\n")
    assert result.stdout.startswith(f"pcapdiag {pcapdiag.__version__}: standard input: ")
    assert "<h1>standard input</h1>" in Path("stdin.html").read_text("utf-8")
    in_json = json.loads(run("report", "-", "--format", "json", stdin=outage.read_bytes()).stdout)
    assert in_json["capture"]["files"][0]["path"] == "-"


def test_exit_code_1_only_when_asked_for(outage: Path, calm: Path) -> None:
    assert run("report", outage, "-o", "-").exit_code == 0
    assert run("report", outage, "-o", "-", "--alb", "10.0.0.10", "--fail-on", "error").exit_code == 1
    assert run("report", outage, "-o", "-", "--alb", "10.0.0.10", "--fail-on", "warning").exit_code == 1
    assert run("report", calm, "-o", "-", "--fail-on", "warning").exit_code == 0


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["nowhere.pcap"], "nowhere.pcap"),
        (["prod.pcap", "--only", "keepalive-rase"], "did you mean keepalive-race"),
        (["prod.pcap", "--ignore", "qqq"], "choose one of"),
        (["prod.pcap", "--profile", "awss"], "did you mean aws"),
        (["prod.pcap", "--format", "xml"], "xml"),
        (["prod.pcap", "--frobnicate"], "--frobnicate"),
        (["prod.pcap", "-o", "no/such/folder/x.html"], "no/such/folder"),
        ([], "CAPTURE"),
    ],
)
def test_wrong_use_is_one_line(outage: Path, args: list[str], said: str) -> None:
    assert said in one_line(run("report", *args))


def test_what_is_no_capture_is_one_line(tmp_path: Path) -> None:
    nonsense = tmp_path / "nonsense.pcap"
    nonsense.write_bytes(b"\x1b]0;owned\x07 not a capture at all")
    assert "\x1b" not in one_line(run("report", nonsense))


def test_a_report_that_cannot_be_written_leaves_the_old_one(outage: Path) -> None:
    old = Path("prod.html")
    old.write_text("old")
    command = "ulimit -f 8; exec " + f"{sys.executable} -m pcapdiag report {outage}"
    ended = subprocess.run(
        ["bash", "-c", "trap '' XFSZ; " + command], capture_output=True, text=True, env=environment()
    )
    assert ended.returncode == 2
    assert ended.stderr.count("\n") == 1 and "prod.html: file too large" in ended.stderr
    assert old.read_text() == "old" and sorted(p.name for p in Path.cwd().iterdir()) == [
        "prod.html",
        "prod.pcap",
    ]


def test_a_closed_pipe_is_no_error(outage: Path) -> None:
    command = f"{sys.executable} -m pcapdiag report -o - {outage} | head -c 1; exit ${{PIPESTATUS[0]}}"
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment())
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "<", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
@pytest.mark.parametrize("command", [["report", "--format", "json"], ["packets"], ["report"]])
def test_a_full_disk_behind_stdout_is_one_line(outage: Path, command: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "pcapdiag", *command, str(outage)],
            stdout=full, stderr=subprocess.PIPE, text=True, env=environment(),
        )  # fmt: skip
    assert (ended.returncode, ended.stderr) == (2, "pcapdiag: standard output: no space left on device\n")


def test_a_listing_s_closed_pipe_is_no_error(outage: Path) -> None:
    command = (
        f"{sys.executable} -u -m pcapdiag packets {outage} {outage} | head -c 1; exit ${{PIPESTATUS[0]}}"
    )
    ended = subprocess.run(["bash", "-c", command], capture_output=True, text=True, env=environment())
    assert (ended.returncode, ended.stderr) == (0, "")


def test_writes_to_a_device_without_replacing_it(outage: Path) -> None:
    assert run("report", outage, "-o", "/dev/null").exit_code == 0
    assert Path("/dev/null").is_char_device()


def environment() -> dict[str, str]:
    return os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}


@pytest.mark.parametrize(
    ("name", "short"),
    [("a/prod.pcap", "prod"), ("prod.pcapng.gz", "prod"), ("x.PCAP", "x"), ("prod", "prod"), ("-", "stdin"),
     (".pcap", ".pcap"), ("a.b.cap", "a.b")],
)  # fmt: skip
def test_the_page_is_named_after_the_capture(name: str, short: str) -> None:
    assert stem(name) == short


def test_a_pipe_imports_neither_rich_nor_a_cold_path(outage: Path) -> None:
    code = (
        "import sys; from pcapdiag.cli import main\n"
        f"try: main(['report', {str(outage)!r}, '-o', 'x.json'])\n"
        "except SystemExit: pass\n"
        "cold = {'rich', 'dpkt', 'httptools', 'pyshark', 'jinja2', 'asyncio'}\n"
        "print(sorted(cold & set(sys.modules)), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment())
    assert ended.stderr == "[]\n"


def test_several_captures_are_one_analysis(tmp_path: Path, calm: Path) -> None:
    c = Conversation("10.0.0.9:1234", start_s=100)
    c.handshake()
    (tmp_path / "calm2.pcap").write_bytes(capture(c))
    result = run("report", calm, "calm2.pcap", "--format", "json")
    assert len(json.loads(result.stdout)["capture"]["files"]) == 2
