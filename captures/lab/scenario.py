"""What a scenario is, and how they are found.

A scenario is a function in ``captures/lab/scenarios/<cause>.py`` that takes a ``Lab``. Nothing lists them:
the folder does.
"""

import importlib
import inspect
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from captures.lab import scenarios
from captures.lab.lab import Lab

CAPTURES = Path(__file__).parent.parent
Run = Callable[[Lab], None]


@dataclass
class Scenario:
    """One case of one cause, as its decorator describes it."""

    cause: str
    case: str
    shows: str
    run: Run
    vantages: tuple[str, ...] = ("alb",)
    retransmits: bool = False
    suffix: str = ".pcap"
    how: str = ""

    @property
    def name(self) -> str:
        return f"{self.cause}/{self.case}"

    @property
    def folder(self) -> Path:
        return CAPTURES / self.cause

    def file(self, vantage: str) -> Path:
        """Where the capture of this vantage is kept: the first has the plain name."""
        other = "" if vantage == self.vantages[0] else f".{vantage}"
        return self.folder / f"{self.case}{other}{self.suffix}"


_registered: dict[str, Scenario] = {}


def scenario(shows: str, vantages: str = "alb", **options: Any) -> Callable[[Run], Run]:
    """Register a function as a scenario: its module names the cause, itself the case, its docstring the how.

    ``retransmits`` says the fault makes TCP retransmit; without it a retransmission spoils the recording.
    """

    def register(function: Run) -> Run:
        cause = function.__module__.rpartition(".")[2].replace("_", "-")
        case = function.__name__.replace("_", "-")
        how = " ".join((inspect.getdoc(function) or "").split())
        found = Scenario(cause, case, shows, function, tuple(vantages.split()), how=how, **options)
        _registered[found.name] = found
        return function

    return register


def all_scenarios() -> list[Scenario]:
    """Every scenario, found by listing the scenarios folder."""
    for module in pkgutil.iter_modules(scenarios.__path__):
        importlib.import_module(f"{scenarios.__name__}.{module.name}")
    return sorted(_registered.values(), key=lambda s: s.name)


def record(found: Scenario) -> None:
    """Run one scenario; its captures are replaced only when the recording holds what it must."""
    lab = Lab(found)
    try:
        found.run(lab)
        lab.verify()
        lab.keep()
    finally:
        lab.close()
