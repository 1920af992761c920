"""Precedence: one failed request, one root cause."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pcapdiag.analysis import analyze
from pcapdiag.causes import verdict
from pcapdiag.causes.cause import Cause, Evidence, Finding, Severity
from pcapdiag.causes.verdict import judge
from pcapdiag.errors import PcapdiagError
from pcapdiag.profiles import load_profile
from pcapdiag.report.summary import verdict as verdict_of
from pcapdiag.traffic import Traffic
from tests.tables_builder import TrafficBuilder

CAPTURES = Path(__file__).parents[2] / "captures"
ERROR, WARNING, INFO = Severity.ERROR, Severity.WARNING, Severity.INFO
DEEP = Cause("deep", ERROR, ("backend",), outranks=("middle",))
MIDDLE = Cause("middle", ERROR, ("backend",), outranks=("shallow",))
SHALLOW = Cause("shallow", ERROR, ("frontend",))
MILD = Cause("mild", WARNING, ("frontend",))
CAUSES = (SHALLOW, MIDDLE, DEEP, MILD)

FRONT, BACK = (0, 1, 2), (3, 4, 5)  # rows of `both_legs`: row n of the frontend has the peer n + 3


def both_legs() -> Traffic:
    """Three failed requests, each on both legs, each on connections of its own."""
    traffic = TrafficBuilder()
    for n in range(3):
        traffic.exchange(traffic.connection("10.0.0.1", "10.0.0.10", leg="frontend"), at_s=n, status=502)
    for n in range(3):
        traffic.exchange(traffic.connection("10.0.0.10", "10.0.1.5:8080", leg="backend"), at_s=n, status=0)
    tables = traffic.build()
    tables.peer = np.array([3, 4, 5, 0, 1, 2], "u4")
    tables.alb = ("10.0.0.10",)
    return tables


def claim(cause: Cause, rows: Sequence[int] = (), connections: Sequence[int] = (), leg: str = "") -> Finding:
    evidence = tuple(Evidence(row, "", "", (row,), 0, "") for row in rows)
    return Finding(
        cause,
        cause.severity,
        leg or cause.legs[0],
        "{count} failed",
        "",
        (),
        count=len(rows) + len(connections),
        statuses={"502": len(rows)},
        evidence=evidence,
        exchanges=np.array(rows, "i8"),
        connections=np.array(connections, "i8"),
    )


@pytest.fixture
def judged(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Finding]]:
    """Judges `both_legs` by detectors that make these claims."""

    def run(*findings: Finding, **options: Sequence[str]) -> list[Finding]:
        def detector(cause: Cause) -> SimpleNamespace:
            def find(traffic: Traffic, profile: object) -> Iterator[Finding]:
                return (f for f in findings if f.cause is cause)

            return SimpleNamespace(CAUSE=cause, find=find)

        modules = {cause.name: detector(cause) for cause in CAUSES}
        monkeypatch.setattr(verdict, "catalogue", lambda: modules)
        return judge(both_legs(), load_profile("generic"), **options)[0]

    return run


def names(findings: list[Finding]) -> list[tuple[str, int]]:
    return [(f.cause.name, f.count) for f in findings]


def test_a_claim_alone_stands_as_it_was_made(judged: Callable[..., list[Finding]]) -> None:
    (finding,) = judged(claim(SHALLOW, FRONT))
    assert finding.count == 3 and finding.statuses == {"502": 3} and len(finding.evidence) == 3
    assert finding.title == "3 failed"


def test_the_deeper_cause_takes_the_request_and_names_the_other(judged: Callable[..., list[Finding]]) -> None:
    (finding,) = judged(claim(MIDDLE, BACK), claim(DEEP, BACK))
    assert (finding.cause.name, finding.also) == ("deep", ("middle (3)",))


def test_precedence_reaches_through_causes_that_found_nothing(judged: Callable[..., list[Finding]]) -> None:
    assert names(judged(claim(SHALLOW, FRONT), claim(DEEP, FRONT))) == [("deep", 3)]


def test_a_request_is_the_same_on_both_legs(judged: Callable[..., list[Finding]]) -> None:
    assert names(judged(claim(SHALLOW, FRONT), claim(DEEP, BACK))) == [("deep", 3)]


def test_what_the_deeper_cause_does_not_claim_stays(judged: Callable[..., list[Finding]]) -> None:
    shallow, deep = judged(claim(SHALLOW, FRONT), claim(DEEP, BACK[:1]))
    assert (shallow.count, deep.count) == (2, 1)
    assert list(shallow.exchanges) == [1, 2] and shallow.statuses == {"502": 2}
    assert [e.connection for e in shallow.evidence] == [1, 2]
    assert shallow.title == "2 failed"


def test_one_finding_counts_a_request_once(judged: Callable[..., list[Finding]]) -> None:
    assert names(judged(claim(DEEP, (*FRONT, *BACK)))) == [("deep", 3)]


def test_the_more_severe_cause_wins_among_strangers(judged: Callable[..., list[Finding]]) -> None:
    assert names(judged(claim(MILD, FRONT), claim(SHALLOW, FRONT))) == [("shallow", 3)]


def test_strangers_with_different_requests_both_stand(judged: Callable[..., list[Finding]]) -> None:
    assert names(judged(claim(MILD, FRONT[:1]), claim(SHALLOW, FRONT[1:]))) == [("shallow", 2), ("mild", 1)]


def test_connections_are_claimed_apart_from_exchanges(judged: Callable[..., list[Finding]]) -> None:
    findings = judged(claim(DEEP, connections=(0, 1)), claim(MIDDLE, (0, 1), connections=(1, 2)))
    assert names(findings) == [("middle", 3), ("deep", 2)]


def test_a_finding_about_the_capture_claims_nothing_and_stands(judged: Callable[..., list[Finding]]) -> None:
    assert names(judged(claim(MILD), claim(DEEP, BACK))) == [("deep", 3), ("mild", 0)]


def test_worst_first(judged: Callable[..., list[Finding]]) -> None:
    found = judged(claim(MILD, FRONT[:1]), claim(SHALLOW, FRONT[1:2]), claim(DEEP, BACK[2:]))
    assert [f.cause.name for f in found] == ["deep", "shallow", "mild"]


def test_leaving_a_cause_out_gives_its_requests_to_nobody(judged: Callable[..., list[Finding]]) -> None:
    claims = claim(MIDDLE, BACK), claim(DEEP, BACK)
    assert judged(*claims, ignore=["deep"]) == []
    claims = claim(MIDDLE, BACK), claim(DEEP, BACK)
    assert judged(*claims, only=["middle"]) == []


def test_a_cause_nobody_knows_is_refused(judged: Callable[..., list[Finding]]) -> None:
    with pytest.raises(PcapdiagError, match="no cause is named 'shalow': did you mean shallow"):
        judged(only=["shalow"])


def test_causes_that_outrank_each_other_do_not_hang(monkeypatch: pytest.MonkeyPatch) -> None:
    one = Cause("one", ERROR, ("backend",), outranks=("two",))
    two = Cause("two", ERROR, ("backend",), outranks=("one",))
    modules = {cause.name: SimpleNamespace(CAUSE=cause) for cause in (one, two)}
    monkeypatch.setattr(verdict, "catalogue", lambda: modules)
    assert len(verdict.by_precedence([claim(one, BACK), claim(two, BACK)])) == 2


def test_what_is_not_shown_is_said_to_be_hidden() -> None:
    """--only hides findings; what they explain stays explained, and is counted apart."""
    capture = CAPTURES / "mixed" / "haproxy-five-faults.pcap"
    whole, part = analyze(capture), analyze(capture, only=["backend-reset"])
    assert (part.account.failed, part.account.explained) == (whole.account.failed, whole.account.explained)
    (shown,) = part.findings
    assert part.account.hidden == whole.account.explained - shown.count
    assert f"{part.account.hidden} by causes that are not shown" in verdict_of(part)
