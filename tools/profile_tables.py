"""Write pcapdiag/profiles/shipped.py, the shipped profiles as Python. `--check` only compares.

Reading TOML at every start would take as long as judging a capture of 50,000 requests.
"""

from __future__ import annotations

import pathlib
import pprint
import sys

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "pcapdiag" / "profiles"


def shipped() -> str:
    """The text of shipped.py."""
    tables = {path.stem: tomllib.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("*.toml"))}
    return (
        '"""The TOML files beside this one; written by tools/profile_tables.py, do not edit."""\n\n'
        "from __future__ import annotations\n\nfrom typing import Any\n\n# fmt: off\n"
        f"TABLES: dict[str, dict[str, Any]] = \\\n{pprint.pformat(tables, width=108, sort_dicts=False)}\n"
    )


if __name__ == "__main__":
    path = FOLDER / "shipped.py"
    if "--check" in sys.argv:
        stale = path.read_text("utf-8") != shipped()
        sys.exit("profiles/shipped.py is stale: run python tools/profile_tables.py" if stale else 0)
    path.write_text(shipped(), "utf-8")
