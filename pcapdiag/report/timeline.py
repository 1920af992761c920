"""The capture over time, in equal steps: exchanges by status, bytes, retransmissions, failures by finding."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcapdiag import tables as t
from pcapdiag.analysis import Analysis
from pcapdiag.causes.cause import Finding
from pcapdiag.report.summary import NO_RESPONSE, client_leg, row_numbers, span_ns
from pcapdiag.traffic import Traffic

MAX_STEPS = 500
STATUSES_SHOWN = 5
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
    on_leg = np.flatnonzero(traffic.exchange_leg == leg)
    exchanges = traffic.exchanges
    start_ns = exchanges["start_ns"][on_leg]
    steps = clock.steps(start_ns)
    statuses = exchanges["status"][on_leg]
    response_us = exchanges["response_end_us"][on_leg].astype("i8")
    response_us[response_us == t.NEVER] = 0
    ended_ns = start_ns + response_us * 1000
    size = exchanges["response_body"][on_leg] + exchanges["request_body"][on_leg]
    return {
        "leg": t.LEGS[leg] or "all",
        "first_us": first_ns // 1000,  # exact in a double, which nanoseconds are not
        "step_s": step_ns / 1e9,
        "statuses": by_status(steps, statuses, clock.count),
        "bytes": np.bincount(clock.steps(ended_ns), size, clock.count).astype("i8").tolist(),
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


def by_status(steps: np.ndarray, statuses: np.ndarray, count: int) -> dict[str, list[int]]:
    """``ok`` (below 400), the most frequent error statuses each, the other ones, and no response."""
    errors = np.bincount(statuses[statuses >= 400])
    named = sorted(np.flatnonzero(errors).tolist(), key=lambda s: -errors[s])[:STATUSES_SHOWN]
    series = {"ok": np.bincount(steps[(statuses < 400) & (statuses > 0)], minlength=count)}
    for status in sorted(named):
        series[str(status)] = np.bincount(steps[statuses == status], minlength=count)
    rest = (statuses >= 400) & ~np.isin(statuses, named)
    if rest.any():
        series["other errors"] = np.bincount(steps[rest], minlength=count)
    if (statuses == 0).any():
        series[NO_RESPONSE] = np.bincount(steps[statuses == 0], minlength=count)
    return {name: counts.tolist() for name, counts in series.items()}


def retransmissions(traffic: Traffic, clock: Clock) -> dict[str, list[int]]:
    """Packets sent again on each leg, as far as the tables name them one by one."""
    events = traffic.events[np.isin(traffic.events["kind"], _SENT_AGAIN)]
    legs = traffic.leg[events["connection"]]
    steps = clock.steps(events["time_ns"])
    return {
        t.LEGS[leg] or "other": np.bincount(steps[legs == leg], minlength=clock.count).tolist()
        for leg in np.unique(legs)
    }


def failure_times(traffic: Traffic, finding: Finding) -> np.ndarray:
    """When a finding's requests began; else its connections; else its evidence."""
    exchanges, connections = row_numbers(finding.exchanges), row_numbers(finding.connections)
    if exchanges.size or connections.size:
        return np.concatenate(
            [traffic.exchanges["start_ns"][exchanges], traffic.connections["first_ns"][connections]]
        )
    return np.array([item.time_ns for item in finding.evidence], "i8")
