"""Runs conversations through the packet, TCP and HTTP layers, and keeps what each handed on.

seen = Reading(c)
assert seen.connection["client_bytes"] == 100
assert seen.said(0, CLIENT) == [b"GET ...", Gap(1460), "fin"]
assert seen.exchange["status"] == 200
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from types import ModuleType, SimpleNamespace
from typing import Any, NamedTuple

import numpy as np

from pcapdiag import tables as t
from pcapdiag.analysis import swap_roles
from pcapdiag.http import Framer
from pcapdiag.packets import Decoder
from pcapdiag.tcp import Tracker
from pcapdiag.traffic import address_text
from tests.conversation import Conversation, merged
from tests.kernels import interpreted

CLIENT, SERVER = 0, 1
ENDINGS = {t.SEGMENT_FIN: "fin", t.SEGMENT_RST: "rst"}


class Gap(NamedTuple):
    """Stream bytes that were not handed on."""

    length: int


class Reading:
    """What pcapdiag makes of some packets. `batch_rows` is how many it sees at a time."""

    def __init__(
        self,
        *conversations: Conversation,
        packets: list[tuple[int, bytes]] | None = None,
        snaplen: int = 262144,
        batch_rows: int = 2048,
        modules: tuple[Any, Any] | None = None,
        prepare: Callable[[Tracker, Framer], None] | None = None,
    ) -> None:
        tcp, http = modules or (None, None)
        self.framer = Framer(**({"module": http} if http else {}))
        self.tracker = Tracker(self._follow, **({"module": tcp} if tcp else {}))
        self.framer.attach(self.tracker)
        self._said: dict[tuple[int, int], list[Any]] = {}
        if prepare:
            prepare(self.tracker, self.framer)
        self.packets = merged(*conversations) if packets is None else packets
        self.flags: list[int] = []
        decoder = Decoder()
        for at in range(0, len(self.packets), batch_rows):
            data, records = batch(self.packets[at : at + batch_rows], snaplen)
            rows = decoder.decode(data, records, at + 1)
            self.flags += self.tracker.track(data, rows).tolist()
        self.tracker.end_vantage()
        k = self.tracker.kernel
        self.counts = {"duplicates": k.duplicates, "evicted": k.evicted, "stash_full": k.stash_full}
        self.counts["stash_used"] = k.stash_used
        self.addresses = [address_text(*a) for a in self.tracker.addresses()]
        self.connections = self.tracker.connections.finished(k.connection_count)
        self.troubles = self.tracker.troubles.finished(k.trouble_count)
        self.events = self.tracker.events.finished(k.event_count)
        self.exchanges = self.framer.exchanges.finished(self.framer.kernel.exchange_count)
        swap_roles(self.connections, self.troubles, self.events)
        self.servers = self.framer.servers[: self.framer.kernel.server_count].tolist()

    @cached_property
    def strings(self) -> list[str]:
        strings = self.framer.strings()
        return [strings[row] for row in range(len(strings))]

    def _follow(self, data: np.ndarray, stash: np.ndarray, segments: np.ndarray) -> None:
        for step in segments:
            said = self._said.setdefault((int(step["connection"]), int(step["direction"])), [])
            if step["kind"] == t.SEGMENT_DATA:
                source, off, n = stash if step["stashed"] else data, int(step["off"]), int(step["captured"])
                said.append(bytes(source[off : off + n]))
                if n < step["length"]:
                    said.append(Gap(int(step["length"]) - n))
            elif step["kind"] == t.SEGMENT_GAP:
                said.append(Gap(int(step["length"])))
            elif step["kind"] in ENDINGS:
                said.append(ENDINGS[step["kind"]])
        self.framer.follow(data, stash, segments)

    def said(self, connection: int, direction: int) -> list[Any]:
        """What a direction handed on: bytes (neighbours joined), gaps (likewise), "fin", "rst"."""
        joined: list[Any] = []
        for step in self._said.get((connection, direction), []):
            if joined and isinstance(step, bytes) and isinstance(joined[-1], bytes):
                joined[-1] += step
            elif joined and isinstance(step, Gap) and isinstance(joined[-1], Gap):
                joined[-1] = Gap(joined[-1].length + step.length)
            elif step != b"":
                joined.append(step)
        return joined

    @property
    def connection(self) -> np.void:
        """The only connection."""
        assert len(self.connections) == 1
        return self.connections[0]

    @property
    def exchange(self) -> np.void:
        """The only exchange."""
        assert len(self.exchanges) == 1
        return self.exchanges[0]

    def trouble(self, direction: int, connection: int = 0) -> dict[str, int]:
        """What went wrong on a direction, without what did not."""
        mine = (self.troubles["connection"] == connection) & (self.troubles["direction"] == direction)
        rows = self.troubles[mine]
        assert len(rows) <= 1
        names = [n for n in self.troubles.dtype.names if n not in ("connection", "direction", "data_packets")]
        return {n: int(row[n]) for row in rows for n in names if row[n] and not n.endswith("_frame")}

    def events_of_kind(self, kind: int) -> np.ndarray:
        return self.events[self.events["kind"] == kind]

    def chain(self, connection: int = 0) -> list[int]:
        """Rows of a connection's exchanges, as its chain gives them."""
        rows, row = [], int(self.connections[connection]["first_exchange"])
        while row != t.NONE:
            rows.append(row)
            row = int(self.exchanges[row]["next"])
        return rows

    def told(self, *columns: str) -> list[tuple[Any, ...]]:
        """These columns of every exchange, targets and hosts as text."""
        values = []
        for name in columns:
            column = self.exchanges[name].tolist()
            values.append([self.strings[row] for row in column] if name in ("target", "host") else column)
        return list(zip(*values, strict=True))

    def tables(self) -> dict[str, list[Any]]:
        """Every table and stream, for comparing two readings."""
        names = ("connections", "troubles", "events", "exchanges")
        said = {str(key): self.said(*key) for key in self._said}
        return {
            **{name: getattr(self, name).tolist() for name in names},
            "flags": self.flags,
            "strings": self.strings,
            "addresses": self.addresses,
            "counts": [self.counts],
            **said,
        }


def batch(packets: list[tuple[int, bytes]], snaplen: int = 262144) -> tuple[np.ndarray, np.ndarray]:
    """The bytes and tables.Record rows of some Ethernet frames."""
    records = np.zeros(len(packets), t.Record)
    at, pieces = 0, []
    for row, (time_ns, frame) in enumerate(packets):
        seen = frame[:snaplen]
        records[row] = (at, time_ns, len(seen), len(frame), 1, 0)
        pieces.append(seen)
        at += len(seen)
    return np.frombuffer(b"".join(pieces), np.uint8), records


# --- the kernels interpreted ------------------------------------------------------------------------

#: The smallest and largest number of each C integer, and how many there are.
WIDTHS = {code: 1 << 8 * int(code[1]) for code in ("u1", "u2", "u4", "u8", "i1", "i2", "i4", "i8")}


def wrapped(value: int, code: str) -> int:
    """The number as C stores it in an integer of this type."""
    value = int(value) % WIDTHS[code]
    return value - WIDTHS[code] if code[0] == "i" and value >= WIDTHS[code] // 2 else value


class Rows:
    """An array whose cells read as Python's integers and are written as C's."""

    def __init__(self, array: np.ndarray) -> None:
        self._array, self._code = array, array.dtype.str[1:]
        self.shape = array.shape

    def __getitem__(self, at: int) -> Any:
        assert 0 <= at < self.shape[0]
        return Row(self._array, at) if self._array.dtype.names else int(self._array[at])

    def __setitem__(self, at: int, value: int) -> None:
        assert 0 <= at < self.shape[0]
        self._array[at] = wrapped(value, self._code)


class Row:
    """One row of a table; its columns are attributes."""

    __slots__ = ("_array", "_at")

    def __init__(self, array: np.ndarray, at: int) -> None:
        object.__setattr__(self, "_array", array)
        object.__setattr__(self, "_at", at)

    def __getattr__(self, name: str) -> int:
        return int(self._array[name][self._at])

    def __setattr__(self, name: str, value: int) -> None:
        self._array[name][self._at] = wrapped(value, self._array.dtype[name].str[1:])


def interpreted_modules() -> tuple[Any, Any]:
    """The TCP and HTTP kernels run by the Python interpreter, for ``Reading(modules=...)``."""
    return _module("pcapdiag.tcp._track_cy", "Tracker"), _module("pcapdiag.http._frame_cy", "Framer")


def _module(name: str, kernel: str) -> SimpleNamespace:
    module: ModuleType = interpreted(name)

    class Interpreted(getattr(module, kernel)):  # type: ignore[misc]
        """The kernel, given tables that behave like C's."""

        def bind(self, name: str, table: np.ndarray) -> None:
            super().bind(name, Rows(table))

        def run(self, *inputs: Any) -> int:
            return super().run(*(Rows(i) if isinstance(i, np.ndarray) else i for i in inputs))

        def rehash(self, buckets: np.ndarray) -> None:
            super().rehash(Rows(buckets))

        def rehash_addresses(self, buckets: np.ndarray) -> None:
            super().rehash_addresses(Rows(buckets))

        def rehash_strings(self, buckets: np.ndarray) -> None:
            super().rehash_strings(Rows(buckets))

    return SimpleNamespace(**{kernel: Interpreted})
