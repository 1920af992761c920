"""Exchanges out of in-order bytes: allocates the kernel's tables and grows them."""

from __future__ import annotations

from types import ModuleType

import numpy as np

from pcapdiag import tables as t
from pcapdiag.built import kernel
from pcapdiag.growing import Growing
from pcapdiag.tcp import Tracker
from pcapdiag.traffic import Strings

_kernel = kernel("pcapdiag.http._frame_cy")

LINE_BLOCKS = 8192  # unfinished lines kept at once; 32 MiB, touched only when used
LINE_BYTES = 4096
ARENA_LIMIT = 64 << 20  # bytes of different targets and hosts
STRING_LIMIT = 1 << 20
SERVER_LIMIT = 1024


def text_hash(text: bytes) -> int:
    """The hash that Exchange.trace and Exchange.forwarded hold (FNV-1a of lower-cased bytes, never 0)."""
    return int(_kernel.fnv1a(text))


class Framer:
    """Frames what a Tracker hands on; `tracker.follow` is this object's ``follow``."""

    def __init__(self, module: ModuleType = _kernel) -> None:
        """`module` is the kernel; tests give it interpreted."""
        self.kernel = k = module.Framer()
        self.exchanges = Growing(k.bind, "exchanges", t.Exchange, 4096)
        self.slots = Growing(k.bind, "slots", t.HttpSlot, 16)
        self.streams = Growing(k.bind, "streams", t.HttpStream, 32)
        self.arena = Growing(k.bind, "arena", np.dtype("u1"), 64 << 10)
        self.starts = Growing(k.bind, "string_start", np.dtype("i8"), 1024)
        self.lengths = Growing(k.bind, "string_length", np.dtype("u4"), 1024)
        self.hashes = Growing(k.bind, "string_hash", np.dtype("u4"), 1024)
        self.servers = np.zeros(SERVER_LIMIT, "u4")
        k.bind("servers", self.servers)
        k.bind("lines", np.empty(LINE_BLOCKS * LINE_BYTES, "u1"))
        k.bind("line_next", np.empty(LINE_BLOCKS, "u4"))
        k.bind("string_buckets", np.full(4096, t.NONE, "u4"))
        self._buckets = 4096
        k.string_count = 1  # row 0 is the empty string
        k.server_count = 1
        self._tracker: Tracker | None = None

    def attach(self, tracker: Tracker) -> None:
        """Frame the streams of this tracker."""
        self._tracker = tracker
        tracker.connections.share(self.kernel.bind)

    def detach(self) -> None:
        """Let go of the tracker, so that its live state is freed with it and not by a later collection."""
        self._tracker = None

    def make_slots(self, count: int) -> None:
        """Room for so many live connections."""
        if len(self.slots) < count:
            self.slots.resize(count)
            self.streams.resize(2 * count)

    def follow(self, data: np.ndarray, stash_bytes: np.ndarray, segments: np.ndarray) -> None:
        """Frame these steps of the streams."""
        assert self._tracker is not None
        self.make_slots(len(self._tracker.slots))
        at, count = 0, len(segments)
        while True:
            at = self.kernel.run(data, stash_bytes, segments, at, count)
            if at == count:
                break
            self._make_room()

    def _make_room(self) -> None:
        k = self.kernel
        if k.exchange_count + 2 > len(self.exchanges):
            self.exchanges.grow()
        if k.strings_bounded:
            return
        if k.string_count + 8 > len(self.starts) or 2 * (k.string_count + 8) > self._buckets:
            self.starts.grow()
            self.lengths.grow()
            self.hashes.grow()
            if 2 * len(self.starts) > self._buckets:
                self._buckets *= 2
                k.rehash_strings(np.full(self._buckets, t.NONE, "u4"))
        if k.arena_used + 8192 > len(self.arena):
            self.arena.resize(min(2 * len(self.arena), len(self.arena) + (1 << 20)))
        k.strings_bounded = len(self.arena) >= ARENA_LIMIT or k.string_count >= STRING_LIMIT

    def strings(self) -> Strings:
        """All targets, hosts and Server headers, by row."""
        n = self.kernel.string_count
        return Strings(
            self.arena.finished(self.kernel.arena_used),
            self.starts.finished(n),
            self.lengths.finished(n),
        )
