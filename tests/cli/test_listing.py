from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from pcapdiag.cli import main
from tests.conversation import Conversation, write


@pytest.fixture
def story(tmp_path: Path) -> Path:
    c = Conversation("[2001:db8::1]:40000", "[2001:db8::2]:80")
    c.handshake()
    c.client.send("GET /a\x1b[2J HTTP/1.1\r\nHost: a\r\n\r\n", dropped=True)
    c.wait(0.3)
    c.client.retransmit()
    c.response("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    c.close()
    return write(tmp_path / "story.pcap", c)


def said(*args: object) -> str:
    result = CliRunner().invoke(main, [str(arg) for arg in args])
    assert result.exit_code == 0, result.stderr
    return result.stdout


def test_packets_carry_wireshark_s_analysis_flags(story: Path) -> None:
    rows = json.loads(said("packets", story, "--format", "json"))
    assert [row["frame"] for row in rows] == list(range(1, len(rows) + 1))
    assert rows[0]["source"] == "[2001:db8::1]:40000" and rows[0]["flags"] == "SYN"
    assert rows[0]["time"] == "2023-11-14T22:13:20Z"
    again = [row["frame"] for row in rows if "retransmission" in row["analysis"]]
    assert again == [5]


def test_connections_as_csv(story: Path) -> None:
    (row,) = csv.DictReader(io.StringIO(said("connections", story, "--format", "csv")))
    assert (row["client"], row["protocol"], row["state"]) == (
        "[2001:db8::1]:40000",
        "http",
        "closed by client",
    )
    assert int(row["client_retransmitted"]) + int(row["server_retransmitted"]) == 1


def test_exchanges_as_a_table_show_control_characters_spelled_out(story: Path) -> None:
    heading, line = said("exchanges", story).splitlines()
    assert heading.split()[:3] == ["exchange", "leg", "connection"]
    assert "\x1b" not in line and "/a\\x1b[2J" in line


def test_an_empty_list_is_still_json(tmp_path: Path) -> None:
    c = Conversation()
    assert json.loads(said("exchanges", write(tmp_path / "none.pcap", c), "--format", "json")) == []
