"""The ``pcapdiag`` command as a process of its own; ``python -m pcapdiag`` is the same."""

from __future__ import annotations

import gc
import os
import sys


def run() -> None:
    """Run the command and end the process.

    Nothing here makes garbage by the thousand, and all memory goes back at once: collecting during start-up
    and taking down module after module at the end would cost more than a small capture's analysis.
    """
    gc.set_threshold(100_000, 50, 50)
    from pcapdiag.cli import main

    try:
        main(prog_name="pcapdiag")
    except SystemExit as end:
        if "pyshark" in sys.modules:  # its event loop and tshark have something to put away
            raise
        sys.stdout.flush()
        sys.stderr.flush()
        if not isinstance(end.code, int | None):
            raise  # a text, which the interpreter prints
        os._exit(end.code or 0)


if __name__ == "__main__":
    run()
