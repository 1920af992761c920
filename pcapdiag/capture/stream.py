"""A capture's bytes as one stream, plain or decompressed: the magic number tells which, not the name."""

from __future__ import annotations

from typing import Protocol

from pcapdiag.capture.source import Raw, why

MAGICS = {
    b"\x1f\x8b": "gzip",
    b"\x28\xb5\x2f\xfd": "zstd",
    b"\xfd7zXZ\0": "xz",
    b"\x04\x22\x4d\x18": "lz4",
    b"BZh": "bz2",
}


class StreamFault(Exception):
    """The stream cannot be read on; what came before it is good."""


class Stream(Protocol):
    """``readinto`` may read less than asked; 0 is the end. Raises StreamFault."""

    @property
    def consumed(self) -> int:
        """Bytes of the input file used up."""

    def readinto(self, buffer: memoryview, /) -> int: ...

    def would_wait(self) -> bool:
        """Whether nothing more can be read now without waiting for whoever writes it."""

    def skip(self, count: int) -> bool:
        """Step over `count` bytes, or do nothing and say False where they must be read to be passed."""


class Plain:
    """Uncompressed bytes; `head` is what was read to find that out."""

    def __init__(self, raw: Raw, head: bytes) -> None:
        self._raw = raw
        self._head = head
        self.consumed = 0

    def readinto(self, buffer: memoryview, /) -> int:
        if self._head:
            count = min(len(self._head), len(buffer))
            buffer[:count] = self._head[:count]
            self._head = self._head[count:]
        else:
            try:
                count = self._raw.readinto(buffer) or 0
            except OSError as error:
                raise StreamFault(f"cannot be read further: {why(error)}") from None
        self.consumed += count
        return count

    def would_wait(self) -> bool:
        return not self._head and self._raw.would_wait()

    def skip(self, count: int) -> bool:
        if self._head or not self._raw.skip(count):
            return False
        self.consumed += count
        return True


def open_stream(raw: Raw) -> tuple[str, Stream]:
    """(compression, "" for none; the stream) of raw bytes."""
    head = bytearray()
    probe = memoryview(bytearray(max(map(len, MAGICS))))
    while len(head) < len(probe) and (count := raw.readinto(probe[: len(probe) - len(head)])):
        head += probe[:count]
    plain = Plain(raw, bytes(head))
    for magic, name in MAGICS.items():
        if head.startswith(magic):
            from pcapdiag.capture.decompression import Decompressed  # so that plain files do not wait for it

            return name, Decompressed(plain, name)
    return "", plain
