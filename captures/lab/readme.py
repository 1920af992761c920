"""``captures/README.md``: a table of every capture, made from the expectations that lie beside them."""

import json
import sys

from captures.lab.scenario import CAPTURES

HEADER = """\
# The captures

Each capture lies in the folder of the cause it shows, with `.expected.json` beside it: the findings that
`pcapdiag` must report, no more and no fewer. A *near miss* looks like its folder's cause and is not.
`.client.log` is what the client saw (one JSON object a request), `.access.log` what the load balancer logged.
`.client.pcap` and `.backend.pcap` are the same minutes recorded on those hosts.

`python -m captures.lab` (as root) records them all anew; this table is written by
`python -m captures.lab --readme`.

"""


def render() -> str:
    """The page as it should be."""
    rows = ["| capture | must find | shows | load balancer | how recorded |", "|---|---|---|---|---|"]
    for path in sorted(CAPTURES.glob("*/*.expected.json")):
        expected = json.loads(path.read_text())
        stem = path.name.removesuffix(".expected.json")
        capture = next(p for p in sorted(path.parent.glob(f"{stem}.pcap*")))
        found = ", ".join(f"`{f['cause']}` × {f['count']}" for f in expected["findings"]) or "nothing"
        cells = [
            f"`{path.parent.name}/{capture.name}`", found, expected["shows"], expected["load_balancer"],
            expected["how"],
        ]  # fmt: skip
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return HEADER + "\n".join(rows) + "\n"


def write() -> int:
    (CAPTURES / "README.md").write_text(render())
    return 0


def check() -> int:
    """0 when the page is up to date."""
    page = CAPTURES / "README.md"
    if page.exists() and page.read_text() == render():
        return 0
    print("captures/README.md is stale: run python -m captures.lab --readme", file=sys.stderr)
    return 1
