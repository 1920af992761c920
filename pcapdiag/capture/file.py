"""One capture file: recognised, read once from end to end, and looked up again where evidence is wanted."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

from pcapdiag.capture import tally
from pcapdiag.capture.index import Index
from pcapdiag.capture.linktypes import link_name
from pcapdiag.capture.reader import Batch, Reader
from pcapdiag.capture.recognise import open_reader
from pcapdiag.capture.source import Raw, source_of
from pcapdiag.capture.stream import StreamFault, open_stream
from pcapdiag.capture.window import WINDOW_BYTES
from pcapdiag.traffic import FileInfo

#: Enough of a window to look at a file's header; it grows where a pcapng section header is longer.
GLANCE_BYTES = 4096


class Span(NamedTuple):
    """When a file's packets were captured, and on what kind of link."""

    first_ns: int
    last_ns: int
    links: tuple[int, ...]


class CaptureFile:
    """A capture. Its header is read at once; a pipe is then held open, a file on disk is closed again."""

    def __init__(self, given: str | os.PathLike[str] | BinaryIO) -> None:
        self._source = source_of(given)
        self.path = self._source.path
        self.size = self._source.size
        self._index = Index()
        self._ended = False  # it was read to its end
        self._waiting: Reader | None = None  # of a pipe: the reader that has already begun
        compression, raw, reader = self._open(GLANCE_BYTES if self._source.repeatable else WINDOW_BYTES)
        self.info = FileInfo(self.path, reader.format, compression, (), 0, 0, 0, 0, 0, 1)
        self._count(reader)
        if self._source.repeatable:
            raw.close()
        else:
            self._waiting = reader

    def batches(self, progress: Callable[[int], None] | None = None) -> Iterator[Batch]:
        """Every record in order. `info` grows with each batch and is complete at the end.

        `progress` is told how many bytes of the input file have been used up.
        """
        self._index = Index()
        with self._reading() as reader:
            if reader is None:
                return
            for batch in reader.batches():
                if reader.place:
                    self._index.add(reader.place)
                self._count(reader)
                if progress:
                    progress(reader.window.consumed)
                yield batch
            self._count(reader)
            self._ended = True
            if progress:
                progress(reader.window.consumed)

    def reread(self, first_frame: int, last_frame: int) -> Iterator[Batch]:
        """Batches that cover these frames once more; the first may begin earlier, the last may end later.

        Of a pipe, only after `batches` came to its end; of one too long to keep, nothing.
        """
        place = self._index.before(first_frame)
        with self._reading() as reader:
            if reader is None:
                return
            if place is not None:
                reader.resume(place)
            for batch in reader.batches():
                if batch.first_frame > last_frame:
                    return
                if batch.first_frame + len(batch.records) > first_frame:
                    yield batch

    def interrupt(self) -> None:
        """Read no more of it: what was read is all there is, unless it had come to its end."""
        self.info.interrupted = not self._ended
        self._source.interrupt()

    @property
    def on_disk(self) -> bool:
        """Whether another program finds it under `path`."""
        return self._source.repeatable and Path(self.path).is_file()

    def content(self) -> Iterator[bytes]:
        """The file's bytes once more, decompressed, as far as they are whole; nothing of a pipe too long."""
        if self._waiting is not None or self._source.gone:
            return
        raw = self._source.open()
        try:
            _, stream = open_stream(raw)
            buffer = memoryview(bytearray(WINDOW_BYTES))
            with contextlib.suppress(StreamFault):
                while count := stream.readinto(buffer):
                    yield bytes(buffer[:count])
        finally:
            raw.close()

    def span(self, until_ns: int) -> Span | None:
        """The file's times, looking no further once one after `until_ns` is met.

        None for a file without packets, and for a pipe, which cannot be looked at beforehand.
        """
        if not self._source.repeatable:
            return None
        with self._reading() as reader:
            assert reader is not None
            for _ in reader.batches():
                if reader.tally[tally.LAST_NS] > until_ns:
                    break
            if not reader.tally[tally.PACKETS]:
                return None
            return Span(int(reader.tally[tally.FIRST_NS]), int(reader.tally[tally.LAST_NS]), reader.links)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[Reader | None]:
        """A reader at the first record; None when the bytes are gone."""
        if self._waiting is not None:
            reader, self._waiting = self._waiting, None
            yield reader
        elif self._source.gone:
            yield None
        else:
            _, raw, reader = self._open(WINDOW_BYTES)
            try:
                yield reader
            finally:
                raw.close()

    def _open(self, window_bytes: int) -> tuple[str, Raw, Reader]:
        raw = self._source.open()
        try:
            compression, reader = open_reader(self.path, raw, window_bytes)
            return compression, raw, reader
        except BaseException:
            raw.close()
            raise

    def _count(self, reader: Reader) -> None:
        info, counted = self.info, reader.tally
        info.packets = int(counted[tally.PACKETS])
        info.captured_bytes = int(counted[tally.BYTES])
        info.wire_bytes = int(counted[tally.WIRE_BYTES])
        info.truncated_packets = int(counted[tally.TRUNCATED])
        info.backward_steps = int(counted[tally.BACKWARD])
        if info.packets:
            info.first_ns, info.last_ns = int(counted[tally.FIRST_NS]), int(counted[tally.LAST_NS])
        if len(info.link_types) != len(reader.links):
            info.link_types = tuple(map(link_name, reader.links))
        info.snaplen = reader.snaplen
        info.comment = reader.comment
        info.dropped_packets = reader.dropped
        if len(info.tls_keys) != len(reader.tls_keys):
            info.tls_keys = bytes(reader.tls_keys)
        info.damage, info.damage_offset = reader.damage or ("", 0)
