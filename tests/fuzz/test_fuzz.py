"""A few seconds of each fuzz target, with inputs that are the same every time."""

from __future__ import annotations

import random

import pytest

from tests.fuzz.targets import TARGETS

#: Inputs of a target, so that all of them together take a few seconds.
INPUTS = {
    "reader": 3000,
    "packets": 1000,
    "streams": 500,
    "traffic": 300,
    "parts": 200,
    "report-streams": 40,
    "report": 40,
    "report-file": 40,
}


@pytest.mark.parametrize("name", sorted(TARGETS))
def test_no_input_breaks_a_target(name: str) -> None:
    make, target = TARGETS[name]
    for seed in range(INPUTS[name]):
        content = make(random.Random(seed))
        try:
            target(content)
        except Exception as error:
            raise AssertionError(f"{name}, seed {seed}: {error!r}") from error


def test_the_same_seed_makes_the_same_input() -> None:
    for make, _ in TARGETS.values():
        assert make(random.Random(7)) == make(random.Random(7))
