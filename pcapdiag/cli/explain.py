"""``pcapdiag explain``: the catalogue of causes, offline."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

import click

from pcapdiag.cli.options import complete_causes, completed
from pcapdiag.errors import PcapdiagError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem


def complete_causes_and_statuses(
    ctx: click.Context, param: click.Parameter, typed: str
) -> list[CompletionItem]:
    from pcapdiag.causes.catalogue import catalogue

    statuses = sorted({str(status) for module in catalogue().values() for status in module.CAUSE.statuses})
    numbers = [completed(status, help="a status") for status in statuses if status.startswith(typed)]
    return complete_causes(ctx, param, typed) + numbers


@click.command(short_help="Explain a cause or a status code.")
@click.argument("what", metavar="CAUSE|STATUS", required=False, shell_complete=complete_causes_and_statuses)
@click.option("--all", "everything", is_flag=True, help="Explain every cause.")
def explain(what: str | None, everything: bool) -> None:
    """Explain a CAUSE by its name, or list the causes of a STATUS such as 502.

    Without either, list all causes. A report names the limits it judged by; docs/usage.md shows how to set
    your own with --profile-file.
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
    from pcapdiag.causes.catalogue import summary

    widest = max((len(module.CAUSE.name) for module in modules), default=0)
    for module in modules:
        name = f"{module.CAUSE.name:<{widest}}"
        sys.stdout.write(f"{name}  {module.CAUSE.severity.word:<7}  {summary(module)}\n")


def page(module: ModuleType) -> str:
    """A cause's docs page: its name and facts, then its module's docstring."""
    import inspect

    from pcapdiag.causes.catalogue import NOT_THESE

    cause = module.CAUSE
    legs = ", ".join(leg for leg in cause.legs if leg) or "the capture itself"
    statuses = f", status {', '.join(str(status) for status in cause.statuses)}" if cause.statuses else ""
    said = f"{cause.name}  ({cause.severity.word}; {legs}{statuses})\n\n{inspect.getdoc(module)}"
    not_these = [f"    {name}: {reason}" for name, reason in cause.mistaken_for]
    return "\n".join([said, "", NOT_THESE, *not_these]) if not_these else said
