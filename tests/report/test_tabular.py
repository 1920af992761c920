from __future__ import annotations

import io
import json

import pytest

from pcapdiag.report.tabular import MAX_CELL, write_rows


def written(form: str, *rows: tuple[object, ...]) -> str:
    stream = io.StringIO()
    write_rows(stream, form, ("name", "size"), iter(rows))
    return stream.getvalue()


def test_a_table_lines_numbers_up_on_the_right() -> None:
    assert written("table", ("a", 5), ("long", 12345)) == "name   size\na         5\nlong  12345\n"


def test_a_long_cell_is_cut() -> None:
    assert max(map(len, written("table", ("x" * 500, 1)).splitlines())) <= MAX_CELL + 10


@pytest.mark.parametrize("form", ["table", "csv"])
def test_control_characters_are_spelled_out(form: str) -> None:
    assert "a\\x1b\\x0ab" in written(form, ("a\x1b\nb", 1))


def test_csv_quotes_what_it_must() -> None:
    assert written("csv", ('a,"b"', 0.5), ("", None)) == 'name,size\n"a,""b""",0.5\n,\n'


def test_json_is_an_array_of_objects() -> None:
    assert json.loads(written("json", ("a", 1), ("b", None))) == [
        {"name": "a", "size": 1},
        {"name": "b", "size": None},
    ]
    assert json.loads(written("json")) == []
