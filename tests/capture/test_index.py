"""The sparse index finds the last place at or before a frame."""

from __future__ import annotations

import pytest

from pcapdiag.capture.index import Index
from pcapdiag.capture.reader import Place


@pytest.mark.parametrize(("frame", "row"), [(1, 0), (99, 0), (100, 1), (101, 1), (5000, 2)])
def test_finds_the_place_before_a_frame(frame, row):
    places = [Place(1, 24), Place(100, 900_000, "state"), Place(200, 2**40)]
    index = Index()
    for place in places:
        index.add(place)
        index.add(Place(place.frame + 1, place.position + 1000))  # too near to be worth remembering
    assert index.before(frame) == places[row]


def test_knows_no_place_before_the_first():
    assert Index().before(1) is None
