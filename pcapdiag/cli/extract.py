"""``pcapdiag extract``: carve the evidence."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from pcapdiag import words
from pcapdiag.cli.options import (
    analysis_options,
    cause_names,
    check_names,
    check_profile,
    complete_causes,
    complete_files,
)
from pcapdiag.cli.output import check_no_input, whole_file
from pcapdiag.errors import PcapdiagError

if TYPE_CHECKING:
    from pcapdiag.analysis import Analysis
    from pcapdiag.wirepacket import WirePacket


@click.command(short_help="Carve packets of connections or causes into a small capture.")
@analysis_options
@click.option(
    "--connection", "numbers", type=click.IntRange(0), multiple=True,
    help="A connection's number; may be repeated.",
)  # fmt: skip
@click.option(
    "--cause", "causes", metavar="NAME", multiple=True, shell_complete=complete_causes,
    help="All connections a cause was found on; may be repeated.",
)  # fmt: skip
@click.option(
    "--redact", is_flag=True, help="Replace addresses and mask payloads; keeps TCP and HTTP framing."
)
@click.option(
    "-o", "--output", metavar="OUT", required=True, shell_complete=complete_files,
    help="The new capture; - is stdout.",
)  # fmt: skip
def extract(
    captures: tuple[str, ...],
    alb: tuple[str, ...],
    profile: str | None,
    profile_file: str | None,
    tls_keylog: str | None,
    numbers: tuple[int, ...],
    causes: tuple[str, ...],
    redact: bool,
    output: str,
) -> None:
    """Write the packets of some connections of CAPTURE... to a capture of their own.

    Connections are numbered as the report and 'pcapdiag connections' number them. Of several --connection
    and --cause each adds its own.
    """
    if not numbers and not causes:
        raise click.UsageError("say which: --connection N or --cause NAME")
    check_profile(profile)
    check_no_input(output, captures)
    check_names(causes, cause_names(), "cause")
    from pcapdiag.analysis import analyze
    from pcapdiag.carve import write_pcap, write_pcapng
    from pcapdiag.wire import Wire
    from pcapdiag.wirepacket import Span

    analysis = analyze(
        list(captures), alb=alb, profile=profile, profile_file=profile_file, tls_keylog=tls_keylog
    )
    rows = analysis.traffic.connections
    chosen = set(numbers)
    for number in chosen:
        if number >= len(rows):
            raise PcapdiagError(f"no connection {number}: the capture holds {len(rows):,}, numbered from 0")
    for cause in causes:
        chosen |= connections_of(analysis, cause)
    spans = [Span(n, int(rows[n]["first_frame"]), int(rows[n]["last_frame"])) for n in sorted(chosen)]
    found = Wire(analysis).each(spans)
    packets = redacted(analysis, found) if redact else (packet for _, packet in found)
    link_types = {link for info in analysis.traffic.files for link in info.link_types}
    write = (
        write_pcapng if (len(link_types) > 1 and not redact) or output.lower().endswith("ng") else write_pcap
    )
    if output == "-":
        write(sys.stdout.buffer, packets)
        return
    with whole_file(Path(output)) as stream:
        count = write(stream, packets)
    what = words.counted(len(chosen), "connection")
    sys.stdout.write(f"{count:,} packets of {what}: {output}\n")


def redacted(analysis: Analysis, found: Iterable[tuple[int, WirePacket]]) -> Iterator[WirePacket]:
    """The packets fit to leave the company."""
    from pcapdiag.redact import Redactor

    traffic = analysis.traffic
    redactor = Redactor(traffic.addresses)
    for connection, packet in found:
        row = traffic.connections[connection]
        ends = [traffic.addresses[row[side]] for side in ("client", "server")]
        source, destination = reversed(ends) if packet.direction else ends
        clean = redactor.packet(packet, source, destination)
        if clean is not None:
            yield clean


def connections_of(analysis: Analysis, cause: str) -> set[int]:
    """The connections of a cause's findings: of their evidence and exchanges, on both legs."""
    from pcapdiag.tables import NONE

    traffic = analysis.traffic
    chosen: set[int] = set()
    for finding in analysis.findings:
        if finding.cause.name != cause:
            continue
        exchanges = {int(row) for row in finding.exchanges}
        exchanges |= {int(traffic.peer[row]) for row in exchanges} - {NONE}
        chosen |= {int(traffic.exchanges[row]["connection"]) for row in exchanges}
        chosen |= {int(row) for row in finding.connections}
        chosen |= {item.connection for item in finding.evidence}
    if not chosen:
        raise PcapdiagError(f"{cause} was not found in this capture: nothing to extract")
    return chosen
