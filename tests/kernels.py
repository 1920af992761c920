"""Load a kernel's source interpreted, beside its compiled module, so that one test runs on both."""

from __future__ import annotations

import importlib
import importlib.util
import sys
import types

import pcapdiag.tables


def interpreted(name: str) -> types.ModuleType:
    """The kernel `name` (e.g. "pcapdiag.packets._decode_cy") run by the Python interpreter.

    Structured arrays must be passed as ``array.view(np.recarray)`` and bytes as a ``memoryview``.
    """
    sys.modules.setdefault("cython.cimports.pcapdiag.tables", pcapdiag.tables)
    libc = types.ModuleType("string")
    libc.memchr = None  # type: ignore[attr-defined]  # what needs it is compiled only
    sys.modules.setdefault("cython.cimports.libc.string", libc)
    compiled = importlib.import_module(name)
    package, _, leaf = name.rpartition(".")
    folder = importlib.import_module(package).__path__[0]
    spec = importlib.util.spec_from_file_location(f"{name}_interpreted", f"{folder}/{leaf}.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert compiled.__file__ != module.__file__, f"{name} is not compiled"
    return module
