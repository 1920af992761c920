"""A fixed buffer that moves over a stream.

Memory stays the same however large the capture: one buffer is filled again and again, and grows only for a
record that is larger than it. The file is never mapped, because mapped pages would count as ours.
"""

from __future__ import annotations

import numpy as np

from pcapdiag.capture.compression import Stream, StreamFault

WINDOW_BYTES = 1 << 20


class Window:
    """``data[:end]`` are the stream's bytes from offset ``base`` on."""

    def __init__(self, stream: Stream, size: int = WINDOW_BYTES) -> None:
        self._stream = stream
        self._resize(np.empty(size, np.uint8))
        self.base = 0
        self.end = 0
        self.fault = ""  # why the stream ended before its end

    def _resize(self, data: np.ndarray) -> None:
        self.data = data
        self._view = data.data

    @property
    def consumed(self) -> int:
        """Bytes of the input file used up so far."""
        return self._stream.consumed

    def refill(self, start: int, need: int, greedy: bool = True) -> bool:
        """Drop what lies before `start`, read on; say whether `need` bytes are there now, from 0 on.

        A greedy refill reads until the buffer is full, so that a pipe's small writes make large batches.
        """
        kept = self.end - start
        target = self.data
        if need > len(self.data):
            target = np.empty(need, np.uint8)
        if start or target is not self.data:
            target[:kept] = self.data[start : self.end]
        if target is not self.data:
            self._resize(target)
        self.base += start
        self.end = kept
        while self.end < (len(self.data) if greedy else need):
            count = self._read(self._view[self.end :])
            if not count:
                break
            self.end += count
        return self.end >= need

    def skip(self, start: int, count: int) -> bool:
        """Drop what lies before `start` and `count` bytes more; False when the stream ends before."""
        target = self.base + start + count
        if target > self.base + self.end and self._stream.skip(target - self.base - self.end):
            self.base, self.end = target, 0
            return True
        while self.base + self.end < target:
            self.base += self.end
            self.end = self._read(self._view)
            if not self.end:
                return False
        inside = target - self.base
        self.data[: self.end - inside] = self.data[inside : self.end]
        self.base, self.end = target, self.end - inside
        return True

    def _read(self, buffer: memoryview) -> int:
        if self.fault:
            return 0
        try:
            return self._stream.readinto(buffer)
        except StreamFault as fault:
            self.fault = str(fault)
            return 0
