"""The moving window keeps what is asked for, and stays as small as it can."""

from __future__ import annotations

import io
import os

import pytest

from pcapdiag.capture.source import source_of
from pcapdiag.capture.stream import Plain
from pcapdiag.capture.window import Window
from tests.capture.byhand import Pipe

CONTENT = bytes(range(256)) * 40


@pytest.fixture(params=[io.BytesIO, Pipe], ids=["seekable", "pipe"])
def window(request):
    return Window(Plain(source_of(request.param(CONTENT)).open(), b""), size=100)


def held(window):
    return window.data[: window.end].tobytes()


def test_refill_keeps_the_rest_and_fills_up(window):
    assert window.refill(0, 1)
    assert held(window) == CONTENT[:100]
    assert window.refill(90, 20)
    assert (window.base, held(window)) == (90, CONTENT[90:190])


def test_refill_grows_for_what_does_not_fit(window):
    assert window.refill(0, 500)
    assert held(window) == CONTENT[:500]


def test_a_refill_that_is_not_greedy_stops_at_what_it_needs():
    window = Window(Plain(source_of(Pipe(CONTENT, chunk=7)).open(), b""), size=100)
    assert window.refill(0, 10, greedy=False)
    assert window.end == 14


def test_refill_says_when_the_stream_is_too_short(window):
    assert not window.refill(0, len(CONTENT) + 1)
    assert held(window) == CONTENT


@pytest.mark.parametrize("count", [0, 30, 80, 5000])
def test_skip_moves_past_bytes_inside_and_beyond_the_window(window, count):
    window.refill(0, 1)
    assert window.skip(20, count)
    assert window.base == 20 + count
    assert window.refill(0, 50)
    assert held(window)[:50] == CONTENT[20 + count :][:50]
    assert window.consumed >= window.base + window.end


def test_nothing_is_there_after_skipping_past_the_end(window):
    window.skip(0, len(CONTENT) + 5)
    assert not window.refill(0, 1)


def test_a_quiet_pipe_is_not_waited_for_once_there_is_enough():
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb", buffering=0) as stream, os.fdopen(writing, "wb", buffering=0) as other:
        other.write(CONTENT[:30])
        window = Window(Plain(source_of(stream).open(), b""), size=100)
        assert window.refill(0, 10)
        assert held(window) == CONTENT[:30]
