"""``pcapdiag connections|exchanges|packets``: what each layer saw."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import click

from pcapdiag.cli.options import analysis_options, captures_argument, check_profile

if TYPE_CHECKING:
    from pcapdiag.analysis import Analysis

_FORMAT = click.option(
    "--format", "form", type=click.Choice(["table", "csv", "json"]), default="table", show_default=True
)


@click.command(short_help="List the TCP connections.")
@analysis_options
@_FORMAT
def connections(form: str, **how: Any) -> None:
    """List the TCP connections of CAPTURE..., one a line."""
    analysis = analysed(**how)
    from pcapdiag.report import listing

    write(form, listing.CONNECTIONS, listing.connection_rows(analysis.traffic))


@click.command(short_help="List the HTTP exchanges.")
@analysis_options
@_FORMAT
def exchanges(form: str, **how: Any) -> None:
    """List the HTTP exchanges of CAPTURE..., one a line."""
    analysis = analysed(**how)
    from pcapdiag.report import listing

    write(form, listing.EXCHANGES, listing.exchange_rows(analysis.traffic))


@click.command(short_help="List the TCP packets with their analysis flags.")
@captures_argument
@_FORMAT
def packets(captures: tuple[str, ...], form: str) -> None:
    """List the TCP packets of CAPTURE..., one a line, with analysis flags by Wireshark's names."""
    from pcapdiag.analysis import packet_rows
    from pcapdiag.report import listing

    write(form, listing.PACKETS, listing.packet_rows(packet_rows(list(captures))))


def analysed(
    captures: tuple[str, ...],
    alb: tuple[str, ...],
    profile: str | None,
    profile_file: str | None,
    tls_keylog: str | None,
) -> Analysis:
    check_profile(profile)
    from pcapdiag.analysis import analyze

    return analyze(list(captures), alb=alb, profile=profile, profile_file=profile_file, tls_keylog=tls_keylog)


def write(form: str, names: Sequence[str], rows: Iterable[Sequence[Any]]) -> None:
    from pcapdiag.report.tabular import write_rows

    if hasattr(sys.stdout, "reconfigure"):  # a capture's text may hold what the locale's encoding does not
        sys.stdout.reconfigure(errors="backslashreplace")
    write_rows(sys.stdout, form, names, rows)
