from __future__ import annotations

from pcapdiag.causes.catalogue import catalogue
from pcapdiag.report.quality import Check, quality
from tests.report.outage import outage


def checks(findings: list | None = None, **of_the_file: object) -> dict[str, Check]:
    traffic = outage().traffic
    for name, value in of_the_file.items():
        setattr(traffic.files[0], name, value)
    return {check.name: check for check in quality(traffic, findings or [])}


def test_passed_checks_are_told_too() -> None:
    seen = checks(dropped_packets=0)
    assert {check.said for check in seen.values()} == {"yes", "none", "one clock"}
    assert not any(check.is_bad for check in seen.values())


def test_a_format_without_drop_counters_is_not_taken_for_one_without_drops() -> None:
    assert checks()["Packets dropped while capturing"].said.startswith("not recorded")


def test_what_is_wrong_is_marked() -> None:
    seen = checks(dropped_packets=7, truncated_packets=1200, damage="cut", backward_steps=2)
    assert [name for name, check in seen.items() if check.is_bad] == [
        "Whole files", "Packets dropped while capturing", "Packets cut by the snaplen"
    ]  # fmt: skip
    assert seen["Packets stored out of time order"].said == "2"


def test_a_finding_about_the_capture_is_linked_from_its_check() -> None:
    finding = outage().findings[0]
    finding.cause = catalogue()["capture-one-sided"].CAUSE
    check = checks([finding])["Both directions"]
    assert check.finding == 1 and check.is_bad and check.said == finding.title
