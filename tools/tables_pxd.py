"""Write pcapdiag/tables.pxd, the kernels' view of pcapdiag/tables.py. `--check` only compares."""

from __future__ import annotations

import pathlib
import sys

import numpy as np

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pcapdiag import tables  # noqa: E402

C_TYPES = {
    "i8": "long long", "u8": "unsigned long long", "u4": "unsigned int", "u2": "unsigned short",
    "u1": "unsigned char", "i1": "signed char",
}  # fmt: skip


def pxd() -> str:
    """The text of tables.pxd: a struct for each dtype, an enum of the numbers."""
    lines = ["# Written by tools/tables_pxd.py from tables.py; do not edit.", ""]
    for name, dtype in vars(tables).items():
        if isinstance(dtype, np.dtype) and dtype.names:
            lines.append(f"cdef struct {name}:")
            lines += [f"    {C_TYPES[dtype[field].str[1:]]} {field}" for field in dtype.names]
            lines.append("")
    lines.append("cdef enum:")
    for name, value in vars(tables).items():
        if name.isupper() and type(value) is int and value < 2**31:
            lines.append(f"    {name} = {value}")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    path = ROOT / "pcapdiag" / "tables.pxd"
    if "--check" in sys.argv:
        sys.exit(0 if path.read_text() == pxd() else "tables.pxd is stale: run python tools/tables_pxd.py")
    path.write_text(pxd())
