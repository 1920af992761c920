from __future__ import annotations

import pytest

from pcapdiag import tables as t
from pcapdiag.causes.cause import Severity
from pcapdiag.report import summary
from tests.report.outage import empty, outage, quiet, reset_finding
from tests.tables_builder import START_NS, TrafficBuilder


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [(0, 10, "0 %"), (1, 0, "0 %"), (1, 8, "12 %"), (1, 29, "3.4 %"), (1, 3000, "0.03 %"),
     (1, 100_000, "< 0.01 %"), (999, 1000, "99.9 %"), (10, 10, "100 %"), (1, 20, "5 %"),
     (9999, 10_000, "99.99 %"), (99_999, 100_000, "> 99.99 %")],
)  # fmt: skip
def test_a_share_tells_little_from_nothing_and_most_from_all(part: int, whole: int, said: str) -> None:
    assert summary.share(part, whole) == said


@pytest.mark.parametrize(
    ("after_ns", "said"),
    [(0, "20Z"), (424_060_000, "20.424060Z"), (424_060_001, "20.424060001Z")],
)
def test_a_moment_has_microseconds_or_nanoseconds(after_ns: int, said: str) -> None:
    assert summary.moment(START_NS + after_ns) == f"2023-11-14T22:13:{said}"


def test_the_verdict_is_one_sentence() -> None:
    assert (
        summary.verdict(outage()) == "3 of 10 requests failed; 2 explained: backend-reset; 1 not explained."
    )
    assert summary.verdict(quiet()).startswith("Nothing failed: 1 request,")
    assert summary.verdict(empty()).startswith("No TCP connection")


@pytest.mark.parametrize(
    ("leg", "exchanges", "said"),
    [
        ("frontend", (), "Connections failed before any request: backend-reset."),
        ("backend", (), "Connections to backends failed: backend-reset."),
        ("backend", (3,), "No client is known to have got an error, but requests went wrong: backend-reset."),
    ],
)
def test_the_verdict_says_what_errors_hit_where_no_request_failed(
    leg: str, exchanges: tuple[int, ...], said: str
) -> None:
    analysis = outage()
    analysis.account.failed = 0
    analysis.findings = [finding for finding in analysis.findings if finding.severity >= Severity.ERROR][:1]
    analysis.findings[0].leg, analysis.findings[0].exchanges = leg, exchanges
    assert summary.verdict(analysis) == said


def test_connections_that_no_load_balancer_takes_part_in_are_a_leg_of_their_own() -> None:
    analysis = quiet()
    analysis.traffic.leg[:] = 0
    assert summary.leg_summaries(analysis.traffic)["other"].connections == 1


def test_a_finding_of_connections_is_a_share_of_connections() -> None:
    analysis = outage()
    finding = analysis.findings[0]
    finding.exchanges, finding.connections, finding.count, finding.statuses = (), [3], 1, {"none": 1}
    legs = summary.leg_summaries(analysis.traffic)
    assert (
        summary.share_line(finding, legs, analysis.traffic)
        == "50 % of backend connections, clients got no answer"
    )


def test_what_only_slowed_requests_still_let_their_answers_through() -> None:
    analysis = outage()
    finding, legs = analysis.findings[0], summary.leg_summaries(analysis.traffic)
    finding.statuses = {"200": 2}
    assert summary.share_line(finding, legs, analysis.traffic) == "20 % of backend requests, clients got 200"
    finding.severity = Severity.WARNING
    assert (
        summary.share_line(finding, legs, analysis.traffic)
        == "20 % of backend requests, clients still got 200"
    )


def test_requests_kept_from_the_backend_are_a_share_of_the_frontend_s() -> None:
    built = TrafficBuilder()
    front = built.connection("10.0.0.1", "10.0.0.10:80", leg="frontend")
    back = built.connection("10.0.0.10", "10.0.3.1:8080", leg="backend")
    rows = [built.exchange(front, at_s=n, status=502 if n == 0 else 200) for n in range(10)]
    for n in range(1, 10):
        built.exchange(back, at_s=n)
    traffic = built.build()
    finding = reset_finding(rows[:1], "/")
    finding.count, finding.statuses = 1, {"502": 1}
    said = summary.share_line(finding, summary.leg_summaries(traffic), traffic)
    assert said == "10 % of frontend requests, clients got 502"


def test_an_answer_that_ended_before_its_end_is_not_told_as_one_that_came() -> None:
    built = TrafficBuilder()
    front = built.connection("10.0.0.1", "10.0.0.10:80", leg="frontend")
    rows = [built.exchange(front, at_s=n) for n in range(10)]
    built.exchanges[rows[0]]["response_ended"] = t.END_FIN
    traffic = built.build()
    finding, legs = reset_finding(rows[:1], "/"), summary.leg_summaries(traffic)
    finding.count, finding.statuses, finding.leg = 1, {"200": 1}, "frontend"
    said = "10 % of frontend requests, clients got 200 cut short"
    assert summary.share_line(finding, legs, traffic) == said
    finding.exchanges, finding.count, finding.statuses = rows[:3], 3, {"200": 2, "404": 1}
    said = "30 % of frontend requests, clients got 200 (2), 404 (1), 1 cut short"
    assert summary.share_line(finding, legs, traffic) == said
