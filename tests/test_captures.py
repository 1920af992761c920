"""Every capture shows what its expectation says, and nothing else at `warning` or `error`.

The expectations come from the clients' and servers' logs and the faults' scripts (see captures/README.md).
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import pcapdiag
from pcapdiag.causes.catalogue import catalogue

CAPTURES = Path(__file__).resolve().parent.parent / "captures"
EXPECTATIONS = sorted(CAPTURES.rglob("*.expected.json"))


def capture_of(expectation: Path) -> Path:
    """The capture beside its expectation, whatever its suffixes."""
    stem = expectation.name.removesuffix(".expected.json")
    (capture,) = [p for p in expectation.parent.iterdir() if p.name.startswith(f"{stem}.pcap")]
    return capture


@pytest.mark.parametrize("expectation", EXPECTATIONS, ids=lambda p: str(p.relative_to(CAPTURES)))
def test_capture_shows_what_it_must_and_nothing_else(expectation: Path) -> None:
    expected = json.loads(expectation.read_text())
    analysis = pcapdiag.analyze(
        capture_of(expectation), alb=expected.get("alb", ()), profile=expected.get("profile")
    )
    found = {(f.cause.name, f.count) for f in analysis.findings if f.severity >= pcapdiag.Severity.WARNING}
    assert found == {(f["cause"], f["count"]) for f in expected["findings"]}
    for wanted in expected["findings"]:
        check_facts(analysis, wanted)


def check_facts(analysis: pcapdiag.Analysis, wanted: dict[str, Any]) -> None:
    """The facts an expectation names are measured, within its tolerances."""
    (finding,) = [f for f in analysis.findings if f.cause.name == wanted["cause"]]
    for name, fact in wanted.get("facts", {}).items():
        assert name in finding.facts, f"{name} is not measured; there are {sorted(finding.facts)}"
        if isinstance(fact, dict):
            assert finding.facts[name] == pytest.approx(fact["value"], abs=fact["within"]), name
        else:
            assert finding.facts[name] == fact, name


def test_every_failed_exchange_is_explained_or_listed() -> None:
    for expectation in EXPECTATIONS:
        account = pcapdiag.analyze(capture_of(expectation)).account
        unexplained = sum(group.count for group in account.unexplained)
        assert account.explained + unexplained == account.failed, expectation.name


@pytest.mark.parametrize("name", sorted(catalogue()))
def test_every_cause_has_a_capture_that_shows_it_and_a_near_miss(name: str) -> None:
    shown = [p for p in EXPECTATIONS if name in {f["cause"] for f in json.loads(p.read_text())["findings"]}]
    assert shown, f"no capture shows {name}"
    misses = [p for p in (CAPTURES / name).glob("near-miss-*.expected.json") if p not in shown]
    assert misses, f"no near miss of {name}"
