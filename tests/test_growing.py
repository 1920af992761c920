"""Tables grow without losing a row, and the kernel never holds one that moves."""

from __future__ import annotations

import numpy as np

from pcapdiag.growing import STEP, Growing


class Kernel:
    """Remembers what it was given last, and every size it was given."""

    def __init__(self) -> None:
        self.table = np.zeros(0)
        self.sizes: list[int] = []

    def bind(self, name: str, table: np.ndarray) -> None:
        assert name == "numbers"
        self.table = table
        self.sizes.append(len(table))


def grown(rows: int) -> tuple[Kernel, Growing]:
    kernel = Kernel()
    return kernel, Growing(kernel.bind, "numbers", np.dtype("i8"), rows)


def test_a_new_table_is_bound_and_empty() -> None:
    kernel, table = grown(10)
    assert kernel.table is table.rows and len(table) == 10
    assert not table.rows.any()


def test_growing_keeps_rows_and_binds_the_larger_table() -> None:
    kernel, table = grown(10)
    table.rows[:] = range(10)
    table.grow()
    assert kernel.table is table.rows
    assert table.rows[:10].tolist() == list(range(10)) and not table.rows[10:].any()


def test_the_kernel_holds_another_table_while_its_own_moves() -> None:
    kernel, table = grown(10)
    table.grow()
    assert kernel.sizes == [10, 1, len(table)]


def test_every_kernel_that_shares_a_table_follows_it() -> None:
    kernel, table = grown(10)
    other = Kernel()
    table.share(other.bind)
    assert other.table is table.rows
    table.grow()
    assert other.table is kernel.table is table.rows and other.sizes == [10, 1, len(table)]
    rows = table.finished(3)
    assert other.table is not rows


def test_growth_doubles_while_small_and_then_goes_in_steps() -> None:
    _, table = grown(16)
    table.grow()
    assert len(table) == 16 + 1024
    table.resize(4096)
    table.grow()
    assert len(table) == 8192
    table.resize(10 * STEP)
    table.grow()
    assert len(table) == 11 * STEP


def test_growth_gives_at_least_what_is_asked_for() -> None:
    _, table = grown(16)
    table.grow(1_000_000)
    assert len(table) == 1_000_000


def test_a_finished_table_has_its_rows_only_and_is_the_kernels_no_more() -> None:
    kernel, table = grown(100)
    table.rows[:3] = (7, 8, 9)
    rows = table.finished(3)
    assert rows.tolist() == [7, 8, 9]
    assert kernel.table is not rows


def test_a_table_may_finish_empty() -> None:
    assert len(grown(100)[1].finished(0)) == 0
