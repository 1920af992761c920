"""What a cause, a finding and its evidence are."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass, field


class Severity(enum.IntEnum):
    """How bad a finding is: INFO explains, WARNING slowed or will fail requests, ERROR failed some."""

    INFO = 1
    WARNING = 2
    ERROR = 3

    @property
    def word(self) -> str:
        return self.name.lower()


@dataclass(frozen=True)
class Cause:
    """An entry of the catalogue. Its module's docstring is its docs page.

    ``outranks`` names the causes this one is deeper than: an exchange that both claim belongs to this one,
    and the other becomes its evidence. ``mistaken_for`` names its look-alikes, with why it is not one.
    ``either_leg`` says that what a cause of the frontend claims is as true between load balancer and backend;
    ``on_backend`` what the same frames are called there where they tell of something else.
    """

    name: str
    severity: Severity
    legs: tuple[str, ...]  # "frontend", "backend", or "" for the capture itself
    statuses: tuple[int, ...] = ()
    outranks: tuple[str, ...] = ()
    mistaken_for: tuple[tuple[str, str], ...] = ()
    either_leg: bool = False
    on_backend: str = ""


@dataclass(frozen=True)
class Evidence:
    """Where in the capture a claim can be checked: one connection and its frames that matter."""

    connection: int
    client: str  # "10.0.0.10:41234"
    server: str
    frames: tuple[int, ...]  # as Wireshark numbers them, in `file`
    time_ns: int
    display_filter: str
    file: str = ""
    note: str = ""  # what these frames show, in a few words


@dataclass
class Finding:
    """One claim: what failed, how often, why, and where to see it.

    ``exchanges`` are the rows of the exchanges that failed by it (on the leg it was seen); ``connections``
    the rows of connections that failed before an exchange began. ``count`` is exchanges plus those
    connections. ``facts`` are numbers with the unit in the name.
    """

    cause: Cause
    severity: Severity
    leg: str
    title: str
    explanation: str
    remedy: tuple[str, ...]
    count: int = 0
    statuses: dict[str, int] = field(default_factory=dict)
    facts: dict[str, float | int | str | list] = field(default_factory=dict)
    peers: tuple[str, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    exchanges: Iterable[int] = ()
    connections: Iterable[int] = ()
    also: tuple[str, ...] = ()  # outranked causes that fit too, with their counts in words
