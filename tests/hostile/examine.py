"""``python -m tests.hostile.examine CAPTURE``: analyse it, make every kind of report, print what matters.

Run by the tests in a process of its own, so that its memory and time can be bounded and measured.
"""

from __future__ import annotations

import json
import sys

from pcapdiag.analysis import analyze
from pcapdiag.errors import CaptureError
from pcapdiag.report.html import html_report
from pcapdiag.report.json import document, json_text
from pcapdiag.report.text import text_report


def main(path: str) -> None:
    try:
        analysis = analyze(path)
    except CaptureError as error:
        print(json.dumps({"refused": str(error)}))
        return
    page, text = html_report(analysis), text_report(analysis)
    report = document(analysis)
    assert json.loads(json_text(analysis))["schema"] == 1
    traffic = analysis.traffic
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
    print(json.dumps(report, default=str))


if __name__ == "__main__":
    main(sys.argv[1])
