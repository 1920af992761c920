"""Findings about the capture itself: they claim no request, and their evidence is the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath

from pcapdiag.causes.cause import Cause, Evidence, Finding, Severity
from pcapdiag.causes.claims import Facts


def finding(
    cause: Cause,
    *,
    title: str,
    explanation: str,
    remedy: Sequence[str],
    facts: Facts,
    severity: Severity | None = None,
    evidence: Sequence[Evidence] = (),
) -> Finding:
    """A finding that claims no request."""
    return Finding(
        cause=cause,
        severity=cause.severity if severity is None else severity,
        leg="",
        title=title,
        explanation=explanation,
        remedy=tuple(remedy),
        facts=facts,
        evidence=tuple(evidence),
    )


def files(paths: Sequence[str]) -> str:
    """``a.pcap``, or ``a.pcap and 2 other files``; the folders are named where the files are listed."""
    others = len(paths) - 1
    first = file_name(paths[0])
    return first if not others else f"{first} and {others} other file{'s' if others > 1 else ''}"


def file_name(path: str) -> str:
    return "standard input" if path == "-" else PurePath(path).name
