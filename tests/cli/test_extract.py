from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pcapdiag.capture import CaptureFile
from pcapdiag.cli import main
from tests.conversation import Conversation, merged, write

CAPTURES = Path(__file__).parents[2] / "captures"


@pytest.fixture
def two(tmp_path: Path) -> tuple[Conversation, Conversation, Path]:
    """Two connections at the same time."""
    talks = [Conversation(f"10.0.0.{n}:40000", start_s=n / 10000) for n in (1, 2)]
    for talk in talks:
        talk.handshake()
        talk.request("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        talk.close()
    return talks[0], talks[1], write(tmp_path / "two.pcap", *talks)


def run(*args: object) -> Result:
    return CliRunner().invoke(main, ["extract", *(str(arg) for arg in args)])


def times(path: Path) -> list[int]:
    return [int(time) for batch in CaptureFile(path).batches() for time in batch.records["time_ns"]]


def test_carves_one_connection(two: tuple[Conversation, Conversation, Path], tmp_path: Path) -> None:
    _, second, path = two
    result = run(path, "--connection", 1, "-o", tmp_path / "one.pcap")
    assert result.exit_code == 0, result.stderr
    assert times(tmp_path / "one.pcap") == [time_ns for time_ns, _ in second.packets]
    assert f"{len(second.packets)} packets of 1 connection" in result.stdout


def test_connections_and_causes_add_up(tmp_path: Path) -> None:
    capture = CAPTURES / "backend-reset" / "nginx-before-response.pcap"
    carved = {}
    for name, args in {
        "one": ["--connection", 0],
        "cause": ["--cause", "backend-reset"],
        "both": ["--cause", "backend-reset", "--connection", 0],
    }.items():
        assert run(capture, *args, "-o", tmp_path / f"{name}.pcap").exit_code == 0
        carved[name] = times(tmp_path / f"{name}.pcap")
    assert not set(carved["one"]) & set(carved["cause"])
    assert carved["both"] == sorted(carved["one"] + carved["cause"])


@pytest.mark.parametrize("name", ["both.pcap", "both.pcapng"])
def test_several_connections_keep_their_order(
    two: tuple[Conversation, Conversation, Path], tmp_path: Path, name: str
) -> None:
    first, second, path = two
    run(path, "--connection", 0, "--connection", 1, "-o", tmp_path / name)
    assert times(tmp_path / name) == [time_ns for time_ns, _ in merged(first, second)]


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--connection", 7], "no connection 7: the capture holds 2"),
        (["--cause", "backend-reset"], "backend-reset was not found in this capture"),
        (["--cause", "backend-rest"], "did you mean backend-reset"),
        ([], "say which"),
    ],
)
def test_wrong_use_is_one_line(
    two: tuple[Conversation, Conversation, Path], tmp_path: Path, args: list[object], said: str
) -> None:
    result = run(two[2], *args, "-o", tmp_path / "x.pcap")
    assert result.exit_code == 2 and said in result.stderr and result.stderr.count("\n") == 1
    assert not (tmp_path / "x.pcap").exists()
