"""``pcapdiag explain``: the catalogue of causes, offline."""

from __future__ import annotations

import sys
from types import ModuleType

import click

from pcapdiag.errors import PcapdiagError


@click.command(short_help="Explain a cause or a status code.")
@click.argument("what", metavar="CAUSE|STATUS", required=False)
@click.option("--all", "everything", is_flag=True, help="Explain every cause.")
def explain(what: str | None, everything: bool) -> None:
    """Explain a CAUSE by its name, or list the causes of a STATUS such as 502.

    Without either, list all causes.
    """
    from pcapdiag.causes.catalogue import catalogue, causes_of_status
    from pcapdiag.cli.options import check_names

    modules = catalogue()
    if everything and what is not None:
        raise click.UsageError(f"--all explains every cause: leave out {what} or --all")
    if everything:
        sys.stdout.write("\n\n".join(page(module) for module in modules.values()) + "\n")
    elif what is None:
        list_causes(list(modules.values()))
    elif what.isdecimal():
        found = causes_of_status(int(what))
        if not found:
            raise PcapdiagError(f"no cause in the catalogue ends in status {what}")
        sys.stdout.write(f"A load balancer answers {what} when it meets one of these:\n\n")
        list_causes(found)
        sys.stdout.write("\n'pcapdiag explain CAUSE' says how to tell which.\n")
    else:
        check_names((what,), list(modules), "cause")
        sys.stdout.write(page(modules[what]) + "\n")


def list_causes(modules: list[ModuleType]) -> None:
    from pcapdiag.causes.catalogue import SUMMARY, sections

    widest = max((len(module.CAUSE.name) for module in modules), default=0)
    for module in modules:
        summary = " ".join(sections(module)[SUMMARY].split())
        sys.stdout.write(f"{module.CAUSE.name:<{widest}}  {module.CAUSE.severity.word:<7}  {summary}\n")


def page(module: ModuleType) -> str:
    """A cause's docs page: its name and facts, then its module's docstring."""
    import inspect

    cause = module.CAUSE
    legs = ", ".join(leg for leg in cause.legs if leg) or "the capture itself"
    statuses = f", status {', '.join(str(status) for status in cause.statuses)}" if cause.statuses else ""
    return f"{cause.name}  ({cause.severity.word}; {legs}{statuses})\n\n{inspect.getdoc(module)}"
