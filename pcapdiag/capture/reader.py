"""What the pcap and the pcapng reader share: batches out of a moving window, and where the reading ended."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from pcapdiag import tables
from pcapdiag.capture import stop
from pcapdiag.capture.tally import PACKETS, new_tally
from pcapdiag.capture.window import KEPT, Window

#: Rows and bytes of a batch are few enough to stay in the processor's cache on their way through the layers.
BATCH_ROWS = 2048

#: The largest snaplen tcpdump and Wireshark accept, so no record may be called impossible below it ...
USUAL_LIMIT = 262_144
#: ... and the largest record believed when the file's own snaplen allows more.
RECORD_LIMIT = 16 << 20


@dataclass
class Batch:
    """Some consecutive records. Everything in it is overwritten once KEPT more batches were asked for."""

    data: np.ndarray  # u1, bytes of the records and of the headers between them
    records: np.ndarray  # tables.Record rows; off = index into data
    first_frame: int  # 1-based frame in this file of records[0]
    position: int  # offset in the (decompressed) stream of records[0], or of blocks right before it


class Damage(NamedTuple):
    """Why reading ended before the end, and at which byte of the (decompressed) stream."""

    text: str
    offset: int


class Place(NamedTuple):
    """From where reading can begin again."""

    frame: int
    position: int
    state: Any = None  # what else must be known there; pcapng's section


class Reader(ABC):
    """Reads one file once, from its beginning or from a place."""

    format: str

    def __init__(self, window: Window) -> None:
        self.window = window
        self.tally = new_tally()
        self.damage: Damage | None = None
        self.place: Place | None = None  # where the latest batch began
        self._all_rows = [np.zeros(BATCH_ROWS, tables.Record) for _ in range(KEPT + 1)]
        self.rows = self._all_rows[0]
        self.cursor = np.zeros(3, np.int64)
        self.skipped_frames = 0  # frames before the place we resumed at, and frames that are no packets
        self.tls_keys = bytearray()
        self.comment = ""

    @property
    @abstractmethod
    def links(self) -> tuple[int, ...]:
        """Link types seen, in order of appearance."""

    @property
    @abstractmethod
    def snaplen(self) -> int:
        """The largest snaplen the file states, 0 when it states none."""

    @abstractmethod
    def _walk(self) -> int:
        """Fill rows from the window at the cursor; return how many."""

    def _place(self, position: int) -> Place | None:
        """The cursor as a place; None when it would cost too much to remember what must be known there."""
        return Place(self.frame, position)

    def _restore(self, state: Any) -> None:  # noqa: B027 (pcap has none)
        """Take up the state of a place."""

    @property
    def dropped(self) -> int | None:
        """Packets that the capture itself lost, None when the file does not say."""
        return None

    @property
    def frame(self) -> int:
        """The frame that comes next."""
        return self.skipped_frames + int(self.tally[PACKETS]) + 1

    def resume(self, place: Place) -> None:
        """Go on from `place` instead of from where we are."""
        self.skipped_frames = place.frame - 1
        self._restore(place.state)
        ahead = place.position - self.window.base - int(self.cursor[stop.AT])
        self.window.skip(int(self.cursor[stop.AT]), ahead)
        self.cursor[stop.AT] = 0

    def batches(self) -> Iterator[Batch]:
        """The records from here to the end, or to where the file is damaged."""
        self.cursor[stop.REASON], self.cursor[stop.NEED] = stop.MORE, 1
        while self.damage is None:
            if self.cursor[stop.REASON] == stop.MORE and not self._make_room(int(self.cursor[stop.NEED])):
                return
            position = self.window.base + int(self.cursor[stop.AT])
            self.place = self._place(position)
            if count := self._walk():
                data = self.window.data[: self.window.end]
                data.flags.writeable = False
                yield Batch(data, self.rows[:count], self.frame - count, position)
                self.window.give()
                self._all_rows.append(self._all_rows.pop(0))
                self.rows = self._all_rows[0]

    def _make_room(self, need: int) -> bool:
        """Bring `need` bytes into the window; at the end of the stream say what is missing."""
        there = self.window.refill(int(self.cursor[stop.AT]), need)
        self.cursor[stop.AT] = 0
        if not there:
            self._end(self.window.end)
        return there

    def _end(self, rest: int) -> None:
        """The stream ended with `rest` bytes that are less than a record."""
        if self.window.fault:
            self.hurt(f"{self.window.fault}{self._after()}", rest)
        elif rest:
            self.hurt(f"cut in the middle of {self._unfinished()}")

    def _unfinished(self) -> str:
        """What lies at the cursor, and is not whole."""
        return f"packet {self.frame:,}"

    def _after(self) -> str:
        """Where we are, for a person."""
        return f" after packet {self.frame - 1:,}" if self.frame > 1 else " before the first packet"

    def hurt(self, text: str, ahead: int = 0) -> None:
        """Note the damage `ahead` bytes past the cursor; reading ends here."""
        self.damage = Damage(text, self.window.base + int(self.cursor[stop.AT]) + ahead)
