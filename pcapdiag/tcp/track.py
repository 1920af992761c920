"""Connections out of packets: allocates the kernel's tables, grows them, and retires what is over."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from types import ModuleType

import numpy as np

from pcapdiag import tables as t
from pcapdiag.built import kernel
from pcapdiag.growing import Growing

_kernel = kernel("pcapdiag.tcp._track_cy")

SEGMENT_ROWS = 16_384
EVENT_LIMIT = 1 << 20
STASH_BLOCKS = 16_384  # 32 MiB of out-of-order bytes for all connections together; touched only when used
BLOCK_BYTES = 2048
SLOT_LIMIT = 1 << 17
SWEEP_LEAST = 4096  # live connections; fewer are not worth looking at
RECENT = 16  # numbers that remember a stream's last packets: hashes and times of 8

#: A closed connection is kept this long for stragglers (a FIN sent again, a late RST).
LINGER_NS = 10_000_000_000
#: ... and what is past it is retired this often at least: fewer live connections are less memory to walk.
SWEEP_NS = LINGER_NS // 8


class Tracker:
    """Tracks the packets of one analysis, vantage by vantage.

    `follow` is called with the steps of the streams whenever there are some: ``follow(data, stash_bytes,
    segments)``; it must be done with them when it returns.
    """

    def __init__(
        self,
        follow: Callable[[np.ndarray, np.ndarray, np.ndarray], None] | None = None,
        module: ModuleType = _kernel,  # tests give the kernel interpreted
    ) -> None:
        self.kernel = k = module.Tracker()
        self._follow = follow
        self.connections = Growing(k.bind, "connections", t.Connection, 2048)
        self.troubles = Growing(k.bind, "troubles", t.Trouble, 1024)
        self.events = Growing(k.bind, "events", t.Event, 4096)
        self.slots = Growing(k.bind, "slots", t.Slot, 1024)
        self.streams = Growing(k.bind, "streams", t.Stream, 2048)
        self.recent = Growing(k.bind, "recent", np.dtype("u4"), 2048 * RECENT)
        self.address_hi = Growing(k.bind, "address_hi", np.dtype("u8"), 256)
        self.address_lo = Growing(k.bind, "address_lo", np.dtype("u8"), 256)
        self.segments = np.empty(SEGMENT_ROWS, t.Segment)
        k.bind("segments", self.segments)
        k.bind("buckets", np.full(4096, t.NONE, "u4"))
        k.bind("address_buckets", np.full(1024, t.NONE, "u4"))
        self.stash_bytes = np.empty(STASH_BLOCKS * BLOCK_BYTES, "u1")
        k.bind("stash", np.empty(STASH_BLOCKS, t.Stash))
        k.bind("stash_bytes", self.stash_bytes)
        k.seed = int.from_bytes(os.urandom(8), "little")  # so that nobody can choose packets of one bucket
        self._flags = np.zeros(0, "u4")
        self._sweep_at = SWEEP_LEAST
        self._swept_ns = self._newest_ns = 0
        self._nothing = np.zeros(1, "u1")

    def begin_file(self, file: int, vantage: int) -> None:
        """The packets to come are of this file; of a new vantage they are other connections."""
        if vantage != self.kernel.vantage:
            self.end_vantage()
        self.kernel.file = min(file, 255)
        self.kernel.vantage = min(vantage, 255)

    def track(self, data: np.ndarray, packets: np.ndarray) -> np.ndarray:
        """Track the packets of a batch; returns their analysis flags (u4, valid until the next call)."""
        if len(self._flags) < len(packets):
            self._flags = np.zeros(len(packets), "u4")
        at = 0
        while True:
            done = self.kernel.run(data, packets, self._flags, at)
            self._hand_on(data)
            if done == len(packets):
                break
            if done == at:
                self._make_room()
            at = done
        if len(packets):
            self._newest_ns = max(self._newest_ns, int(packets["time_ns"][-1]))
        if self.kernel.live > self._sweep_at or (
            self.kernel.live > SWEEP_LEAST and self._newest_ns - self._swept_ns > SWEEP_NS
        ):
            self.sweep(data)
        return self._flags[: len(packets)]

    def sweep(self, data: np.ndarray) -> None:
        """Retire what is closed and past its linger; when too much lives, also what is silent the longest."""
        self._sweep(data, self._newest_ns - LINGER_NS, -(1 << 62))
        idle_s = 300.0
        while self.kernel.live > SLOT_LIMIT * 3 // 4 and idle_s > 0.01:
            self._sweep(data, self._newest_ns, self._newest_ns - int(idle_s * 1e9))
            idle_s /= 4
        if self.kernel.live > SLOT_LIMIT * 3 // 4:
            self._sweep(data, self._newest_ns, 1 << 62)
        self._sweep_at = min(max(SWEEP_LEAST, 2 * self.kernel.live), SLOT_LIMIT * 7 // 8)
        self._swept_ns = self._newest_ns

    def _sweep(self, data: np.ndarray, closed_before_ns: int, idle_before_ns: int) -> None:
        at = 0
        while at >= 0:
            at = self.kernel.sweep(closed_before_ns, idle_before_ns, at)
            self._hand_on(data)
            self._make_room()

    def end_vantage(self) -> None:
        """The capture of this vantage is over: all its connections are retired."""
        at = 0
        while at >= 0:
            at = self.kernel.finish(at)
            self._hand_on(self._nothing)
            self._make_room()
        self._swept_ns = self._newest_ns = 0
        self._sweep_at = SWEEP_LEAST

    def _hand_on(self, data: np.ndarray) -> None:
        count = self.kernel.segment_count
        if count and self._follow:
            self._follow(data, self.stash_bytes, self.segments[:count])
        self.kernel.segment_count = 0

    def _make_room(self) -> None:
        k = self.kernel
        if k.connection_count + 2 >= len(self.connections):
            self.connections.grow()
        if k.trouble_count + 4 >= len(self.troubles):
            self.troubles.grow()
        if k.event_count + 32 >= len(self.events) and not k.events_bounded:
            self.events.grow()
            k.events_bounded = len(self.events) >= EVENT_LIMIT
        if k.address_count + 4 >= len(self.address_hi):
            self.address_hi.grow()
            self.address_lo.grow()
            self._rehash(k.rehash_addresses, 4 * len(self.address_hi))
        if k.live + 2 >= len(self.slots):
            self.slots.grow()
            self.streams.resize(2 * len(self.slots))
            self.recent.resize(2 * len(self.slots) * RECENT)
            self._rehash(k.rehash, 2 * len(self.slots))

    @staticmethod
    def _rehash(rehash: Callable[[np.ndarray], None], least: int) -> None:
        rehash(np.full(1 << (least - 1).bit_length(), t.NONE, "u4"))

    def addresses(self) -> Iterator[tuple[int, int]]:
        """All addresses seen, in the order the connections name them, as (hi, lo)."""
        n = self.kernel.address_count
        return zip(self.address_hi.rows[:n].tolist(), self.address_lo.rows[:n].tolist(), strict=True)
