"""What the HTML report draws beside the findings, as plain data: map, timeline, times, tables, ladders."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcapdiag import tables as t
from pcapdiag.analysis import Analysis
from pcapdiag.causes.cause import Finding
from pcapdiag.report.ladder import ladders
from pcapdiag.report.map import failed_on_both_legs, traffic_map
from pcapdiag.report.sample import connection_table, exchange_table
from pcapdiag.report.spent import in_words, measure, of_requests
from pcapdiag.report.summary import worst_first
from pcapdiag.report.timeline import timeline
from pcapdiag.report.times import response_times
from pcapdiag.traffic import Traffic

WATERFALLS = 8  # of failed and of slow requests, as times.js draws them


def view(analysis: Analysis) -> dict[str, Any]:
    traffic = analysis.traffic
    findings = worst_first(analysis.findings)
    failed = failed_on_both_legs(analysis)
    drawn: list[dict[str, Any]] = []
    if getattr(analysis, "capture_files", None) and any(finding.evidence for finding in findings):
        from pcapdiag.wire import Wire

        drawn = ladders(traffic, Wire(analysis), findings)
    exchanges = exchange_table(analysis, failed)
    return {
        "map": traffic_map(traffic, failed),
        "timeline": timeline(analysis, findings),
        "times": response_times(traffic),
        "exchanges": exchanges,
        "spent": spent_by_waterfall(traffic, exchanges, findings),
        "connections": connection_table(traffic, failed),
        "ladders": drawn,
    }


def spent_by_waterfall(traffic: Traffic, table: dict[str, Any], findings: list[Finding]) -> dict[int, str]:
    """Where the time of each request went that the page may draw a waterfall of."""
    at = {name: place for place, name in enumerate(table["columns"])}
    near = [row for row in table["rows"] if row[at["leg"]] == t.LEG_FRONTEND] or table["rows"]
    slow = sorted((row for row in near if not row[at["failed"]]), key=lambda row: -row[at["took_us"]])
    drawn = [row for row in near if row[at["failed"]]][:WATERFALLS] + slow[:WATERFALLS]
    rows = np.array([row[at["exchange"]] for row in drawn], "i8")
    measure(traffic, findings, rows)
    return {row: in_words(time) for row, time in of_requests(traffic, rows).items() if time.whole_us}
