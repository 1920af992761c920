"""``pcapdiag verify``: a second opinion on the findings, from tshark."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import click

from pcapdiag.cli.options import analysis_options, check_profile

if TYPE_CHECKING:
    from pcapdiag.verify import Checked, Opinion

DIFFERS = 1


@click.command(short_help="Ask tshark what it says of the evidence.")
@analysis_options
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def verify(
    captures: tuple[str, ...],
    alb: tuple[str, ...],
    profile: str | None,
    profile_file: str | None,
    tls_keylog: str | None,
    form: str,
) -> int:
    """Ask tshark about the frames that prove each finding in CAPTURE..., and say whether it agrees.

    Exit status 1 where it differs on a finding.
    """
    check_profile(profile)
    from pcapdiag import verify as second
    from pcapdiag.analysis import analyze
    from pcapdiag.tshark import need_tshark

    need_tshark("verify")
    analysis = analyze(
        list(captures), alb=alb, profile=profile, profile_file=profile_file, tls_keylog=tls_keylog
    )
    opinions = second.verify(analysis, tls_keylog)
    if form == "json":
        sys.stdout.write(json.dumps([opinion_object(each) for each in opinions], indent=1) + "\n")
    else:
        write_table(opinions)
    return DIFFERS if any(each.opinion == second.DIFFER for each in opinions) else 0


def write_table(opinions: list[Opinion]) -> None:
    from pcapdiag.report.tabular import write_rows

    if not opinions:
        sys.stdout.write("No findings: nothing to ask tshark about.\n")
        return
    names = ("tshark", "cause", "evidence", "because", "it sees")
    write_rows(sys.stdout, "table", names, [table_row(each) for each in opinions])


def table_row(each: Opinion) -> tuple[str, str, str, str, str]:
    asked = f"{len(each.checked)} of {len(each.finding.evidence)}"
    return each.opinion, each.finding.cause.name, asked, each.because, each.words


def opinion_object(each: Opinion) -> dict[str, Any]:
    return {
        "cause": each.finding.cause.name,
        "leg": each.finding.leg,
        "opinion": each.opinion,
        "because": each.because,
        "evidence_asked": len(each.checked),
        "evidence_total": len(each.finding.evidence),
        "evidence": [checked_object(item) for item in each.checked],
    }


def checked_object(item: Checked) -> dict[str, Any]:
    return {
        "connection": item.evidence.connection,
        "file": item.evidence.file,
        "opinion": item.opinion,
        "because": item.because,
        "frames": {str(said.frame): said.words for said in item.said},
    }
