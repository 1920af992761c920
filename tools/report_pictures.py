"""Make the pictures of docs/report.md anew, with Chromium, from a capture of this repository."""

from __future__ import annotations

import pathlib
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pcapdiag.analysis import analyze  # noqa: E402
from pcapdiag.report.html import html_report  # noqa: E402
from tests.report.browser import Browser  # noqa: E402

CAPTURE = "captures/keepalive-race/haproxy-fin-lost.pcap"
WIDTH = 1000
#: picture -> first element, last element that it shows
PICTURES = {
    "report-verdict.png": ("header", "#verdict"),
    "report-ladder.png": (".ladders", ".ladders figure"),
}


def main() -> None:
    folder = ROOT / "docs" / "images"
    folder.mkdir(exist_ok=True)
    analysis = analyze(ROOT / CAPTURE)
    for info in analysis.traffic.files:
        info.path = CAPTURE
    with tempfile.TemporaryDirectory() as scratch:
        page = pathlib.Path(scratch) / "report.html"
        page.write_text(html_report(analysis), "utf-8")
        browser = Browser(pathlib.Path(scratch) / "profile")
        browser.open(page, WIDTH)
        for name, (first, last) in PICTURES.items():
            place = "document.querySelector('{}').getBoundingClientRect()"
            top = browser.run(f"{place.format(first)}.top + scrollY")
            bottom = browser.run(f"{place.format(last)}.bottom + scrollY")
            browser.picture(folder / name, top=int(top) - 8, height=int(bottom - top) + 20)
        browser.close()


if __name__ == "__main__":
    main()
