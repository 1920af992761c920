"""malformed-response: bytes that are no response by HTTP/1.1's rules."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcapdiag import tables as t
from pcapdiag.analysis import analyze
from pcapdiag.causes import malformed_response
from pcapdiag.causes.cause import Severity
from tests.causes.stories import CLIENT, Story
from tests.conversation import Conversation, write


class Reader:
    """Stands in for what reads packets again."""

    def why_malformed(self, exchange: int, direction: int) -> str:
        assert direction == 1
        return f"reason of {exchange}"


def bad(story: Story, front_status: int, **fields: object) -> int:
    front = story.asked(status=front_status)
    given = {"and_flags": t.RSP_BAD | t.RSP_SEEN, "response_ended": t.END_MALFORMED}
    return story.forwarded(front, status=0, **(given | fields))


def test_a_head_that_cannot_be_read_is_answered_502() -> None:
    story = Story()
    story.works(1)
    story.fin(bad(story, 502), by=CLIENT, after_s=0.01)
    finding = story.only(malformed_response)
    assert (finding.count, finding.statuses) == (1, {"502": 1})


def test_it_says_what_is_wrong() -> None:
    story = Story()
    row = bad(story, 502)
    traffic = story.build()
    traffic.wire = Reader()  # type: ignore[assignment]
    (finding,) = malformed_response.find(traffic, story.profile)
    assert finding.facts["reasons"] == [f"reason of {row}"]
    assert f"reason of {row}" in finding.title


def test_what_the_balancer_let_pass_is_a_warning() -> None:
    story = Story()
    bad(story, 200, response_ended=t.END_COMPLETE)
    assert story.only(malformed_response).severity == Severity.WARNING


def test_after_a_gap_in_the_capture_bytes_prove_nothing() -> None:
    story = Story()
    bad(story, 200)
    story.tables.connections[-1]["flags"] |= t.CONN_GAP
    assert story.silent(malformed_response)


def test_bytes_cut_by_the_snaplen_prove_nothing() -> None:
    story = Story()
    bad(story, 200)
    story.tables.connections[-1]["flags"] |= t.CONN_TRUNCATED
    assert story.silent(malformed_response)


def test_the_frontends_responses_are_the_balancers() -> None:
    story = Story()
    story.asked(status=200, and_flags=t.RSP_BAD)
    assert story.silent(malformed_response)


def kept_alive(answer: str, before: str = "") -> Conversation:
    """A backend connection older than the capture; its next request, and what came back."""
    c = Conversation("10.0.1.10:40000", "10.0.1.5:8080")
    c.handshake()
    c.packets.clear()
    if before:
        c.server.send(before)
    c.request("GET /report HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n")
    c.wait(0.02)
    c.response(answer)
    c.client.rst()
    return c


def found(path: Path, *conversations: Conversation) -> dict[str, int]:
    analysis = analyze([str(write(path / "story.pcap", *conversations))], alb=("10.0.1.10",))
    return {f.cause.name: f.count for f in analysis.findings if f.severity >= Severity.WARNING}


def test_the_first_answer_seen_on_an_old_connection_may_be_no_response(tmp_path: Path) -> None:
    assert found(tmp_path, kept_alive("220 smtp.example.net ESMTP ready\r\n")) == {"malformed-response": 1}


@pytest.mark.parametrize(
    ("answer", "before"),
    [
        ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", ""),
        ("HTT", ""),
        ("the rest of a long body", "the middle of it"),
    ],
)
def test_bytes_that_may_belong_to_a_response_prove_nothing(tmp_path: Path, answer: str, before: str) -> None:
    assert not found(tmp_path, kept_alive(answer, before))


def test_a_first_segment_the_capture_lost_makes_no_malformed_response(tmp_path: Path) -> None:
    c = Conversation("10.0.1.10:40000", "10.0.1.5:8080")
    c.handshake()
    c.packets.clear()
    c.request("GET /report HTTP/1.1\r\nHost: a\r\nX-Forwarded-For: 10.0.0.1\r\n\r\n")
    c.server.send("HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\n", unseen=True)
    c.server.send("zzzzzzzz")
    c.client.rst()
    assert "malformed-response" not in found(tmp_path, c)
