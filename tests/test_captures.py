"""Every capture shows what its expectation says, and nothing else at `warning` or `error`.

The expectations come from the clients' and servers' logs and the faults' scripts (see captures/README.md).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import pcapdiag
from captures.lab import readme
from captures.lab.lab import MAX_BYTES
from captures.lab.scenario import all_scenarios
from pcapdiag.causes.catalogue import catalogue

CAPTURES = Path(__file__).resolve().parent.parent / "captures"
INFORMATION = {
    name for name, module in catalogue().items() if module.CAUSE.severity == pcapdiag.Severity.INFO
}
EXPECTATIONS = sorted(CAPTURES.rglob("*.expected.json"))


def capture_of(expectation: Path) -> Path:
    """The capture beside its expectation, whatever its suffixes."""
    stem = expectation.name.removesuffix(".expected.json")
    (capture,) = [p for p in expectation.parent.iterdir() if p.name.startswith(f"{stem}.pcap")]
    return capture


def analysis_of(expectation: Path) -> pcapdiag.Analysis:
    """What pcapdiag says of a capture, and of the ones its expectation names to be read with it."""
    expected = json.loads(expectation.read_text())
    captures = [capture_of(expectation), *(expectation.parent / name for name in expected.get("with", ()))]
    keylog = expected.get("tls_keylog")
    return pcapdiag.analyze(
        captures,
        alb=expected.get("alb", ()),
        profile=expected.get("profile"),
        tls_keylog=expectation.with_name(keylog) if keylog else None,
    )


@pytest.mark.parametrize("expectation", EXPECTATIONS, ids=lambda p: str(p.relative_to(CAPTURES)))
def test_capture_shows_what_it_must_and_nothing_else(expectation: Path) -> None:
    expected = {f["cause"]: f for f in json.loads(expectation.read_text())["findings"]}
    everything = analysis_of(expectation).findings
    # Information may be given unasked, for it accuses nobody; asked for, it must be there.
    asked = {name for name, f in expected.items() if name in INFORMATION or f.get("severity") == "info"}
    findings = [f for f in everything if f.severity >= pcapdiag.Severity.WARNING or f.cause.name in asked]
    assert sorted({f.cause.name for f in findings}) == sorted(expected)
    for name, wanted in expected.items():
        found = [f for f in findings if f.cause.name == name]
        if "count" in wanted:
            within = wanted.get("count_within", 0)
            assert sum(f.count for f in found) == pytest.approx(wanted["count"], abs=within), name
        if "severity" in wanted:
            assert {f.severity.word for f in found} == {wanted["severity"]}, name
        check_facts(found, wanted.get("facts", {}))


@pytest.mark.parametrize(
    "expectation",
    [path for path in EXPECTATIONS if "unexplained" in json.loads(path.read_text())],
    ids=lambda p: str(p.relative_to(CAPTURES)),
)
def test_what_this_leg_cannot_tell_is_listed_as_unexplained(expectation: Path) -> None:
    listed: dict[str, int] = {}
    for group in analysis_of(expectation).account.unexplained:
        listed[group.status] = listed.get(group.status, 0) + group.count
        assert group.missing
    assert listed == json.loads(expectation.read_text())["unexplained"]


def check_facts(findings: list[pcapdiag.Finding], wanted: dict[str, Any]) -> None:
    """The facts an expectation names are measured, within its tolerances."""
    measured = {name: value for finding in findings for name, value in finding.facts.items()}
    for name, fact in wanted.items():
        assert name in measured, f"{name} is not measured; there are {sorted(measured)}"
        if isinstance(fact, dict):
            assert measured[name] == pytest.approx(fact["value"], abs=fact["within"]), name
        else:
            assert measured[name] == fact, name


def test_every_failed_exchange_is_explained_or_listed() -> None:
    for expectation in EXPECTATIONS:
        account = analysis_of(expectation).account
        unexplained = sum(group.count for group in account.unexplained)
        assert account.explained + unexplained == account.failed, expectation.name


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_every_cause_has_a_capture_that_shows_it_and_a_near_miss(name: str) -> None:
    shown = [p for p in EXPECTATIONS if name in {f["cause"] for f in json.loads(p.read_text())["findings"]}]
    assert shown, f"no capture shows {name}"
    misses = [p for p in (CAPTURES / name).glob("near-miss-*.expected.json") if p not in shown]
    assert misses, f"no near miss of {name}"


def test_the_table_of_captures_is_up_to_date() -> None:
    assert (CAPTURES / "README.md").read_text() == readme.render(), "run python -m captures.lab --readme"


def test_every_scenario_of_the_lab_has_its_captures_and_no_capture_is_left_over() -> None:
    recorded = {found.file(vantage) for found in all_scenarios() for vantage in found.vantages}
    assert recorded == {capture_of(expectation) for expectation in EXPECTATIONS}


def test_every_capture_is_small_and_has_its_logs_beside_it() -> None:
    for found in all_scenarios():
        assert all(found.file(vantage).stat().st_size <= MAX_BYTES for vantage in found.vantages)
        for log in ("client", "access"):
            assert (found.folder / f"{found.case}.{log}.log").stat().st_size, found.name
