"""Items made in another thread: all of them, in order, with the producer's errors."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from pcapdiag.ahead import ahead


def test_gives_every_item_in_order() -> None:
    assert list(ahead(range(1000), 2)) == list(range(1000))


def test_raises_the_producers_error_after_the_items_before_it() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise OSError("disk gone")

    items = ahead(failing(), 2)
    assert next(items) == 1
    with pytest.raises(OSError, match="disk gone"):
        next(items)


def test_runs_no_further_ahead_than_its_depth() -> None:
    made: list[int] = []

    def counting() -> Iterator[int]:
        for n in range(100):
            made.append(n)
            yield n

    items = ahead(counting(), 2)
    assert next(items) == 0
    threading.Event().wait(0.1)
    assert len(made) <= 4  # one taken, two waiting, one in the producer's hand
    items.close()


def test_producer_ends_when_the_consumer_stops_early() -> None:
    before = threading.active_count()
    items = ahead(iter(range(10**9)), 2)
    next(items)
    items.close()
    assert threading.active_count() == before


def test_stops_at_once_though_the_producer_waits() -> None:
    asked, never = threading.Event(), threading.Event()

    def waiting() -> Iterator[int]:
        yield 1
        never.wait(5)

    items = ahead(waiting(), 2, asked.is_set)
    assert next(items) == 1
    asked.set()
    assert list(items) == []
    never.set()
