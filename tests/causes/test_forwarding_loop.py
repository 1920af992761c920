"""forwarding-loop: 463, and the forwarding fields that show the circle."""

from __future__ import annotations

from pathlib import Path

from pcapdiag.analysis import analyze
from pcapdiag.causes import forwarding_loop
from pcapdiag.causes.cause import Finding
from tests.causes.stories import Story
from tests.conversation import Conversation, write


def test_463_is_a_loop_whatever_else_is_known() -> None:
    story = Story("aws")
    story.works(2)
    story.asked(status=463)
    finding = story.only(forwarding_loop)
    assert (finding.count, finding.statuses) == (1, {"463": 1})


def test_a_long_way_that_is_answered_is_no_loop() -> None:
    story = Story("aws")
    story.works(2)
    assert story.silent(forwarding_loop)


def ask(path: Path, field: str, profile: str) -> Finding:
    talk = Conversation(client="10.0.0.1:40000", server="10.0.0.10:80")
    talk.handshake()
    talk.request(f"GET / HTTP/1.1\r\nHost: shop.example.com\r\n{field}\r\n\r\n")
    talk.response("HTTP/1.1 463 \r\nContent-Length: 0\r\n\r\n")
    talk.close()
    found = analyze(write(path / "loop.pcap", talk), alb=["10.0.0.10"], profile=profile).findings
    return next(f for f in found if f.cause is forwarding_loop.CAUSE)


def test_addresses_are_counted(tmp_path: Path) -> None:
    finding = ask(tmp_path, "X-Forwarded-For: " + ", ".join(f"10.9.0.{n}" for n in range(33)), "aws")
    assert finding.facts["forwarded_for_addresses"] == 33
    assert "allows 30" in finding.title


def test_a_repeated_hash_is_named(tmp_path: Path) -> None:
    finding = ask(tmp_path, "ALICLOUD-ALB-TRACE: 00aa, 00bb, 00aa", "alibaba")
    assert finding.facts["repeated_hash"] == "00aa"
