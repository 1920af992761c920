"""How good a capture is: what could be wrong with any capture, and whether it is with this one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pcapdiag.causes.cause import Finding
from pcapdiag.traffic import FileInfo, Traffic


@dataclass
class Check:
    """One thing that can be wrong with a capture; `finding` is the number of the one that says so, or 0."""

    name: str
    said: str
    is_bad: bool
    finding: int = 0


def quality(traffic: Traffic, findings: Sequence[Finding]) -> list[Check]:
    """Every check, also the passed ones: a reader wants to know that they were made."""
    files = traffic.files
    damaged = sum(bool(info.damage) for info in files)
    whole = f"{damaged} of {len(files)} damaged; all before the damage was analysed" if damaged else "yes"
    truncated = sum(info.truncated_packets for info in files)
    backward = sum(info.backward_steps for info in files)
    duplicates = traffic.counters.get("capture_duplicates", 0)
    checks = [
        ("capture-damaged", Check("Whole files", whole, damaged > 0)),
        ("capture-dropped-packets", Check("Packets dropped while capturing", *dropped(files))),
        (
            "capture-truncated-packets",
            Check("Packets cut by the snaplen", some(truncated), truncated > 0),
        ),
        ("capture-one-sided", Check("Both directions", "yes", False)),
        ("capture-duplicated-packets", Check("Packets captured twice, left out", some(duplicates), False)),
        ("capture-reordered", Check("Packets stored out of time order", some(backward), False)),
        ("capture-clock-skew", Check("Clocks", clocks(files), False)),
    ]
    for number, finding in enumerate(findings, 1):
        for cause, check in checks:
            if finding.cause.name == cause:
                check.said, check.is_bad, check.finding = finding.title, True, number
    return [check for _, check in checks]


def some(count: int) -> str:
    return f"{count:,}" if count else "none"


def dropped(files: Sequence[FileInfo]) -> tuple[str, bool]:
    """How many packets the capturing host lost, where the file says so."""
    told = [info.dropped_packets for info in files if info.dropped_packets is not None]
    silent = len(files) - len(told)
    said = some(sum(told)) if told else "not recorded: this format has no field for it"
    if told and silent:
        said += f"; {silent} of {len(files)} files do not say"
    return said, sum(told) > 0


def clocks(files: Sequence[FileInfo]) -> str:
    vantages = len({info.vantage for info in files})
    if vantages > 1:
        return f"{vantages} vantage points, each with its own clock; times are compared inside one"
    return "one clock"
