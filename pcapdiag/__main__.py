"""``python -m pcapdiag`` is the ``pcapdiag`` command."""

from pcapdiag.cli import main

main(prog_name="pcapdiag")
