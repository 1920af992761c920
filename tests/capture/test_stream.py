"""A stream is told by its first bytes, however slowly they come."""

from __future__ import annotations

import gzip
import subprocess
import sys

import pytest

from pcapdiag.capture.source import source_of
from pcapdiag.capture.stream import open_stream
from tests.capture.byhand import Pipe


def drained(stream):
    buffer = memoryview(bytearray(100))
    content = b""
    while count := stream.readinto(buffer):
        content += buffer[:count]
    return content


@pytest.mark.parametrize("chunk", [1, 3, 4096])
@pytest.mark.parametrize("content", [b"", b"x", b"plain bytes", b"\x1f", b"BZ"])
def test_plain_bytes_lose_nothing_to_the_look_at_them(content, chunk):
    name, stream = open_stream(source_of(Pipe(content, chunk)).open())
    assert (name, drained(stream), stream.consumed) == ("", content, len(content))


@pytest.mark.parametrize("chunk", [1, 3, 4096])
def test_compressed_bytes_are_decompressed(chunk):
    compressed = gzip.compress(b"content")
    name, stream = open_stream(source_of(Pipe(compressed, chunk)).open())
    assert (name, drained(stream), stream.consumed) == ("gzip", b"content", len(compressed))


def test_plain_captures_do_not_wait_for_the_decompressors():
    script = "import pcapdiag.capture, sys; print({'zstandard', 'lz4', 'tempfile'} & set(sys.modules))"
    shown = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert shown.stdout == "set()\n"
