"""Counts, times, lists and names of files, as every finding and report says them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from pathlib import PurePath

STDIN = "-"


def counted(count: int, noun: str) -> str:
    """``1 packet``, ``2 packets``."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def listed(parts: Sequence[str]) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    return " and ".join(part for part in (", ".join(parts[:-1]), *parts[-1:]) if part)


def happened(ways: Iterable[tuple[int, str]]) -> str:
    """What happened, as far as it did: each way's count stands where its text has ``{}``."""
    return listed([text.format(f"{count:,}") for count, text in ways if count])


def first_of(names: Iterable[str], most: int = 4) -> str:
    """The first few of some names, and how many more there are."""
    names = list(names)
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


def three_digits(value: float) -> str:
    """A number to three digits, whole from 100 on, without zeros at its end: ``1.5``, ``12.3``, ``1,204``."""
    if value < 0 or not math.isfinite(value):
        return f"-{three_digits(-value)}" if value < 0 else str(value)
    digits = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
    while 0 < value < 10.0 ** (2 - digits) and digits < 9:
        digits += 1
    text = f"{math.floor(value * 10**digits + 0.5) / 10**digits:,.{digits}f}"
    return text.rstrip("0").rstrip(".") if digits else text


def seconds(value: float) -> str:
    """A time to be held against a limit: ``350 µs``, ``350 ms``, ``5 s``, ``1.25 s``, ``3,600 s``."""
    if value < 0:
        return f"-{seconds(-value)}"
    if 0 < value < 0.0009995:
        return f"{math.floor(value * 1e6 + 0.5)} µs"
    return f"{three_digits(value * 1e3)} ms" if 0 < value < 0.9995 else f"{three_digits(value)} s"


def duration(value: float) -> str:
    """How long something lasted: as ``seconds`` up to two minutes, then ``12 min 3 s``, ``5 h 2 min``.

    The page says it alike: ``duration`` in report/static/dom.js.
    """
    if value < 119.5:
        return seconds(value)
    whole_s, whole_min = math.floor(value + 0.5), math.floor(value / 60 + 0.5)
    large, small, units = (*divmod(whole_s, 60), ("min", "s"))
    if whole_s >= 7200:
        large, small, units = (*divmod(whole_min, 60), ("h", "min"))
    return f"{large:,} {units[0]}" + (f" {small} {units[1]}" if small else "")


def size(value: float) -> str:
    """``12 B``, ``498 MB``: decimal units."""
    for unit in ("B", "kB", "MB", "GB"):
        if value < 999.5:
            return f"{three_digits(value)} {unit}"
        value /= 1000
    return f"{three_digits(value)} TB"


def file_path(path: str) -> str:
    """A capture's path as people read it."""
    return "standard input" if path == STDIN else path


def file_name(path: str) -> str:
    """A capture's name without its folders."""
    return "standard input" if path == STDIN else PurePath(path).name
