"""``python -m tests.hostile.examine CAPTURE``: analyse it, make every kind of report, print what matters.

Run by the tests in a process of its own, so that its memory and time can be bounded and measured.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pcapdiag.analysis import analyze
from pcapdiag.errors import CaptureError
from pcapdiag.report.html import html_report
from pcapdiag.report.json import document, json_text, plain
from pcapdiag.report.text import text_report


def report_of(path: str | Path) -> dict[str, Any]:
    """What the JSON report says, and some of what the tables hold; ``{"refused": why}`` for no capture."""
    try:
        analysis = analyze(path)
    except CaptureError as error:
        return {"refused": str(error)}
    page, text = html_report(analysis), text_report(analysis)
    assert json.loads(json_text(analysis))["schema"] == 1
    report, traffic = document(analysis), analysis.traffic
    report["sizes"] = {
        "html": len(page),
        "text": len(text),
        "connections": len(traffic.connections),
        "exchanges": len(traffic.exchanges),
    }
    report["exchange_rows"] = [
        [traffic.method(row), traffic.target(row), int(traffic.exchanges[row]["status"])]
        for row in range(min(20, len(traffic.exchanges)))
    ]
    return report


def peak_mb() -> float:
    """The most memory this process held. getrusage would count what its parent held when it forked, too."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024


if __name__ == "__main__":
    found = report_of(sys.argv[1])
    print(json.dumps({"report": found, "peak_mb": peak_mb()}, default=plain))
