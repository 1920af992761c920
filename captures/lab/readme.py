"""``captures/README.md``: a table of every capture, made from the expectations that lie beside them."""

import json
import sys
from typing import Any

from captures.lab.scenario import CAPTURES

HEADER = """\
# The captures

Each capture lies in the folder of the cause it shows, with `.expected.json` beside it: the findings that
`pcapdiag` must report, no more and no fewer. A *near miss* looks like its folder's cause and is not.
`.client.log` is what the client saw (one JSON object a request), `.access.log` what the load balancer logged.
`.client.pcap` and `.backend.pcap` are the same minutes recorded on those hosts.

In an expectation: `count` is the number of exchanges that failed by the cause (connections, where no exchange
began), exact unless `count_within` says how far off it may be, and absent where nothing failed; a fact is a
value, or a value and the tolerance `within`; `unexplained` are the load balancer's own 5xx whose reason only
its other leg shows; `with` names files that are analysed together with this one; `alb` and `profile` are
options that the analysis needs.

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
        found = ", ".join(describe(finding) for finding in expected["findings"]) or "nothing"
        cells = [
            f"`{path.parent.name}/{capture.name}`",
            found,
            expected["shows"],
            expected["load_balancer"],
            expected["how"],
        ]
        rows.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return HEADER + "\n".join(rows) + "\n"


def describe(finding: dict[str, Any]) -> str:
    """A finding in a cell of the table."""
    count = f" × {finding['count']}" if "count" in finding else ""
    severity = f" ({finding['severity']})" if "severity" in finding else ""
    return f"`{finding['cause']}`{count}{severity}"


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
