"""Findings about the capture itself: they claim no request, and their evidence is the file."""

from __future__ import annotations

from collections.abc import Sequence

from pcapdiag import words
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
    first, others = words.file_name(paths[0]), len(paths) - 1
    return f"{first} and {words.counted(others, 'other file')}" if others else first
