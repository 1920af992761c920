"""The capture over time, in equal steps: exchanges by status, bytes, retransmissions, failures by finding."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcapdiag import tables as t
from pcapdiag.analysis import Analysis
from pcapdiag.causes.cause import Finding
from pcapdiag.columns import among, blocks, counts, distinct
from pcapdiag.report.summary import NO_RESPONSE, client_leg, row_numbers, span_ns
from pcapdiag.traffic import Traffic

MAX_STEPS = 500
STATUSES_SHOWN = 5
_TOLD_BY = ("status", "start_ns", "response_end_us", "response_body", "request_body")
_SENT_AGAIN = (
    t.EVENT_RETRANSMISSION, t.EVENT_LOST_BEFORE, t.EVENT_SYN_RETRANSMISSION, t.EVENT_SYNACK_RETRANSMISSION,
    t.EVENT_FIN_RETRANSMISSION,
)  # fmt: skip


def timeline(analysis: Analysis, findings: list[Finding]) -> dict[str, Any]:
    """Columns of counts, one value a step of `step_s` from the capture's first packet on."""
    traffic = analysis.traffic
    first_ns, last_ns = span_ns(traffic)
    step_ns = step_of(last_ns - first_ns)
    clock = Clock(first_ns, step_ns, (last_ns - first_ns) // step_ns + 1)
    leg = client_leg(traffic)
    statuses, size = by_step(traffic, np.flatnonzero(traffic.exchange_leg == leg), clock)
    return {
        "leg": t.LEGS[leg] or "all",
        "first_us": first_ns // 1000,  # exact in a double, which nanoseconds are not
        "step_s": step_ns / 1e9,
        "statuses": statuses,
        "bytes": size,
        "retransmissions": retransmissions(traffic, clock),
        "findings": [clock.counts(failure_times(traffic, finding)) for finding in findings],
    }


class Clock:
    """Times to steps."""

    def __init__(self, first_ns: int, step_ns: int, count: int) -> None:
        self.first_ns, self.step_ns, self.count = first_ns, step_ns, int(count)

    def steps(self, times_ns: np.ndarray) -> np.ndarray:
        return np.clip((times_ns - self.first_ns) // self.step_ns, 0, self.count - 1)

    def counts(self, times_ns: np.ndarray) -> list[list[int]]:
        """[step, how many] of the steps in which something happened."""
        counts = np.bincount(self.steps(times_ns), minlength=self.count)
        return [[int(step), int(counts[step])] for step in np.flatnonzero(counts)]


def step_of(span_ns: int) -> int:
    """A round number of nanoseconds that divides the span into at most MAX_STEPS steps."""
    step = 1000
    while True:
        for factor in (1, 2, 5):
            if span_ns // (step * factor) < MAX_STEPS:
                return step * factor
        step *= 10


def by_step(traffic: Traffic, rows: np.ndarray, clock: Clock) -> tuple[dict[str, list[int]], list[int]]:
    """Of these exchanges, a value a step: how many of each status began, and the body bytes that ended."""
    exchanges = traffic.exchanges
    names, series_of = series(counts(exchanges["status"][rows]))
    begun = np.zeros((len(names), clock.count), "i8")
    ended = np.zeros(clock.count)
    for part in blocks(len(rows)):
        status, start_ns, end_us, response, request = (exchanges[name][rows[part]] for name in _TOLD_BY)
        of = series_of[status].astype("i8") * clock.count
        begun += np.bincount(of + clock.steps(start_ns), minlength=begun.size).reshape(begun.shape)
        end_ns = start_ns + np.where(end_us == t.NEVER, 0, end_us).astype("i8") * 1000
        ended += np.bincount(clock.steps(end_ns), response + request, clock.count)
    shown = {name: row for name, row in zip(names, begun.tolist(), strict=True) if name == "ok" or any(row)}
    return shown, ended.astype("i8").tolist()


def series(of_status: np.ndarray) -> tuple[list[str], np.ndarray]:
    """The lines of the chart, and the line of each status, u1.

    ``ok`` (below 400), the most frequent error statuses each, the other ones, and no response.
    """
    errors = of_status.copy()
    errors[:400] = 0
    named = sorted(sorted(np.flatnonzero(errors).tolist(), key=lambda s: -errors[s])[:STATUSES_SHOWN])
    names = ["ok", *map(str, named), "other errors", NO_RESPONSE]
    line_of = np.zeros(len(of_status), "u1")
    line_of[400:] = len(named) + 1
    line_of[named] = np.arange(1, len(named) + 1)
    line_of[0] = len(named) + 2
    return names, line_of


def retransmissions(traffic: Traffic, clock: Clock) -> dict[str, list[int]]:
    """Packets sent again on each leg, as far as the tables name them one by one."""
    events = traffic.events[among(traffic.events["kind"], _SENT_AGAIN)]
    legs = traffic.leg[events["connection"]]
    steps = clock.steps(events["time_ns"])
    return {
        t.LEGS[leg] or "other": np.bincount(steps[legs == leg], minlength=clock.count).tolist()
        for leg in distinct(legs)
    }


def failure_times(traffic: Traffic, finding: Finding) -> np.ndarray:
    """When a finding's requests began; else its connections; else its evidence."""
    exchanges, connections = row_numbers(finding.exchanges), row_numbers(finding.connections)
    if exchanges.size or connections.size:
        return np.concatenate(
            [traffic.exchanges["start_ns"][exchanges], traffic.connections["first_ns"][connections]]
        )
    return np.array([item.time_ns for item in finding.evidence], "i8")
