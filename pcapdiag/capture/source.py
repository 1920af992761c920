"""Where a capture's bytes come from, and how to come by them a second time.

A regular file is opened again, a seekable stream rewound. A pipe (standard input, a FIFO, ``<(zcat x)``) can
be read once only, so what is read is kept in an unlinked temporary file, up to a bound.
"""

from __future__ import annotations

import os
import select
import stat
import sys
from pathlib import Path
from typing import BinaryIO, Protocol

from pcapdiag.errors import CaptureError

SPOOL_LIMIT = 1 << 30


class Raw(Protocol):
    """The little of a raw stream that is used. ``readinto`` may read less than asked; 0 is the end."""

    def readinto(self, buffer: memoryview, /) -> int: ...

    def would_wait(self) -> bool:
        """Whether it is a pipe that has nothing to give now."""

    def skip(self, count: int) -> bool:
        """Step over `count` bytes without reading them; False when that is not possible."""

    def close(self) -> None: ...


class Source(Protocol):
    """Bytes that can be opened, and mostly opened again."""

    path: str
    size: int | None
    repeatable: bool  # opening never blocks and loses nothing, so it can be looked at and closed again

    @property
    def gone(self) -> bool:
        """Whether it was read once and there is no second time."""

    def open(self) -> Raw:
        """The bytes from their beginning."""

    def interrupt(self) -> None:
        """What is read from now on is not kept: somebody may still be waiting for a pipe."""


def source_of(given: str | os.PathLike[str] | BinaryIO) -> Source:
    """The source behind a path, an open binary stream, or "-" (standard input)."""
    if not isinstance(given, (str, os.PathLike)):
        return _stream_source(str(getattr(given, "name", "stream")), given)
    path = os.fspath(given)
    if path == "-":
        return _standard_input()
    try:
        status = Path(path).stat()
        if stat.S_ISDIR(status.st_mode):
            raise CaptureError(path, "is a directory, not a capture file")
        if stat.S_ISREG(status.st_mode):
            return _File(path, status.st_size)
        return _Pipe(path, Path(path).open("rb", buffering=0))
    except ValueError:
        raise CaptureError(path, "no name of a file: it has a null byte in it") from None
    except OSError as error:
        raise CaptureError(path, why(error)) from None


def why(error: Exception) -> str:
    """An operating system error in the words of a sentence."""
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, PermissionError):
        return "permission denied"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    return str(error)


def _standard_input() -> Source:
    if sys.stdin is None or sys.stdin.closed:
        raise CaptureError("-", "is closed")
    if sys.stdin.isatty():
        raise CaptureError("-", "is a terminal: pipe a capture into it")
    return _stream_source("-", sys.stdin.buffer)


def _stream_source(path: str, stream: BinaryIO) -> Source:
    try:
        start = stream.tell() if stream.seekable() else None
    except (AttributeError, OSError):
        start = None
    return _Pipe(path, stream) if start is None else _Seekable(path, stream, start)


class _Bytes:
    """A binary stream as Raw: it gives what is there rather than wait until a buffer is full."""

    def __init__(self, stream: BinaryIO, seekable: bool = False, owned: bool = False) -> None:
        self._stream = stream
        self._seekable, self._owned = seekable, owned
        self._readinto = getattr(stream, "readinto1", None) or getattr(stream, "readinto", None)
        self._read = getattr(stream, "read1", None) or stream.read

    def readinto(self, buffer: memoryview, /) -> int:
        if self._readinto is not None:
            return self._readinto(buffer) or 0
        chunk = self._read(len(buffer))
        buffer[: len(chunk)] = chunk
        return len(chunk)

    def would_wait(self) -> bool:
        if self._seekable:
            return False
        try:
            return not select.select([self._stream], [], [], 0)[0]
        except (OSError, ValueError, TypeError, AttributeError):  # no file of the system: it is asked itself
            return False

    def skip(self, count: int) -> bool:
        if self._seekable:
            self._stream.seek(count, os.SEEK_CUR)
        return self._seekable

    def close(self) -> None:
        if self._owned:
            self._stream.close()


class _File:
    repeatable = True
    gone = False

    def __init__(self, path: str, size: int) -> None:
        self.path = path
        self.size: int | None = size

    def interrupt(self) -> None:
        pass

    def open(self) -> Raw:
        try:
            return _Bytes(Path(self.path).open("rb", buffering=0), seekable=True, owned=True)
        except OSError as error:
            raise CaptureError(self.path, why(error)) from None


class _Seekable:
    repeatable = True
    gone = False

    def __init__(self, path: str, stream: BinaryIO, start: int) -> None:
        self.path, self._stream, self._start = path, stream, start
        self.size: int | None = stream.seek(0, os.SEEK_END) - start

    def interrupt(self) -> None:
        pass

    def open(self) -> Raw:
        self._stream.seek(self._start)
        return _Bytes(self._stream, seekable=True)


class _Pipe:
    repeatable = False

    def __init__(self, path: str, stream: BinaryIO) -> None:
        self.path = path
        self.size: int | None = None
        self._stream = stream
        self._spool: _Spool | None = None

    @property
    def gone(self) -> bool:
        return self._spool is not None and self._spool.copy is None

    def interrupt(self) -> None:
        if self._spool is not None:
            self._spool.keeps = False

    def open(self) -> Raw:
        if self._spool is None:
            self._spool = _Spool(_Bytes(self._stream))
            return self._spool
        if self._spool.copy is None:
            raise ValueError("a pipe too long to keep cannot be read again")
        self._spool.copy.seek(0)
        return _Bytes(self._spool.copy, seekable=True)


class _Spool:
    """Reads from a pipe and keeps a copy; gives the copy up when it outgrows its bound or the disk."""

    def __init__(self, raw: _Bytes) -> None:
        self._raw = raw
        from tempfile import TemporaryFile  # only pipes wait for its import

        self.keeps = True
        self._kept = 0
        self.copy: BinaryIO | None = TemporaryFile(buffering=0)  # noqa: SIM115

    def readinto(self, buffer: memoryview, /) -> int:
        count = self._raw.readinto(buffer)
        if self.copy is not None and self.keeps:
            self._keep(self.copy, buffer[:count])
        return count

    def _keep(self, copy: BinaryIO, chunk: memoryview) -> None:
        self._kept += len(chunk)
        try:
            if self._kept <= SPOOL_LIMIT:
                while chunk:
                    chunk = chunk[copy.write(chunk) :]
                return
        except OSError:  # the disk is full: only the second look is lost
            pass
        copy.close()
        self.copy = None

    def would_wait(self) -> bool:
        return self._raw.would_wait()

    def skip(self, count: int) -> bool:
        return False

    def close(self) -> None:
        pass
