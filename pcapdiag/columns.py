"""Passes over a column of a large table that make nothing much larger than what they find.

A column of a table is strided, and most NumPy functions first copy it, often as int64: on millions of
exchanges the copies would be more memory than the tables.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence

import numpy as np

#: Rows looked at together: few enough that what is made of them stays in the processor's cache.
BLOCK = 1 << 13
#: A table of all numbers between the least and the most may be so many times as long as what it is for.
SPAN_FACTOR = 8


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


def among(values: np.ndarray | Sequence[int], wanted: np.ndarray | Collection[int]) -> np.ndarray:
    """Which of some whole numbers are among the wanted ones; bool. (np.isin imports numpy.ma, too.)"""
    values = np.asarray(values)
    numbers = np.asarray(wanted if isinstance(wanted, np.ndarray) else list(wanted))
    if not values.size or not numbers.size:
        return np.zeros(values.shape, "?")
    if values.dtype.kind == "u" and values.dtype.itemsize <= 2:
        least, most = 0, int(np.iinfo(values.dtype).max)
        numbers = numbers[(numbers >= 0) & (numbers <= most)]
    else:
        least, most = int(numbers.min()), int(numbers.max())
    if most - least > max(SPAN_FACTOR * (len(values) + len(numbers)), 1 << 16) or most >> 63:
        ordered = np.sort(numbers)
        at = np.searchsorted(ordered, values)
        at[at == len(ordered)] = 0
        return ordered[at] == values
    chosen = np.zeros(most - least + 1, "?")
    chosen[numbers.astype("i8") - least] = True
    if least == 0 and values.dtype.kind == "u" and values.max() <= most:
        return chosen[values]
    found = (values >= least) & (values <= most)
    if found.any():
        found[found] = chosen[values[found].astype("i8") - least]
    return found


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


def distinct(values: np.ndarray | Sequence[int]) -> np.ndarray:
    """The values, each once, in order. (np.unique of one argument imports numpy.ma, which takes longer.)"""
    ordered = np.sort(np.asarray(values))
    return ordered[np.concatenate([[True], ordered[1:] != ordered[:-1]])[: len(ordered)]]


def union(some: np.ndarray, others: np.ndarray | Sequence[int]) -> np.ndarray:
    """What stands in either, each once, in order."""
    return distinct(np.concatenate([some, others]))


def without(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """What stands in the first and not in the second, each once, in order."""
    return distinct(some[~among(some, others)])


def common(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """What stands in both, each once, in order."""
    return distinct(some[among(some, others)])


def numbered(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The distinct keys in order, and which of them each one is, u4; for keys that repeat a lot."""
    some = [distinct(keys[part]) for part in blocks(len(keys))]
    known = distinct(np.concatenate(some)) if some else keys[:0]
    which = np.empty(len(keys), "u4")
    for part in blocks(len(keys)):
        which[part] = np.searchsorted(known, keys[part])
    return known, which


def largest(count: int, most: int, value: Callable[[slice], np.ndarray]) -> np.ndarray:
    """At most `most` of `count` rows, those of the largest values; `value` gives the values of some rows."""
    rows, values = np.zeros(0, "i8"), np.zeros(0, "i8")
    for part in blocks(count):
        some = value(part)
        above = np.flatnonzero(some > values.min()) if len(rows) == most else np.arange(len(some))
        if len(above):
            rows, values = np.concatenate([rows, part.start + above]), np.concatenate([values, some[above]])
        if len(rows) > most:
            kept = np.argpartition(values, -most)[-most:]
            rows, values = rows[kept], values[kept]
    return rows
