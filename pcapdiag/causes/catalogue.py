"""The catalogue of causes: every module of this folder that defines ``CAUSE``.

A cause's module has ``CAUSE: Cause``, ``find(traffic, profile) -> Iterator[Finding]`` and a docstring that
is its docs page: one summary line, then sections under the headings of ``HEADINGS``.
"""

from __future__ import annotations

import functools
import importlib
import inspect
import pkgutil
from types import ModuleType

from pcapdiag import causes

HEADINGS = ("What the wire shows", "Why it happens", "What to do", "What it could be mistaken for")
SUMMARY = "Summary"
NOT_THESE = "Why it is none of these"  # what a page tells of ``Cause.mistaken_for``


@functools.cache
def catalogue() -> dict[str, ModuleType]:
    """Each cause's name and its module, by name."""
    modules = (
        importlib.import_module(f"{causes.__name__}.{found.name}")
        for found in pkgutil.iter_modules(causes.__path__)
        if not found.ispkg
    )
    return {m.CAUSE.name: m for m in modules if hasattr(m, "CAUSE")}


def sections(module: ModuleType) -> dict[str, str]:
    """A cause's docs page: heading -> text, with the docstring's first line under ``SUMMARY``.

    A heading is a line of ``HEADINGS`` that stands at the left margin; its text is what is indented below.
    """
    found: dict[str, list[str]] = {SUMMARY: []}
    current = found[SUMMARY]
    for line in (inspect.getdoc(module) or "").splitlines():
        if line in HEADINGS:
            current = found.setdefault(line, [])
        else:
            current.append(line)
    return {heading: inspect.cleandoc("\n".join(["", *lines])) for heading, lines in found.items()}


def summary(module: ModuleType) -> str:
    """A cause in one sentence: the first line of its docs page."""
    return " ".join(sections(module)[SUMMARY].split())


def causes_of_status(status: int) -> list[ModuleType]:
    """The modules of all causes that can end in ``status``, by name."""
    return [module for module in catalogue().values() if status in module.CAUSE.statuses]
