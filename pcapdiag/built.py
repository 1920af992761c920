"""The kernels, compiled. Run interpreted they would be a hundred times slower, so that is refused."""

from __future__ import annotations

import importlib
from types import ModuleType

from pcapdiag.errors import NotBuiltError


def kernel(name: str) -> ModuleType:
    """The compiled module `name`; NotBuiltError when only its source is there."""
    try:
        module = importlib.import_module(name)
    except ImportError:  # without Cython installed the bare source does not even import
        module = None
    if module is None or str(module.__file__).endswith(".py"):
        build = "python setup.py build_ext --inplace"
        raise NotBuiltError(f"{name} is not compiled: run `{build}`, or install pcapdiag with pip")
    return module
