"""What the HTML report draws beside the findings, as plain data: map, timeline, times, tables, ladders."""

from __future__ import annotations

from typing import Any

from pcapdiag.analysis import Analysis
from pcapdiag.report.ladder import ladders
from pcapdiag.report.map import failed_on_both_legs, traffic_map
from pcapdiag.report.sample import connection_table, exchange_table
from pcapdiag.report.summary import worst_first
from pcapdiag.report.timeline import timeline
from pcapdiag.report.times import response_times


def view(analysis: Analysis) -> dict[str, Any]:
    traffic = analysis.traffic
    findings = worst_first(analysis.findings)
    failed = failed_on_both_legs(analysis)
    drawn: list[dict[str, Any]] = []
    if getattr(analysis, "capture_files", None) and any(finding.evidence for finding in findings):
        from pcapdiag.wire import Wire

        drawn = ladders(traffic, Wire(analysis), findings)
    return {
        "map": traffic_map(traffic, failed),
        "timeline": timeline(analysis, findings),
        "times": response_times(traffic),
        "exchanges": exchange_table(analysis, failed),
        "connections": connection_table(traffic, failed),
        "ladders": drawn,
    }
