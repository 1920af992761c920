"""A window of fixed size that moves over a stream.

Memory stays the same however large the capture: a few buffers are filled in turn, and grow only for a record
that is larger than they are. The file is never mapped, because mapped pages would count as ours.
"""

from __future__ import annotations

import numpy as np

from pcapdiag.capture.stream import Stream, StreamFault

WINDOW_BYTES = 3 << 19

#: What was given out stays as it is for this many batches more, so that one thread can read on while
#: another still works on what it got.
KEPT = 3


class Window:
    """``data[:end]`` are the stream's bytes from offset ``base`` on."""

    def __init__(self, stream: Stream, size: int = WINDOW_BYTES) -> None:
        self._stream = stream
        self._kept: list[np.ndarray] = []
        self._given = False  # what the window holds is in use elsewhere, so it must not change
        self._resize(np.empty(size, np.uint8))
        self.base = 0
        self.end = 0
        self.fault = ""  # why the stream ended before its end

    def give(self) -> None:
        """Say that a batch was made of what the window holds."""
        self._given = True

    def _resize(self, data: np.ndarray) -> None:
        self.data = data
        self._view = data.data

    def _room(self, size: int) -> np.ndarray:
        """A buffer to go on in: this one if nobody uses it, one no longer in use, or a new one."""
        oldest = self.data
        if self._given:
            self._given = False
            self._kept.append(self.data)
            oldest = self._kept.pop(0) if len(self._kept) > KEPT else self.data[:0]
        return oldest if len(oldest) >= size else np.empty(size, np.uint8)

    @property
    def consumed(self) -> int:
        """Bytes of the input file used up so far."""
        return self._stream.consumed

    def refill(self, start: int, need: int, greedy: bool = True) -> bool:
        """Drop what lies before `start`, read on; say whether `need` bytes are there now, from 0 on.

        A greedy refill reads until the buffer is full or the stream would make it wait: a pipe's small writes
        make large batches, and what a quiet pipe has given is not held back.
        """
        kept = self.end - start
        if start or need > len(self.data):
            target = self._room(max(need, len(self.data)))
            target[:kept] = self.data[start : self.end]
            self._resize(target)
        self.base += start
        self.end = kept
        while self.end < (len(self.data) if greedy else need):
            if self.end >= max(need, 1) and self._stream.would_wait():
                break
            count = self._read(self._view[self.end :])
            if not count:
                break
            self.end += count
        return self.end >= need

    def skip(self, start: int, count: int) -> bool:
        """Drop what lies before `start` and `count` bytes more; False when the stream ends before."""
        inside = min(start + count, self.end)
        beyond = start + count - inside
        self.refill(inside, 0, greedy=False)
        if beyond and self._stream.skip(beyond):
            self.base += beyond
            return True
        while beyond:
            passed = self._read(self._view[:beyond])
            if not passed:
                return False
            self.base += passed
            beyond -= passed
        return True

    def _read(self, buffer: memoryview) -> int:
        if self.fault:
            return 0
        try:
            return self._stream.readinto(buffer)
        except StreamFault as fault:
            self.fault = str(fault)
            return 0
