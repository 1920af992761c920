"""The analysis as JSON, schema 1: stable, fields are added and never renamed."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from pcapdiag import __version__
from pcapdiag import tables as t
from pcapdiag.analysis import Analysis
from pcapdiag.causes.cause import Evidence, Finding
from pcapdiag.encrypted import Encrypted
from pcapdiag.report import spent
from pcapdiag.report.summary import LegSummary, leg_summaries, moment, span_ns, verdict, worst_first
from pcapdiag.traffic import FileInfo, Traffic

SCHEMA = 1
EVIDENCE_SHOWN = 20


def json_text(analysis: Analysis) -> str:
    """The report as indented JSON; ASCII only, so no terminal can be moved by it."""
    return json.dumps(document(analysis), indent=1, default=plain) + "\n"


def document(analysis: Analysis, legs: dict[str, LegSummary] | None = None) -> dict[str, Any]:
    """The report as plain dicts and lists."""
    traffic = analysis.traffic
    legs = legs or leg_summaries(traffic)
    times = spent.listed(analysis)
    return {
        "schema": SCHEMA,
        "pcapdiag": __version__,
        "verdict": verdict(analysis),
        "capture": capture(analysis),
        "profile": analysis.profile.name,
        "profile_reason": analysis.profile_reason,
        "alb": list(traffic.alb),
        "alb_reason": traffic.alb_reason,
        "alb_warning": traffic.alb_warning,
        "legs": {name: leg(summary) for name, summary in legs.items()},
        "account": account(analysis),
        "findings": [
            {**finding_object(finding), "time_spent": time_object(spent.of_finding(traffic, finding))}
            for finding in worst_first(analysis.findings)
        ],
        "time_spent": [request_time(traffic, row, time) for row, time in times.items()],
    }


def time_object(time: spent.Spent | None) -> dict[str, Any] | None:
    """The time of some requests, all together, and its parts."""
    return {"requests": time.requests, "whole_us": time.whole_us, "parts_us": time.parts_us} if time else None


def request_time(traffic: Traffic, row: int, time: spent.Spent) -> dict[str, Any]:
    """One request's time and its parts."""
    exchange = traffic.exchanges[row]
    file, frame = traffic.frame_of(int(exchange["request_frame"] or exchange["response_frame"]))
    return {
        "exchange": row,
        "connection": int(exchange["connection"]),
        "leg": t.LEGS[int(traffic.exchange_leg[row])],
        "file": traffic.files[file].path,
        "frame": frame,
        "status": str(exchange["status"] or "none"),
        "whole_us": time.whole_us,
        "parts_us": time.parts_us,
    }


def capture(analysis: Analysis) -> dict[str, Any]:
    traffic = analysis.traffic
    first_ns, last_ns = span_ns(traffic)
    return {
        "files": [file_object(info) for info in traffic.files],
        "packets": sum(info.packets for info in traffic.files),
        "bytes": sum(info.captured_bytes for info in traffic.files),
        "tcp_packets": traffic.counters.get("tcp_packets", 0),
        "first": moment(first_ns) if any(info.packets for info in traffic.files) else None,
        "last": moment(last_ns) if any(info.packets for info in traffic.files) else None,
        "duration_s": round((last_ns - first_ns) / 1e9, 9),
        "link_types": sorted({link for info in traffic.files for link in info.link_types}),
        "tls": tls_object(traffic.encrypted) if traffic.encrypted else None,
        "counters": dict(traffic.counters),
    }


def tls_object(encrypted: Encrypted) -> dict[str, Any]:
    return {
        "connections": encrypted.connections,
        "decrypted": encrypted.decrypted,
        "server_names": encrypted.names,
        "versions": encrypted.versions,
        "alerts": encrypted.alerts,
        "note": encrypted.note,
    }


def file_object(info: FileInfo) -> dict[str, Any]:
    return {
        "path": info.path,
        "format": info.format,
        "compression": info.compression,
        "link_types": list(info.link_types),
        "packets": info.packets,
        "bytes": info.captured_bytes,
        "first": moment(info.first_ns) if info.packets else None,
        "last": moment(info.last_ns) if info.packets else None,
        "vantage": info.vantage,
        "truncated_packets": info.truncated_packets,
        "dropped_packets": info.dropped_packets,
        "interrupted": info.interrupted,
        "damage": info.damage,
        "damage_offset": info.damage_offset if info.damage else None,
    }


def leg(summary: LegSummary) -> dict[str, Any]:
    return {
        "connections": summary.connections,
        "exchanges": summary.exchanges,
        "peers": summary.peers,
        "packets": summary.packets,
        "retransmissions": summary.retransmissions,
        "statuses": summary.statuses,
    }


def account(analysis: Analysis) -> dict[str, Any]:
    numbers = analysis.account
    return {
        "failed": numbers.failed,
        "explained": numbers.explained,
        "hidden": numbers.hidden,
        "unexplained": [
            {"status": left.status, "count": left.count, "leg": left.leg, "missing": left.missing}
            for left in numbers.unexplained
        ],
    }


def finding_object(finding: Finding) -> dict[str, Any]:
    return {
        "cause": finding.cause.name,
        "severity": finding.severity.word,
        "leg": finding.leg,
        "count": finding.count,
        "statuses": finding.statuses,
        "title": finding.title,
        "explanation": finding.explanation,
        "facts": finding.facts,
        "remedy": list(finding.remedy),
        "peers": list(finding.peers),
        "also": list(finding.also),
        "mistaken_for": [name for name, _ in finding.cause.mistaken_for],
        "evidence": [evidence_object(item) for item in finding.evidence[:EVIDENCE_SHOWN]],
    }


def evidence_object(item: Evidence) -> dict[str, Any]:
    return {
        "connection": item.connection,
        "client": item.client,
        "server": item.server,
        "file": item.file,
        "frames": list(item.frames),
        "time": moment(item.time_ns),
        "display_filter": item.display_filter,
        "note": item.note,
    }


def plain(value: Any) -> Any:
    """NumPy scalars and odd containers as what JSON knows."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Iterable):
        return list(value)
    return str(value)
