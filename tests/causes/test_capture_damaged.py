"""capture-damaged: a file cut in a record, or with an impossible one."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from pcapdiag import analyze
from pcapdiag.causes import capture_damaged
from tests.capture.test_decompression import COMPRESS
from tests.causes.stories import of_the_capture, says_nothing, sound_capture, with_file
from tests.conversation import Conversation, write


def test_damage_says_where() -> None:
    finding = of_the_capture(
        capture_damaged, with_file(damage="cut in a packet", damage_offset=1234, packets=56)
    )
    assert finding.facts["damage_offset_bytes"] == 1234
    assert finding.facts["frame"] == 56
    assert "1,234" in finding.title


def test_the_title_names_the_file_not_its_folder() -> None:
    traffic = with_file(path="/var/tmp/night/alb.pcap", damage="cut in a packet", packets=56)
    assert of_the_capture(capture_damaged, traffic).title.startswith("alb.pcap is damaged")


@pytest.mark.parametrize("kind", COMPRESS)
def test_of_a_compressed_file_that_is_cut_what_came_before_is_analysed(kind: str, tmp_path: Path) -> None:
    talk = Conversation("10.0.0.1:40000", "10.0.0.10:80")
    talk.handshake()
    for number in range(400):
        noise = hashlib.sha512(b"%d" % number).hexdigest() * 20
        talk.request(f"GET /{number} HTTP/1.1\r\nHost: a\r\nX-Noise: {noise}\r\n\r\n")
        talk.response("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    whole = COMPRESS[kind](write(tmp_path / "whole.pcap", talk).read_bytes())
    (tmp_path / "cut.pcap").write_bytes(whole[: len(whole) * 3 // 4])
    analysis = analyze(tmp_path / "cut.pcap")
    assert [finding.cause.name for finding in analysis.findings] == ["capture-damaged"]
    assert 100 < len(analysis.traffic.exchanges) < 400


def test_a_sound_capture_has_none() -> None:
    assert says_nothing(capture_damaged, sound_capture())
