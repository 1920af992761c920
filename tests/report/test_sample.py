from __future__ import annotations

import numpy as np

from pcapdiag.report.map import failed_on_both_legs
from pcapdiag.report.sample import FAILED_SHOWN, ROWS_SHOWN, SLOW_SHOWN, chosen, exchange_table
from tests.report.outage import outage


def test_a_small_capture_is_shown_whole() -> None:
    rows, how = chosen(10, np.array([3]), np.zeros(10).__getitem__)
    assert rows.tolist() == list(range(10)) and how["shown"] == how["total"] == 10


def test_of_a_large_one_the_failed_the_slow_and_an_even_sample() -> None:
    count = 200_000
    slowness = np.zeros(count)
    slowness[150_000] = 9
    rows, how = chosen(count, np.array([7, 123_457]), slowness.__getitem__)
    assert len(rows) <= ROWS_SHOWN and len(rows) > ROWS_SHOWN * 0.9
    assert {7, 123_457, 150_000} <= set(rows.tolist())
    assert how["failed_shown"] == 2 and how["slow"] == SLOW_SHOWN
    assert np.diff(rows).max() < 400


def test_too_many_failures_are_sampled_and_that_is_said() -> None:
    _, how = chosen(100_000, np.arange(50_000), np.zeros(100_000).__getitem__)
    assert how["failed"] == 50_000 and how["failed_shown"] == FAILED_SHOWN


def test_rows_are_plain_values_under_their_columns() -> None:
    analysis = outage()
    table = exchange_table(analysis, failed_on_both_legs(analysis))
    row = dict(zip(table["columns"], table["rows"][-2], strict=True))
    assert (row["status"], row["failed"], row["peer"], row["start_us"]) == (502, 1, 19, 10_000_000)
    assert table["names"]["target"][row["target"]] == "/pay"
    assert table["names"]["method"][row["method"]] == "GET"
    assert all(isinstance(value, int | str | None) for row in table["rows"] for value in row)
