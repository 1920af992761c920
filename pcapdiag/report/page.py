"""The words of the HTML report: what its template fills in."""

from __future__ import annotations

import shlex
from typing import Any

from pcapdiag import __version__, words
from pcapdiag.analysis import Analysis
from pcapdiag.causes.catalogue import catalogue, sections
from pcapdiag.causes.cause import Finding, Severity
from pcapdiag.profiles import Profile
from pcapdiag.report import spent
from pcapdiag.report import summary as s
from pcapdiag.report.facts import fact_name, fact_value
from pcapdiag.report.limits import limits, used_by
from pcapdiag.report.quality import quality
from pcapdiag.traffic import Traffic

EVIDENCE_SHOWN = 8
WHY, MISTAKEN = "Why it happens", "What it could be mistaken for"


def page(analysis: Analysis, legs: dict[str, s.LegSummary], *, redacted: bool = False) -> dict[str, Any]:
    traffic = analysis.traffic
    first_ns, last_ns = s.span_ns(traffic)
    findings = s.worst_first(analysis.findings)
    names = [words.file_name(info.path) for info in traffic.files]
    paths = [info.path for info in traffic.files]
    return {
        "version": __version__,
        "redacted": redacted,
        "name": words.first_of(names),
        "paths": paths,
        "packets": f"{sum(info.packets for info in traffic.files):,}",
        "size": words.size(sum(info.captured_bytes for info in traffic.files)),
        "first": s.moment(first_ns)[:19].replace("T", " ") + " UTC" if first_ns else "",
        "duration": words.duration((last_ns - first_ns) / 1e9),
        "verdict": headline(analysis).replace(" %", "\u00a0%"),
        "worst": worst(analysis),
        "findings": [
            {
                **finding_words(finding, legs, paths, analysis.profile, traffic),
                "time": time_words(traffic, finding),
            }
            for finding in findings
        ],
        "account": account_words(analysis),
        "legs": legs,
        "status_list": s.status_list,
        "share": s.share,
        "files": traffic.files,
        "quality": quality(traffic, findings),
        "size_text": words.size,
        "file_path": words.file_path,
        "moment": s.moment,
        "tls_note": traffic.encrypted.note if traffic.encrypted else "",
        "alb": traffic.alb,
        "alb_reason": traffic.alb_reason,
        "alb_warning": traffic.alb_warning,
        "profile": analysis.profile,
        "profile_reason": analysis.profile_reason,
        "limits": limits(analysis.profile),
        "counters": [(name.replace("_", " "), f"{count:,}") for name, count in traffic.counters.items()],
    }


def worst(analysis: Analysis) -> str:
    """The colour of the verdict: a failure that nothing explains is no good news either."""
    shown = s.worst_first(analysis.findings)
    if shown and shown[0].severity > Severity.INFO:
        return shown[0].severity.word
    return "warning" if analysis.account.failed else shown[0].severity.word if shown else "ok"


def headline(analysis: Analysis) -> str:
    """The verdict without the names of causes: a sentence for each finding follows it."""
    account = analysis.account
    if not account.failed:
        return s.verdict(analysis)
    asked = s.requests(analysis.traffic)
    said = f"{account.failed:,} of {asked:,} requests failed ({s.share(account.failed, asked)}); "
    left = account.failed - account.explained
    if account.hidden:
        return said + f"{account.explained:,} explained, {account.hidden:,} of them by causes not shown."
    if not left:
        return said + ("it is explained." if account.failed == 1 else "all are explained.")
    if not account.explained:
        return said + "none is explained."
    return said + f"{account.explained:,} explained, {left:,} not."


def finding_words(
    finding: Finding, legs: dict[str, s.LegSummary], paths: list[str], profile: Profile, traffic: Traffic
) -> dict[str, Any]:
    docs = docs_of(finding.cause.name)
    module = catalogue().get(finding.cause.name)
    named = used_by(module, finding.leg) if module else frozenset()
    return {
        "cause": finding.cause.name,
        "severity": finding.severity.word,
        "leg": finding.leg,
        "count": s.share_line(finding, legs, traffic),
        "title": finding.title.rstrip("."),
        "explanation": paragraphs(finding.explanation),
        "facts": [(fact_name(name), fact_value(name, value)) for name, value in finding.facts.items()],
        "limits": limits(profile, named),
        "why": paragraphs(docs.get(WHY, "")),
        "mistaken": paragraphs(docs.get(MISTAKEN, "")),
        "not_these": finding.cause.mistaken_for,
        "remedy": finding.remedy,
        "peers": words.first_of(finding.peers, 12),
        "also": finding.also,
        "evidence": [
            {
                "connection": item.connection,
                "client": item.client,
                "server": item.server,
                "file": words.file_name(item.file),
                "frames": ", ".join(str(frame) for frame in item.frames),
                "time": s.moment(item.time_ns),
                "filter": item.display_filter,
                "note": item.note,
                "extract": extract_command(
                    paths, f"--connection {item.connection}", f"conn{item.connection}"
                ),
            }
            for item in finding.evidence[:EVIDENCE_SHOWN]
        ],
        "more_evidence": max(0, len(finding.evidence) - EVIDENCE_SHOWN),
        "extract": extract_command(paths, f"--cause {finding.cause.name}", finding.cause.name),
    }


def time_words(traffic: Traffic, finding: Finding) -> dict[str, Any] | None:
    """Where the time of a finding's requests went."""
    time = spent.of_finding(traffic, finding)
    if not time:
        return None
    return {
        "requests": time.requests,
        "whole": spent.mean(time, time.whole_us),
        "parts": spent.shares(time),
    }


def extract_command(paths: list[str], which: str, name: str) -> str:
    """The command that carves evidence out of these captures."""
    return f"pcapdiag extract {shlex.join(paths)} {which} -o {name}.pcap"


def docs_of(cause: str) -> dict[str, str]:
    """The sections of a cause's docs page."""
    module = catalogue().get(cause)
    return sections(module) if module else {}


def paragraphs(text: str) -> list[str]:
    """A text's paragraphs, each as one line."""
    return [" ".join(part.split()) for part in text.split("\n\n") if part.strip()]


def account_words(analysis: Analysis) -> dict[str, Any]:
    account = analysis.account
    claimed = [finding for finding in analysis.findings if finding.count and finding.severity.word != "info"]
    return {
        "failed": account.failed,
        "explained": account.explained,
        "causes": [
            {"cause": finding.cause.name, "count": finding.count, "number": number}
            for number, finding in enumerate(s.worst_first(analysis.findings), 1)
            if finding in claimed
        ],
        "unexplained": [
            {
                "count": left.count,
                "status": "no answer" if left.status == s.NO_RESPONSE else left.status,
                "leg": left.leg,
                **dict(zip(("missing", "command"), text_and_command(left.missing), strict=True)),
            }
            for left in account.unexplained[: s.UNEXPLAINED_SHOWN]
        ],
        "more_unexplained": max(0, len(account.unexplained) - s.UNEXPLAINED_SHOWN),
    }


def text_and_command(missing: str) -> tuple[str, str]:
    """What is missing, and the command that would capture it, where the text names one."""
    text, begins, rest = missing.partition(": tcpdump ")
    return (text, f"tcpdump {rest}") if begins else (missing, "")
