"""The report for a terminal: what an engineer on call wants to know in ten seconds.

A report is a list of lines, a line a list of (text, style) spans, already wrapped to the width. In a pipe
they are joined as they are, in ASCII as far as the words are ours; on a terminal rich colours them.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from typing import TextIO

from pcapdiag import __version__, words
from pcapdiag.analysis import Analysis
from pcapdiag.causes.cause import Evidence, Finding, Severity
from pcapdiag.report import spent
from pcapdiag.report import summary as s
from pcapdiag.report.facts import fact_name, fact_value
from pcapdiag.report.printable import printable
from pcapdiag.traffic import FileInfo, Traffic

Span = tuple[str, str]
Line = list[Span]

EVIDENCE_SHOWN = 3
FRAMES_SHOWN = 8
FACTS_SHOWN = 8
QUICK_US = 1000  # where requests that took less spent their time is not worth a line
PIPE_WIDTH = 100
MIN_WIDTH, MAX_WIDTH = 40, 120
STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "bold yellow", Severity.INFO: "bold cyan"}


def text_report(analysis: Analysis, width: int = PIPE_WIDTH) -> str:
    """The whole report as plain text."""
    return "".join(f"{''.join(text for text, _ in line)}\n" for line in report_lines(analysis, width))


def print_report(analysis: Analysis, stream: TextIO) -> None:
    """Write the report: in colour and as wide as the terminal where `stream` is one, else plain."""
    if not stream.isatty():
        stream.write(text_report(analysis))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console(file=stream, highlight=False, soft_wrap=True)
    for line in report_lines(analysis, max(MIN_WIDTH, min(console.width, MAX_WIDTH))):
        console.print(Text.assemble(*line), overflow="ignore", crop=False)


def report_lines(analysis: Analysis, width: int) -> Iterator[Line]:
    """The report, line by line, none wider than `width` where words allow."""
    width = max(MIN_WIDTH, width)
    legs = s.leg_summaries(analysis.traffic)
    yield from capture_lines(analysis, width)
    yield []
    yield from leg_lines(legs)
    yield []
    style = "bold red" if analysis.account.failed else "bold"
    yield from wrapped(s.verdict(analysis), width, style=style)
    findings = s.worst_first(analysis.findings)
    spent.measure(analysis.traffic, findings)
    for finding in findings:
        yield []
        yield from finding_lines(finding, legs, analysis.traffic, width)
    if analysis.account.unexplained:
        yield []
        yield from unexplained_lines(analysis, width)
    if not any(finding.severity > Severity.INFO for finding in findings):
        yield []
        yield from checked_lines(analysis, legs, width)


def wrapped(text: str, width: int, *, indent: int = 0, hang: int = 0, style: str = "") -> Iterator[Line]:
    """`text`, safe to show, wrapped with `indent` blanks before it and `hang` more from line two on."""
    for paragraph in text.split("\n\n"):
        words = printable(" ".join(paragraph.split()))
        for line in textwrap.wrap(
            words,
            width,
            initial_indent=" " * indent,
            subsequent_indent=" " * (indent + hang),
            break_on_hyphens=False,
        ):
            yield [(line, style)]


def capture_lines(analysis: Analysis, width: int) -> Iterator[Line]:
    traffic = analysis.traffic
    first_ns, last_ns = s.span_ns(traffic)
    packets = sum(info.packets for info in traffic.files)
    facts = [
        f"{packets:,} packets",
        words.size(sum(info.captured_bytes for info in traffic.files)),
        f"{words.duration((last_ns - first_ns) / 1e9)} from {s.moment(first_ns)}" if packets else "",
        "/".join(sorted({link for info in traffic.files for link in info.link_types})),
    ]
    names = words.first_of([words.file_path(info.path) for info in traffic.files])
    line = f"pcapdiag {__version__}: {names}: " + ", ".join(fact for fact in facts if fact)
    yield from wrapped(line, width, hang=2)
    for info in traffic.files:
        for trouble in file_troubles(info):
            yield from wrapped(f"{words.file_path(info.path)}: {trouble}", width, hang=2, style="yellow")
    if traffic.encrypted is not None:
        yield from wrapped(traffic.encrypted.note, width, hang=2)
    if traffic.alb_warning:
        yield from wrapped(f"Warning: {traffic.alb_warning}", width, hang=2, style="yellow")
    reason = f" ({traffic.alb_reason})" if traffic.alb_reason else ""
    yield from wrapped(f"Load balancer: {words.first_of(traffic.alb) or 'none found'}{reason}", width, hang=2)
    reason = f" ({analysis.profile_reason})" if analysis.profile_reason else ""
    yield from wrapped(f"Profile: {analysis.profile.name}{reason}", width, hang=2)


def file_troubles(info: FileInfo) -> Iterator[str]:
    """What makes a file less than a full record of the wire."""
    if info.damage:
        yield f"damaged at byte {info.damage_offset:,}: {info.damage}; all before it was analysed"
    if info.interrupted:
        yield f"reading was interrupted after {info.packets:,} packets; those were analysed"
    if info.truncated_packets:
        yield f"{words.counted(info.truncated_packets, 'packet')} cut short by the snaplen"
    if info.dropped_packets:
        yield f"{words.counted(info.dropped_packets, 'packet')} dropped while capturing"


def leg_lines(legs: dict[str, s.LegSummary]) -> Iterator[Line]:
    """The legs as a table."""
    titles = ("leg", "connections", "exchanges", "peers", "retransmitted", "statuses")
    rows = [
        (
            name,
            f"{leg.connections:,}",
            f"{leg.exchanges:,}",
            f"{leg.peers:,}",
            f"{leg.retransmissions:,} ({s.share(leg.retransmissions, leg.packets)})",
            status_cell(leg.statuses),
        )
        for name, leg in legs.items()
        if leg.connections
    ]
    if not rows:
        yield [("No TCP connection.", "")]
        return
    widths = [max(len(row[column]) for row in (titles, *rows)) for column in range(len(titles) - 1)]
    for row in (titles, *rows):
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(size) for cell, size in zip(row[1:-1], widths[1:], strict=True)]
        yield [("  ".join([*cells, row[-1]]), "dim" if row is titles else "")]


def status_cell(statuses: dict[str, int], most: int = 5) -> str:
    shown = dict(list(statuses.items())[:most])
    rest = sum(statuses.values()) - sum(shown.values())
    return s.status_list(shown) + (f", others: {rest:,}" if rest else "")


def finding_lines(
    finding: Finding,
    legs: dict[str, s.LegSummary],
    traffic: Traffic,
    width: int,
) -> Iterator[Line]:
    line = s.share_line(finding, legs, traffic)
    yield [
        (finding.severity.word.upper(), STYLES[finding.severity]),
        (f"  {finding.cause.name}", "bold"),
        (f"  {line}" if line else "", ""),
    ]
    yield from wrapped(finding.title, width, indent=2, style="bold")
    yield from wrapped(finding.explanation, width, indent=2)
    facts = [f"{fact_name(k)} {fact_value(k, v)}" for k, v in list(finding.facts.items())[:FACTS_SHOWN]]
    if facts:
        yield from wrapped("Measured: " + "; ".join(facts), width, indent=2, hang=2)
    time = spent.of_finding(traffic, finding)
    if time and time.whole_us >= QUICK_US * time.requests:
        of = f" (mean of {time.requests:,} requests)" if time.requests > 1 else ""
        yield from wrapped(f"Time{of}: {spent.in_words(time)}", width, indent=2, hang=2)
    if finding.peers:
        yield from wrapped(f"Peers: {words.first_of(finding.peers)}", width, indent=2, hang=2)
    for also in finding.also:
        yield from wrapped(f"Also seen: {also}", width, indent=2, hang=2)
    if finding.evidence:
        left = len(finding.evidence) - EVIDENCE_SHOWN
        yield [("  Evidence" + (f" ({EVIDENCE_SHOWN} of {len(finding.evidence)})" if left > 0 else ""), "")]
        for item in finding.evidence[:EVIDENCE_SHOWN]:
            yield from evidence_lines(item, width, len(traffic.files) > 1)
    if finding.remedy:
        yield [("  Fix", "")]
    for remedy in finding.remedy:
        yield from wrapped(f"- {remedy}", width, indent=4, hang=2, style="green")


def evidence_lines(item: Evidence, width: int, name_file: bool) -> Iterator[Line]:
    frames = ", ".join(str(frame) for frame in item.frames[:FRAMES_SHOWN])
    if len(item.frames) > FRAMES_SHOWN:
        frames += ", ..."
    where = f"{'frame' if len(item.frames) == 1 else 'frames'} {frames}" if item.frames else "connection"
    file = f" of {words.file_name(item.file)}" if item.file and name_file else ""
    line = f"- {where}{file} at {s.moment(item.time_ns)[11:]}, {item.client} -> {item.server}"
    yield from wrapped(line + (f": {item.note}" if item.note else ""), width, indent=4, hang=2)
    if item.display_filter:  # never wrapped: it is there to be copied
        yield [(f"      {printable(item.display_filter)}", "cyan")]


def unexplained_lines(analysis: Analysis, width: int) -> Iterator[Line]:
    yield [("NOT EXPLAINED", "bold yellow")]
    groups = analysis.account.unexplained
    for left in groups[: s.UNEXPLAINED_SHOWN]:
        status = "without an answer" if left.status == s.NO_RESPONSE else f"with {left.status}"
        line = f"{words.counted(left.count, f'{left.leg} exchange')} {status}: {left.missing}"
        yield from wrapped(f"- {line}", width, indent=2, hang=2)
    if more := groups[s.UNEXPLAINED_SHOWN :]:
        count = words.counted(sum(left.count for left in more), "exchange")
        yield from wrapped(
            f"- and {len(more):,} more kinds, {count}: --format json lists them", width, indent=2
        )


def checked_lines(analysis: Analysis, legs: dict[str, s.LegSummary], width: int) -> Iterator[Line]:
    """What was looked at, where nothing is wrong."""
    traffic = analysis.traffic
    seen = [name for name in ("frontend", "backend") if name in legs and legs[name].connections]
    said = f"Checked: {words.counted(len(traffic.connections), 'connection')}, "
    said += words.counted(len(traffic.exchanges), "exchange")
    said += f" on the {' and '.join(seen)} leg{'s' if len(seen) > 1 else ''}" if seen else ""
    if len(seen) == 1:
        other = "backend" if seen == ["frontend"] else "frontend"
        said += f"; the {other} leg is not in this capture, so what happened there was not judged"
    yield from wrapped(said + ".", width, hang=2)
