from __future__ import annotations

import io

import pytest

from pcapdiag.causes.account import Unexplained
from pcapdiag.report.html import html_report
from pcapdiag.report.text import print_report, text_report
from tests.report.outage import NASTY, empty, outage, quiet


def test_says_what_failed_why_and_what_to_do() -> None:
    said = text_report(outage())
    assert "3 of 10 requests failed; 2 explained: backend-reset; 1 not explained." in said
    assert "ERROR  backend-reset  20 % of backend requests, clients got 502" in said
    assert "The backend reset the connection" in said
    assert "reset after (median) 50 ms" in said
    assert "- Look into the backend's log." in said
    assert "1 frontend exchange with 504: the backend leg is not in this capture" in said


def test_of_many_kinds_of_unexplained_failures_the_largest_are_told() -> None:
    analysis = outage()
    analysis.account.unexplained = [
        Unexplained(str(599 - n), 30 - n, "frontend", "nothing fits") for n in range(20)
    ]
    said = text_report(analysis)
    assert said.count("nothing fits") == 8 and "- and 12 more kinds, 198 exchanges" in said
    assert html_report(analysis).count("nothing fits") == 8 + 20  # the page's JSON has all


def test_says_who_the_load_balancer_is_and_which_profile_was_used() -> None:
    said = text_report(outage())
    assert "Load balancer: 10.0.1.10, 10.0.2.10 (given)" in said
    assert "Profile: aws (given)" in said


def test_shows_three_pieces_of_evidence_with_their_display_filters() -> None:
    said = text_report(outage())
    assert "Evidence (3 of 5)" in said
    assert "frames 20, 21 at" in said
    assert "\n      tcp.port==8080 && 0\n" in said
    assert "tcp.port==8080 && 3" not in said


@pytest.mark.parametrize("width", [40, 72, 100])
def test_wraps_to_the_width(width: int) -> None:
    lines = text_report(outage("/pay"), width).splitlines()
    explanation = [line for line in lines if "reset the connection" in line or "answered" in line]
    assert explanation and all(len(line) <= width for line in explanation)


def test_says_plainly_when_nothing_failed_and_what_was_checked() -> None:
    said = text_report(quiet())
    assert "Nothing failed: 1 request," in said
    assert (
        "Checked: 1 connection, 1 exchange on the frontend leg; the backend leg is not in this capture"
        in said
    )


def test_a_capture_without_tcp_is_no_error() -> None:
    assert "No TCP connection in this capture" in text_report(empty())


def test_text_of_the_capture_cannot_reach_the_terminal_raw() -> None:
    said = text_report(outage(NASTY))
    assert "\x1b" not in said and "\u202e" not in said and "\u2028" not in said
    assert "\\x1b[31m\\u202egpj.exe" in said


def test_a_pipe_gets_plain_text_without_rich(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "rich.console", None)
    stream = io.StringIO()
    print_report(outage(), stream)
    assert stream.getvalue() == text_report(outage())


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_colour_unless_it_asks_for_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.delenv("NO_COLOR", raising=False)
    coloured = Terminal()
    print_report(outage(), coloured)
    assert "\x1b[1;31mERROR" in coloured.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    plain = Terminal()
    print_report(outage(), plain)
    assert "31m" not in plain.getvalue() and "ERROR" in plain.getvalue()


def test_markup_of_rich_in_a_uri_is_only_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    stream = Terminal()
    print_report(outage("/[bold]x[/bold]"), stream)
    assert "/[bold]x[/bold]" in stream.getvalue()
