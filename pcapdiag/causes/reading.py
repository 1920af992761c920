"""Why messages are malformed: the cold path of the detectors, a few messages read again from the capture."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcapdiag.traffic import Traffic

MAX_READ = 5


def wire(traffic: Traffic) -> Any:  # noqa: ANN401
    """What reads packets again (``pcapdiag.wire.Wire``), or None when the files are not at hand."""
    return getattr(traffic, "wire", None)


def reasons(traffic: Traffic, rows: np.ndarray, direction: int) -> list[str]:
    """What is wrong with the first of these requests (direction 0) or responses (1), each reason once."""
    reader = wire(traffic)
    if reader is None:
        return []
    found = (reader.why_malformed(int(row), direction) for row in rows[:MAX_READ])
    return list(dict.fromkeys(reason for reason in found if reason))
