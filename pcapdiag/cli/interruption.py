"""Ctrl-C while a capture is read: the first ends the reading, the second everything."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any, NoReturn

INTERRUPTED = 130


class Interruption:
    """Around the reading it gives what says whether Ctrl-C was pressed; outside of it Ctrl-C is as ever."""

    def __init__(self) -> None:
        self.asked = False
        self._before: Any = None

    def __enter__(self) -> Callable[[], bool]:
        try:
            self._before = signal.signal(signal.SIGINT, self._ask)
        except ValueError:  # not in the main thread: no signal comes here
            self._before = None
        return lambda: self.asked

    def __exit__(self, *_: object) -> None:
        self._restore()

    def leave(self) -> NoReturn:
        """End the process: a thread may still be waiting for a pipe, which must not be waited for."""
        sys.stderr.write("pcapdiag: interrupted: this reports what was read until then\n")
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(INTERRUPTED)

    def _ask(self, _signal: int, _frame: FrameType | None) -> None:
        self.asked = True
        self._restore()

    def _restore(self) -> None:
        if self._before is not None:
            signal.signal(signal.SIGINT, self._before)
            self._before = None
