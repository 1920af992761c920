"""Rows of plain values as an aligned table, CSV or JSON, written as they come."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TextIO

from pcapdiag.report.printable import printable

FORMATS = ("table", "csv", "json")
MEASURED_ROWS = 300  # the widths of a table's columns are those of its first rows
MAX_CELL = 80
_CHUNK_ROWS = 1000

Row = Sequence[Any]


def write_rows(stream: TextIO, form: str, names: Sequence[str], rows: Iterable[Row]) -> None:
    """Write `rows` under the column `names` in one of FORMATS."""
    if form == "json":
        _write_json(stream, names, rows)
    elif form == "csv":
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(names)
        writer.writerows([cell(value) for value in row] for row in rows)
    else:
        _write_table(stream, names, rows)


def cell(value: object) -> str:
    """A value as one line of safe text, times in seconds with microseconds; nothing for None."""
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.6f}".rstrip("0").rstrip(".")
    return printable(str(value))


def _write_json(stream: TextIO, names: Sequence[str], rows: Iterable[Row]) -> None:
    """An array of objects, one a line."""
    separator = "[\n"
    for row in rows:
        stream.write(separator + json.dumps(dict(zip(names, row, strict=True))))
        separator = ",\n"
    stream.write("[]\n" if separator == "[\n" else "\n]\n")


def _write_table(stream: TextIO, names: Sequence[str], rows: Iterable[Row]) -> None:
    rest = iter(rows)
    first = list(itertools.islice(rest, MEASURED_ROWS))
    to_right = [
        all(isinstance(row[column], int | float | None) for row in first) for column in range(len(names))
    ]
    measured = [list(names), *([_short(cell(value)) for value in row] for row in first)]
    widths = [max(len(row[column]) for row in measured) for column in range(len(names))]

    def line(cells: Iterable[str]) -> str:
        padded = [
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(cells, widths, to_right, strict=True)
        ]
        return "  ".join(padded).rstrip() + "\n"

    stream.write(line(names))
    for chunk in _chunks(itertools.chain(first, rest)):
        stream.write("".join(line(_short(cell(value)) for value in row) for row in chunk))


def _short(text: str) -> str:
    return text if len(text) <= MAX_CELL else text[: MAX_CELL - 3] + "..."


def _chunks(rows: Iterator[Row]) -> Iterator[list[Row]]:
    while chunk := list(itertools.islice(rows, _CHUNK_ROWS)):
        yield chunk
