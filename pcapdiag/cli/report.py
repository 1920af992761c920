"""``pcapdiag report``: the verdict on the terminal, the whole of it in a file."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pcapdiag.cli.interruption import Interruption
from pcapdiag.cli.options import (
    analysis_options,
    cause_names,
    check_names,
    check_profile,
    complete_causes,
    complete_files,
)
from pcapdiag.cli.output import check_folder, check_no_input, progress_line, whole_file
from pcapdiag.errors import PcapdiagError

if TYPE_CHECKING:
    from pcapdiag.analysis import Analysis
    from pcapdiag.redact import Redactor

SUFFIXES = {".html": "html", ".htm": "html", ".json": "json", ".txt": "text"}
CAPTURE_SUFFIXES = (".gz", ".zst", ".xz", ".lz4", ".bz2", ".pcapng", ".pcap", ".cap", ".dmp")
FAILED = 1


@click.command(short_help="Say what failed and why.")
@analysis_options
@click.option(
    "-o", "--output", metavar="OUT", shell_complete=complete_files,
    help="Where the report goes: its suffix is its format; - is stdout.",
)  # fmt: skip
@click.option("--format", "form", type=click.Choice(["html", "json", "text"]), help="Format of the report.")
@click.option(
    "--only", metavar="CAUSE", multiple=True, shell_complete=complete_causes,
    help="Show this cause only; may be repeated.",
)  # fmt: skip
@click.option(
    "--ignore", metavar="CAUSE", multiple=True, shell_complete=complete_causes,
    help="Do not show this cause; may be repeated.",
)  # fmt: skip
@click.option(
    "--fail-on", type=click.Choice(["error", "warning", "never"]), default="never", show_default=True,
    help="Exit with 1 if a finding is as bad as this.",
)  # fmt: skip
@click.option(
    "--redact", is_flag=True, help="Replace addresses, remove query values, cookies and credentials."
)
@click.option("--no-progress", is_flag=True, help="Draw no progress bar.")
def report(
    captures: tuple[str, ...],
    alb: tuple[str, ...],
    profile: str | None,
    profile_file: str | None,
    tls_keylog: str | None,
    output: str | None,
    form: str | None,
    only: tuple[str, ...],
    ignore: tuple[str, ...],
    fail_on: str,
    redact: bool,
    no_progress: bool,
) -> int:
    """Say which requests in CAPTURE... failed, why, and how to mend it.

    Prints the verdict and writes it in full to CAPTURE's name with .html in the current folder. CAPTURE is
    a pcap or pcapng file, compressed or not, or - for stdin. Several are parts of one capture, or the same
    minutes seen from several hosts. Ctrl-C ends the reading, and what was read is reported; twice, it ends
    everything. JSON and text go to stdout if no -o names a file.
    """
    form = form or format_of(output)
    destination = output or (f"{stem(captures[0])}.html" if form == "html" else "-")
    if destination != "-":
        check_folder(Path(destination))
    from pcapdiag.analysis import analyze

    check_profile(profile)
    check_no_input(destination, captures)
    if only or ignore:
        check_names((*only, *ignore), cause_names(), "cause")
    interruption = Interruption()
    analysis = analyze(
        list(captures),
        alb=alb,
        profile=profile,
        profile_file=profile_file,
        tls_keylog=tls_keylog,
        only=only,
        ignore=ignore,
        progress=progress_line(captures, not no_progress),
        interruption=interruption,
    )
    redactor = None
    if redact:
        from pcapdiag.redact import Redactor

        redactor = Redactor(analysis.traffic.addresses)
    if destination == "-":
        sys.stdout.buffer.write(rendered(analysis, form, redactor).encode("utf-8", "backslashreplace"))
    else:
        from pcapdiag.report.text import print_report

        with whole_file(Path(destination)) as stream:
            stream.write(rendered(analysis, form, redactor).encode("utf-8", "backslashreplace"))
        print_report(redactor.analysis(analysis) if redactor else analysis, sys.stdout)
        sys.stdout.write(f"\nReport: {destination}\n")
    if interruption.asked:
        interruption.leave()
    return exit_code(analysis, fail_on)


def format_of(output: str | None) -> str:
    """The format that the suffix of a file names."""
    suffix = Path(output or "").suffix.lower()
    if suffix and suffix not in SUFFIXES:
        raise PcapdiagError(
            f"{output}: {suffix} is no format; end it in {', '.join(SUFFIXES)} or give --format"
        )
    return SUFFIXES.get(suffix, "html")


def rendered(analysis: Analysis, form: str, redactor: Redactor | None) -> str:
    """The whole report in one of the formats."""
    if form == "html":
        from pcapdiag.report.html import html_report

        return html_report(analysis, redactor)
    if redactor is not None:
        analysis = redactor.analysis(analysis)
    if form == "json":
        from pcapdiag.report.json import json_text

        return json_text(analysis)
    from pcapdiag.report.text import text_report

    return text_report(analysis)


def stem(capture: str) -> str:
    """A capture's name without its folder and its suffixes: ``prod.pcap.gz`` -> ``prod``."""
    if capture == "-":
        return "stdin"
    name = Path(capture).name
    shorter = True
    while shorter:
        shorter = False
        for suffix in CAPTURE_SUFFIXES:
            if name.lower().endswith(suffix) and len(name) > len(suffix):
                name, shorter = name[: -len(suffix)], True
    return name


def exit_code(analysis: Analysis, fail_on: str) -> int:
    if fail_on == "never":
        return 0
    from pcapdiag.causes.cause import Severity

    bound = Severity[fail_on.upper()]
    return FAILED if any(finding.severity >= bound for finding in analysis.findings) else 0
