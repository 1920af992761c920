"""Two threads on one way: what a later stage works on, an earlier one has read already.

The kernels and the file reads release the GIL, so reading and decoding run beside tracking and framing.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterable, Iterator
from typing import TypeVar

Item = TypeVar("Item")


class _End:
    """The producer's last word: it came to its end, or failed."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error


def ahead(items: Iterable[Item], depth: int) -> Iterator[Item]:
    """The items of `items`, made in another thread, at most `depth` of them waiting.

    An error of the producer is raised here. When the consumer stops early, so does the producer, at its next
    item.
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
        while not isinstance(item := waiting.get(), _End):
            yield item
        if item.error is not None:
            raise item.error
    finally:
        stopped.set()
        while thread.is_alive():  # let a waiting put through
            try:
                waiting.get(timeout=0.05)
            except queue.Empty:
                continue
