"""Every test of the kernel runs twice: on the compiled module and on its source."""

from __future__ import annotations

import importlib
from types import ModuleType

import pytest

from tests.kernels import interpreted

KERNEL = "pcapdiag.packets._decode_cy"


@pytest.fixture(params=["compiled", "interpreted"])
def kernel(request: pytest.FixtureRequest) -> ModuleType:
    return importlib.import_module(KERNEL) if request.param == "compiled" else interpreted(KERNEL)


@pytest.fixture
def compiled() -> ModuleType:
    return importlib.import_module(KERNEL)
