"""Passes over a column of a large table that make nothing much larger than what they find.

A column of a table is strided, and most NumPy functions first copy it, often as int64: on millions of
exchanges the copies would be more memory than the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

#: Rows looked at together: few enough that what is made of them stays in the processor's cache.
BLOCK = 1 << 13


def blocks(count: int) -> Iterator[slice]:
    """`count` rows, in parts."""
    for start in range(0, count, BLOCK):
        yield slice(start, min(start + BLOCK, count))


def counts(column: np.ndarray) -> np.ndarray:
    """How often each number stands in a column of small ones (u1 or u2); i8, by the number."""
    found = np.zeros(int(column.max(initial=0)) + 1, "i8")
    for part in blocks(len(column)):
        found += np.bincount(column[part], minlength=len(found))
    return found


def among(column: np.ndarray, numbers: Sequence[int]) -> np.ndarray:
    """Where a column of small numbers (u1 or u2) has one of these; bool, one a row."""
    chosen = np.zeros(1 << 8 * column.dtype.itemsize, "?")
    chosen[list(numbers)] = True
    return chosen[column]


def tally(numbers: np.ndarray, size: int, where: Callable[[slice], np.ndarray]) -> np.ndarray:
    """How often each number below `size` stands where `where` says so of some rows; i8, by the number."""
    found = np.zeros(size, "i8")
    for part in blocks(len(numbers)):
        some = numbers[part][where(part)]
        if len(some):
            least = int(some.min())
            here = np.bincount(some - least)
            found[least : least + len(here)] += here
    return found


def distinct(values: np.ndarray) -> np.ndarray:
    """The values, each once, in order. (np.unique of one argument imports numpy.ma, which takes longer.)"""
    ordered = np.sort(values)
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(ordered)]]


def numbered(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct keys in order, and which of them each one is; for keys that repeat a lot."""
    some = [distinct(keys[part]) for part in blocks(len(keys))]
    known = distinct(np.concatenate(some)) if some else keys[:0]
    return known, np.searchsorted(known, keys)


def largest(count: int, most: int, value: Callable[[slice], np.ndarray]) -> np.ndarray:
    """At most `most` of `count` rows, those of the largest values; `value` gives the values of some rows."""
    rows, values = np.zeros(0, "i8"), np.zeros(0, "i8")
    for part in blocks(count):
        rows = np.concatenate([rows, np.arange(part.start, part.stop)])
        values = np.concatenate([values, value(part)])
        if len(rows) > most:
            kept = np.argpartition(values, -most)[-most:]
            rows, values = rows[kept], values[kept]
    return rows
