"""Two threads on one way: what a later stage works on, an earlier one has read already.

The kernels and the file reads release the GIL, so reading and decoding run beside tracking and framing.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


class _End:
    """The producer's last word: it came to its end, or failed."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


POLL_S = 0.1
GRACE_S = 0.5


def ahead(items: Iterable[Item], depth: int, stop: Callable[[], bool] | None = None) -> Iterator[Item]:
    """The items of `items`, made in another thread, at most `depth` of them waiting.

    An error of the producer is raised here. When the consumer stops early, so does the producer, at its next
    item. When `stop` says so, the items end once the producer waits for its input, and soon in any case; a
    producer that waits is left to it.
    """
    waiting: queue.Queue[Item | _End] = queue.Queue(depth)
    stopped = threading.Event()

    def produce() -> None:
        error: BaseException | None = None
        try:
            for item in items:
                waiting.put(item)
                if stopped.is_set():
                    break
        except BaseException as caught:
            error = caught
        waiting.put(_End(error))

    thread = threading.Thread(target=produce, name="pcapdiag-reader", daemon=True)
    thread.start()
    try:
        asked_s = 0.0
        while True:
            try:
                item = waiting.get(timeout=POLL_S if stop else None)
            except queue.Empty:
                if stop and stop():
                    break
                continue
            if isinstance(item, _End):
                if item.error is not None:
                    raise item.error
                break
            yield item
            if stop and stop():
                asked_s = asked_s or time.monotonic()
                if time.monotonic() - asked_s > GRACE_S:
                    break
    finally:
        stopped.set()
        give_up = time.monotonic() + (GRACE_S if stop and stop() else float("inf"))
        while thread.is_alive() and time.monotonic() < give_up:  # let a waiting put through
            try:
                waiting.get(timeout=0.05)
            except queue.Empty:
                continue
