from __future__ import annotations

import pytest

from pcapdiag.report.timeline import MAX_STEPS, step_of, timeline
from tests.report.outage import outage


@pytest.mark.parametrize("span_s", [0, 1e-6, 0.03, 27.8, 3600, 86400 * 30])
def test_the_step_is_round_and_there_are_not_too_many(span_s: float) -> None:
    step = step_of(int(span_s * 1e9))
    assert int(span_s * 1e9) // step < MAX_STEPS
    assert str(step).rstrip("0") in ("1", "2", "5")


def test_every_exchange_of_the_client_side_is_counted_once() -> None:
    drawn = timeline(outage(), [])
    assert {name: sum(counts) for name, counts in drawn["statuses"].items()} == {"ok": 8, "502": 2}
    assert {leg: sum(counts) for leg, counts in drawn["retransmissions"].items()} == {"backend": 1}


def test_a_finding_marks_the_steps_in_which_its_requests_failed() -> None:
    analysis = outage()
    drawn = timeline(analysis, analysis.findings)
    marked = [step * drawn["step_s"] for step, _ in drawn["findings"][0]]
    assert marked == pytest.approx([9.0, 10.0], abs=drawn["step_s"])
