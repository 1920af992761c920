"""tables.py and the kernels' view of it, tables.pxd, agree; and so do the numbers within."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pcapdiag import tables as t

ROOT = Path(__file__).resolve().parent.parent
TABLES = {name: dtype for name, dtype in vars(t).items() if isinstance(dtype, np.dtype) and dtype.names}


def test_tables_pxd_is_what_the_tool_writes() -> None:
    command = [sys.executable, str(ROOT / "tools" / "tables_pxd.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("name", TABLES)
def test_rows_are_laid_out_as_c_lays_out_the_struct(name: str) -> None:
    dtype = TABLES[name]
    fields = [(field, dtype[field].str[1:]) for field in dtype.names]
    assert dtype == np.dtype(fields, align=True)


@pytest.mark.parametrize("prefix", ["CONN_", "REQ_|RSP_"])
def test_flags_of_a_table_do_not_overlap(prefix: str) -> None:
    starts = tuple(prefix.split("|"))
    flags = [value for name, value in vars(t).items() if name.startswith(starts) and isinstance(value, int)]
    assert len(flags) > 10
    assert sum(flags) == np.bitwise_or.reduce(np.array(flags, "u8"))
    assert max(flags) < 1 << 31  # numbers above are no C constants


def test_analysis_flags_do_not_overlap() -> None:
    flags = list(t.ANALYSIS_FLAGS.values())
    assert sum(flags) == np.bitwise_or.reduce(np.array(flags, "u8"))


def test_every_ending_has_its_name() -> None:
    endings = [v for name, v in vars(t).items() if name.startswith("END_") and isinstance(v, int)]
    assert sorted(endings) == list(range(len(t.END_NAMES)))


def test_every_protocol_has_its_name() -> None:
    protocols = [v for name, v in vars(t).items() if name.startswith("PROTOCOL_") and isinstance(v, int)]
    assert sorted(protocols) == list(range(len(t.PROTOCOLS)))


def test_methods_fit_their_column() -> None:
    assert t.METHODS[0] == "?" and t.METHODS[-1] == "other"
    assert len(set(t.METHODS)) == len(t.METHODS) <= 256
