"""What every report says of an analysis: the legs in numbers, the verdict in sentences.

Only columns are read here; nothing loops over exchanges or connections.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta, timezone
from typing import NamedTuple

import numpy as np

from pcapdiag import tables as t
from pcapdiag import words
from pcapdiag.analysis import Analysis
from pcapdiag.causes import outcome
from pcapdiag.causes.cause import Finding, Severity
from pcapdiag.columns import among, distinct
from pcapdiag.traffic import Traffic, endpoint

NO_RESPONSE = "none"
UNEXPLAINED_SHOWN = 8  # kinds of failures that nothing explains
CUT = (t.END_FIN, t.END_RST_SENDER, t.END_RST_RECEIVER)  # an answer that did not come to its end
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class LegSummary(NamedTuple):
    """One leg in numbers. Peers are client addresses on the frontend, server endpoints on the backend."""

    connections: int
    exchanges: int
    peers: int
    packets: int
    retransmissions: int
    statuses: dict[str, int]


def leg_summary(traffic: Traffic, leg: int) -> LegSummary:
    """The numbers of one of LEG_UNKNOWN, LEG_FRONTEND, LEG_BACKEND."""
    on_leg = traffic.leg == leg
    connections = int(np.count_nonzero(on_leg))
    troubled = on_leg[traffic.troubles["connection"]]
    rows = traffic.connections
    packets = sum(int(np.sum(rows[column], where=on_leg)) for column in ("client_packets", "server_packets"))
    statuses = status_counts(traffic.exchanges["status"][traffic.exchange_leg == leg])
    return LegSummary(
        connections=connections,
        exchanges=sum(statuses.values()),
        peers=_peer_count(traffic, on_leg, leg),
        packets=packets,
        retransmissions=int(np.sum(traffic.troubles["retransmitted"], where=troubled)),
        statuses=statuses,
    )


def leg_summaries(traffic: Traffic) -> dict[str, LegSummary]:
    """``frontend`` and ``backend``, and ``other`` where connections have no load balancer on them.

    Kept with the traffic: a page and the terminal both show them.
    """
    kept: dict[str, LegSummary] | None = traffic.__dict__.get("_leg_summaries")
    if kept is not None:
        return kept
    legs = {t.LEGS[leg]: leg_summary(traffic, leg) for leg in (t.LEG_FRONTEND, t.LEG_BACKEND)}
    if (traffic.leg == t.LEG_UNKNOWN).any():
        legs["other"] = leg_summary(traffic, t.LEG_UNKNOWN)
    traffic.__dict__["_leg_summaries"] = legs
    return legs


def _peer_count(traffic: Traffic, on_leg: np.ndarray, leg: int) -> int:
    backend = leg == t.LEG_BACKEND
    return len(distinct(traffic.server_keys(on_leg) if backend else traffic.connections["client"][on_leg]))


def status_counts(statuses: np.ndarray) -> dict[str, int]:
    """How many of each status, most first; ``none`` where no response came."""
    counts = np.bincount(statuses)
    seen = sorted(np.flatnonzero(counts).tolist(), key=lambda status: -counts[status])
    return {str(status) if status else NO_RESPONSE: int(counts[status]) for status in seen}


def base(finding: Finding, legs: dict[str, LegSummary], traffic: Traffic) -> tuple[int, str]:
    """What a finding's count is a share of: (how many, "backend requests" or "frontend connections" ...).

    A fault of the backend leg that kept requests from it counts those of the frontend.
    """
    exchanges = row_numbers(finding.exchanges)
    name = (t.LEGS[int(traffic.exchange_leg[exchanges[0]])] if exchanges.size else "") or finding.leg
    leg = legs.get(name)
    if leg is None:
        return 0, "requests"
    about_connections = not exchanges.size and row_numbers(finding.connections).size
    if about_connections or not leg.exchanges:
        return leg.connections, f"{name} connections"
    return leg.exchanges, f"{name} requests"


def row_numbers(rows: Iterable[int]) -> np.ndarray:
    """A finding's exchanges or connections as an array."""
    return rows.astype("i8") if isinstance(rows, np.ndarray) else np.array(list(rows), "i8")


def share(part: int, whole: int) -> str:
    """``3.4 %``, with as many digits as tell it from nothing and from all."""
    if not part or not whole:
        return "0 %"
    percent = 100 * part / whole
    if 0 < percent < 0.01:
        return "< 0.01 %"
    if 99.995 <= percent < 100:
        return "> 99.99 %"
    digits = 2 if percent < 0.1 or 99.9 < percent < 100 else 1 if percent < 10 or percent > 99 else 0
    text = f"{percent:.{digits}f}"
    return f"{text.rstrip('0').rstrip('.') if digits else text} %"


def share_line(finding: Finding, legs: dict[str, LegSummary], traffic: Traffic) -> str:
    """``12 % of backend requests, clients got 502``; "" where a finding counts nothing."""
    if not finding.count:
        return ""
    whole, things = base(finding, legs, traffic)
    said = f"{share(finding.count, whole)} of {things}" if 0 < finding.count <= whole else ""
    if finding.leg == "backend" and not legs["frontend"].exchanges:  # what clients got of it, nobody knows
        answers = answer_list(finding.statuses)
        return f"{said}, backend's answers: {answers}".removeprefix(", ") if answers else said
    if len(finding.statuses) == 1:
        got = next(iter(finding.statuses))
        fine = finding.severity is not Severity.ERROR and got.isdigit() and int(got) < 400
        still = "still " if fine else ""
        said += f", clients {still}got " + ("no answer" if got == NO_RESPONSE else got)
        said += _cut_short(finding, traffic)
    elif finding.statuses:
        said += f", clients got {answer_list(finding.statuses)}{_cut_short(finding, traffic)}"
    return said.removeprefix(", ")


def _cut_short(finding: Finding, traffic: Traffic) -> str:
    """How many of the answers that clients got ended before their end, in words."""
    rows = row_numbers(finding.exchanges)
    seen = outcome.frontend_rows(traffic, rows)
    ended = traffic.exchanges["response_ended"][seen[seen != t.NONE]]
    status = traffic.exchanges["status"][seen[seen != t.NONE]]
    cut = int(np.count_nonzero((status > 0) & among(ended, CUT)))
    if not cut:
        return ""
    return " cut short" if cut == finding.count else f", {cut:,} cut short"


def status_list(statuses: dict[str, int]) -> str:
    """``200: 1,159, 502: 41, no answer: 2``."""
    return ", ".join(
        f"{'no answer' if status == NO_RESPONSE else status}: {count:,}" for status, count in statuses.items()
    )


def answer_list(statuses: dict[str, int]) -> str:
    """``502 (41), no answer (2)``: as a sentence has it."""
    return ", ".join(
        f"{'no answer' if status == NO_RESPONSE else status} ({count:,})"
        for status, count in statuses.items()
    )


def worst_first(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: (-finding.severity, -finding.count, finding.cause.name))


def verdict(analysis: Analysis) -> str:
    """The whole capture in one sentence."""
    account, findings = analysis.account, analysis.findings
    errors = {finding.cause.name for finding in findings if finding.severity is Severity.ERROR}
    warnings = {finding.cause.name for finding in findings if finding.severity is Severity.WARNING}
    total = len(analysis.traffic.exchanges)
    if not len(analysis.traffic.connections):
        return "No TCP connection in this capture: nothing to judge."
    if account.failed:
        left = account.failed - account.explained
        explained = f"{account.explained:,} explained" if left else "all explained"
        because = (
            f": {words.first_of(sorted(errors or warnings))}"
            if account.explained and (errors or warnings)
            else ""
        )
        explained += f" ({account.hidden:,} by causes that are not shown)" if account.hidden else ""
        unexplained = f"; {left:,} not explained" if left else ""
        said = f"{account.failed:,} of {requests(analysis.traffic):,} requests failed; "
        said += explained + because + unexplained
        return said.replace("; 0 explained; ", "; ") + "."
    if errors:
        return f"{_what_errors_hit(findings)}: {words.first_of(sorted(errors))}."
    if warnings:
        return f"No request failed, but there is something to mend: {words.first_of(sorted(warnings))}."
    if not total:
        return "No HTTP exchange in clear in this capture, and no connection failed."
    asked = requests(analysis.traffic)
    return f"Nothing failed: {words.counted(asked, 'request')}, and nothing to mend."


def _what_errors_hit(findings: Sequence[Finding]) -> str:
    """What failed where no request is counted as failed."""
    errors = [finding for finding in findings if finding.severity is Severity.ERROR]
    if any(True for finding in errors for _ in finding.exchanges):
        return "No client is known to have got an error, but requests went wrong"
    if all(finding.leg == t.LEGS[t.LEG_BACKEND] for finding in errors):
        return "Connections to backends failed"
    return "Connections failed before any request"


def client_leg(traffic: Traffic) -> int:
    """The leg nearest to the clients that carries exchanges."""
    counts = np.bincount(traffic.exchange_leg, minlength=3)
    return next((leg for leg in (t.LEG_FRONTEND, t.LEG_BACKEND) if counts[leg]), t.LEG_UNKNOWN)


def requests(traffic: Traffic) -> int:
    """How many requests clients sent, as far as the capture shows."""
    return int(np.count_nonzero(traffic.exchange_leg == client_leg(traffic)))


def moment(time_ns: int) -> str:
    """RFC 3339 in UTC, to the microsecond, or the nanosecond where one is known; whole seconds as such."""
    seconds, fraction_ns = divmod(int(time_ns), 1_000_000_000)
    fraction = f".{fraction_ns:09d}".removesuffix("000") if fraction_ns else ""
    return f"{_EPOCH + timedelta(seconds=seconds):%Y-%m-%dT%H:%M:%S}{fraction}Z"


def span_ns(traffic: Traffic) -> tuple[int, int]:
    """First and last packet time over all files that hold packets."""
    files = [info for info in traffic.files if info.packets]
    if not files:
        return 0, 0
    return min(info.first_ns for info in files), max(info.last_ns for info in files)


def server_endpoint(traffic: Traffic, key: int) -> str:
    """The endpoint of a (server row << 16 | port) key."""
    return endpoint(traffic.addresses[key >> 16], key & 0xFFFF)
