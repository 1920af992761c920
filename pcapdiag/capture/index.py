"""Where each batch began: a sparse index by which frames are found again without reading from the start."""

from __future__ import annotations

from array import array
from bisect import bisect_right
from typing import Any

from pcapdiag.capture.reader import Place

#: Bytes of a stream that are sooner read over than remembered.
APART = 1 << 18


class Index:
    """Places in order of frames, some way apart; states are shared between neighbours."""

    def __init__(self) -> None:
        self._frames = array("q")
        self._positions = array("q")
        self._states: list[Any] = []

    def add(self, place: Place) -> None:
        if self._positions and place.position < self._positions[-1] + APART:
            return
        self._frames.append(place.frame)
        self._positions.append(place.position)
        self._states.append(place.state)

    def before(self, frame: int) -> Place | None:
        """The last place known from which reading comes to `frame`."""
        row = bisect_right(self._frames, frame) - 1
        if row < 0:
            return None
        return Place(self._frames[row], self._positions[row], self._states[row])
