"""Passes over columns in blocks agree with NumPy's on the whole column."""

from __future__ import annotations

import numpy as np
import pytest

from pcapdiag import columns
from pcapdiag.columns import BLOCK

SIZES = (0, 1, 5, BLOCK, BLOCK + 1, 3 * BLOCK - 7)


@pytest.fixture(params=SIZES)
def numbers(request: pytest.FixtureRequest) -> np.ndarray:
    """A strided column of that many small numbers, as a table's columns are."""
    table = np.zeros(request.param, [("some", "u4"), ("number", "u2")])
    table["number"] = np.random.default_rng(request.param).integers(0, 600, request.param)
    return table["number"]


def test_counts(numbers: np.ndarray) -> None:
    assert columns.counts(numbers).tolist() == np.bincount(numbers, minlength=1).tolist()


def test_among(numbers: np.ndarray) -> None:
    assert columns.among(numbers, (3, 65535)).tolist() == np.isin(numbers, (3, 65535)).tolist()


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "i8", "u8"])
@pytest.mark.parametrize(
    "wanted",
    [[], [7], [0, 3, 255], [300, 70_000], [5, 1 << 40], np.arange(50) * 9, np.zeros(0, "i8"), (3, 3)],
)
def test_among_any_numbers(dtype: str, wanted: list[int]) -> None:
    most = min(np.iinfo(dtype).max, 1 << 41)
    values = np.concatenate([[0, 3, 7, most], np.random.default_rng(1).integers(0, min(most, 400), 500)])
    values = values.astype(dtype)
    assert columns.among(values, wanted).tolist() == [int(value) in set(wanted) for value in values]
    assert columns.among(values[:0], wanted).tolist() == []


def test_among_numbers_beyond_what_is_signed() -> None:
    values = np.array([1, 1 << 63, (1 << 64) - 1, (1 << 64) - 2], "u8")
    assert columns.among(values, values[1:3]).tolist() == [False, True, True, False]
    assert columns.among(values, values[2:]).tolist() == [False, False, True, True]


def test_sets() -> None:
    some, others = np.array([5, 1, 5, 9], "u4"), np.array([9, 2, 1, 1], "i8")
    assert columns.union(some, others).tolist() == [1, 2, 5, 9]
    assert columns.without(some, others).tolist() == [5]
    assert columns.common(some, others).tolist() == [1, 9]


def test_tally(numbers: np.ndarray) -> None:
    found = columns.tally(numbers, 1000, lambda part: numbers[part] % 2 == 1)
    assert found.tolist() == np.bincount(numbers[numbers % 2 == 1], minlength=1000).tolist()


def test_distinct_and_numbered(numbers: np.ndarray) -> None:
    known, which = np.unique(numbers, return_inverse=True)
    assert columns.distinct(numbers).tolist() == known.tolist()
    assert [part.tolist() for part in columns.numbered(numbers)] == [known.tolist(), which.tolist()]


def test_largest(numbers: np.ndarray) -> None:
    rows = columns.largest(len(numbers), 40, numbers.__getitem__)
    assert len(rows) == len(set(rows.tolist())) == min(40, len(numbers))
    assert sorted(numbers[rows].tolist()) == np.sort(numbers)[-40:].tolist()
