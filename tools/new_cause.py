"""Begin a cause: its module, its test and its lab scenario, to be filled in.

python tools/new_cause.py backend-on-fire
"""

from __future__ import annotations

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

MODULE = '''"""One line: what failed, and by what.

What the wire shows
    The packets that prove it.

Why it happens
    The reason behind them.

What to do
    The remedy, as an engineer would do it.

What it could be mistaken for
    The look-alikes, and why this is not one.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "{name}",
    Severity.ERROR,
    legs=("backend",),
    statuses=(502,),
    mistaken_for=(("backend-reset", "what the wire shows that it would not"),),
)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    """Choose suspects by columns; make objects only for the evidence."""
    yield from ()
'''

TEST = '''"""{name}: found where it is, and nowhere else."""

from __future__ import annotations

from pcapdiag.causes import {module}
from tests.tables_builder import TrafficBuilder


def test_found_where_it_is() -> None:
    traffic = TrafficBuilder()
    assert traffic and {module}.CAUSE.name == "{name}"
'''

SCENARIO = '''"""{name}: what the fault is, and what its near miss does instead."""

from __future__ import annotations
'''


def main() -> None:
    if len(sys.argv) != 2 or not re.fullmatch(r"[a-z][a-z0-9]*(-[a-z0-9]+)*", sys.argv[1]):
        sys.exit("usage: python tools/new_cause.py name-of-the-cause")
    name = sys.argv[1]
    module = name.replace("-", "_")
    for path, text in (
        (ROOT / "pcapdiag" / "causes" / f"{module}.py", MODULE),
        (ROOT / "tests" / "causes" / f"test_{module}.py", TEST),
        (ROOT / "captures" / "lab" / "scenarios" / f"{module}.py", SCENARIO),
    ):
        if path.exists():
            print(f"{path.relative_to(ROOT)} is there already")
            continue
        path.write_text(text.format(name=name, module=module))
        print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
