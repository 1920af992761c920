"""backend-zero-window: the backend did not read."""

from __future__ import annotations

import pytest

from pcapdiag import tables as t
from pcapdiag.causes import backend_zero_window
from pcapdiag.causes.cause import Severity
from tests.causes.stories import CLIENT, SERVER, Story


def upload(closed_us: int, direction: int = SERVER) -> Story:
    """An upload during which this side's window was closed for so long."""
    story = Story()
    row = story.forwarded(story.asked("POST /", takes_s=3), takes_s=3)
    on = story.tables.exchanges[row]["connection"]
    story.tables.trouble(on, direction, zero_windows=1, zero_window_us=closed_us, longest_zero_us=closed_us)
    story.tables.event(on, t.EVENT_ZERO_WINDOW, at_s=1.5, direction=direction)
    return story


def test_a_window_closed_for_long() -> None:
    finding = upload(2_000_000).only(backend_zero_window)
    assert (finding.severity, finding.count, finding.leg) == (Severity.WARNING, 1, "backend")
    assert finding.facts["longest_stall_s"] == pytest.approx(2.0)


def test_a_window_closed_for_a_moment_is_ordinary() -> None:
    assert upload(300_000).silent(backend_zero_window)


def test_a_load_balancer_that_reads_slowly_is_not_the_backends_doing() -> None:
    assert upload(2_000_000, CLIENT).silent(backend_zero_window)
