"""Refuse a kernel that was imported uncompiled: it would run, a hundred times slower."""

from __future__ import annotations

import importlib
from types import ModuleType

from pcapdiag.errors import NotBuiltError


def kernel(name: str) -> ModuleType:
    """The compiled kernel module `name`.

    Raises NotBuiltError where only its source is there.
    """
    try:
        module = importlib.import_module(name)
    except ImportError as error:
        raise NotBuiltError(f"{name} is not compiled: run `pip install -e .` in pcapdiag's folder") from error
    if str(module.__file__).endswith(".py"):
        raise NotBuiltError(f"{name} is not compiled: run `pip install -e .` in pcapdiag's folder")
    return module
