"""Arguments that several commands take, and their checks."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from pcapdiag import words
from pcapdiag.errors import PcapdiagError

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

Command = TypeVar("Command", bound=Callable[..., Any])


def completed(word: str, **how: str) -> CompletionItem:
    from click.shell_completion import CompletionItem

    return CompletionItem(word, **how)


def complete_files(_ctx: click.Context, _param: click.Parameter, typed: str) -> list[CompletionItem]:
    return [completed(typed, type="file")]  # the shell lists them itself


def complete_causes(_ctx: click.Context, _param: click.Parameter, typed: str) -> list[CompletionItem]:
    from pcapdiag.causes.catalogue import catalogue, summary

    return [
        completed(name, help=summary(module))
        for name, module in catalogue().items()
        if name.startswith(typed)
    ]


def complete_profiles(_ctx: click.Context, _param: click.Parameter, typed: str) -> list[CompletionItem]:
    from pcapdiag.profiles import NAMES, load_profile

    return [completed(name, help=load_profile(name).title) for name in NAMES if name.startswith(typed)]


NAMES_SHOWN = 6
captures_argument = click.argument(
    "captures", metavar="CAPTURE...", nargs=-1, required=True, shell_complete=complete_files
)
_ALB = click.option(
    "--alb", metavar="ADDR|CIDR", multiple=True, help="An address of the load balancer; may be repeated."
)
_PROFILE = click.option(
    "--profile", metavar="NAME", help="aws, alibaba, nginx, haproxy or generic.",
    shell_complete=complete_profiles,
)  # fmt: skip
_PROFILE_FILE = click.option(
    "--profile-file",
    type=click.Path(dir_okay=False),
    help="Your own limits, as TOML (docs/usage.md has all fields).",
)

_TLS_KEYLOG = click.option(
    "--tls-keylog", metavar="FILE", type=click.Path(dir_okay=False),
    help="TLS keys (SSLKEYLOGFILE) with which tshark decrypts HTTPS.",
)  # fmt: skip


def analysis_options(command: Command) -> Command:
    """What every command that runs the analysis takes."""
    for option in (_TLS_KEYLOG, _PROFILE_FILE, _PROFILE, _ALB, captures_argument):
        command = option(command)
    return command


def check_names(given: Iterable[str], known: Collection[str], what: str) -> None:
    """Refuse a name that is none of the known ones, with the ones it may have meant."""
    for name in given:
        if name in known:
            continue
        close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
        shown = words.first_of(sorted(known), NAMES_SHOWN)
        hint = f"did you mean {' or '.join(close)}?" if close else f"choose one of {shown}"
        if not close and len(known) > NAMES_SHOWN:
            hint += " ('pcapdiag explain' lists them)"
        raise PcapdiagError(f"no {what} named {name!r}: {hint}")


def check_profile(name: str | None) -> None:
    from pcapdiag.profiles import NAMES

    if name is not None:
        check_names((name,), NAMES, "profile")


def cause_names() -> list[str]:
    from pcapdiag.causes.catalogue import catalogue

    return list(catalogue())
