"""The content of compressed streams.

Output is made piece by piece and never more than asked for, so a decompression bomb costs time, not memory.
"""

from __future__ import annotations

import bz2
import lzma
import zlib
from collections.abc import Callable
from typing import Any

import lz4.frame
import zstandard

from pcapdiag.capture.lz4_block import Blocks
from pcapdiag.capture.stream import Plain, StreamFault

#: Compressed bytes handed over at a time. Small, since a fault loses the output of the piece it lies in, and
#: since zstd turns four bytes into up to 128 KiB that its decoder returns at once: 32 MiB a piece at worst.
PIECE = 1024
CHUNK = 1 << 16  # compressed bytes read at a time
MEMORY_LIMIT = 128 << 20  # for a decoder's own window: xz -9 needs 65 MiB, zstd --long=27 128 MiB


class _Gzip:
    """zlib in the shape of the other decoders: bytes it has not taken yet are kept inside."""

    def __init__(self) -> None:
        self._decoder = zlib.decompressobj(wbits=31)
        self._rest = b""
        self.needs_input = True

    def decompress(self, data: bytes, max_length: int) -> bytes:
        made = self._decoder.decompress(self._rest + data, max_length)
        self._rest = self._decoder.unconsumed_tail
        self.needs_input = not self._rest and len(made) < max_length
        return made

    @property
    def eof(self) -> bool:
        return self._decoder.eof

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data


class _Zstd:
    """zstandard returns all the output of a piece; what was not asked for yet is kept here."""

    def __init__(self) -> None:
        context = zstandard.ZstdDecompressor(max_window_size=MEMORY_LIMIT)
        self._decoder = context.decompressobj(write_size=1 << 16)
        self._made = memoryview(b"")

    def decompress(self, data: bytes, max_length: int) -> memoryview:
        if data:
            self._made = memoryview(self._decoder.decompress(data))
        made, self._made = self._made[:max_length], self._made[max_length:]
        return made

    @property
    def needs_input(self) -> bool:
        return not self._made

    @property
    def eof(self) -> bool:
        return self._decoder.eof and not self._made

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data


class _Lz4:
    """lz4, and of a block that is cut short its beginning."""

    def __init__(self) -> None:
        self._decoder = lz4.frame.LZ4FrameDecompressor()
        self._blocks = Blocks()

    def decompress(self, data: bytes, max_length: int) -> bytes:
        made: bytes = self._decoder.decompress(data, max_length)
        self._blocks.passed(data, made)
        return made

    def rest(self) -> bytes:
        """What else can be told when no more bytes come."""
        return self._blocks.rest()

    @property
    def needs_input(self) -> bool:
        return bool(self._decoder.needs_input)

    @property
    def eof(self) -> bool:
        return bool(self._decoder.eof)

    @property
    def unused_data(self) -> bytes:
        return self._decoder.unused_data or b""


#: A decoder for one member of each kind.
DECODERS: dict[str, Callable[[], Any]] = {
    "gzip": _Gzip,
    "zstd": _Zstd,
    "xz": lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=MEMORY_LIMIT),
    "lz4": _Lz4,
    "bz2": bz2.BZ2Decompressor,
}
#: Kinds whose blocks can be decompressed whole or not at all, and what is packed into one.
WHOLE_BLOCKS = {"zstd": "up to 128 KiB", "bz2": "up to 900 kB"}
FAULTS = (zlib.error, zstandard.ZstdError, lzma.LZMAError, OSError, RuntimeError, ValueError, EOFError)


class Decompressed:
    """The content of a compressed stream, over all its concatenated members."""

    def __init__(self, compressed: Plain, name: str) -> None:
        self._compressed = compressed
        self._name = name
        self._decoder = DECODERS[name]()
        self._chunk = memoryview(bytearray(CHUNK))
        self._left = self._chunk[:0]  # of the chunk, not handed over yet
        self._pending = b""  # what follows the member that just ended
        self._began = False  # the decoder has had input
        self._made_any = False
        self._rest: memoryview | None = None  # of a member that is cut short

    @property
    def consumed(self) -> int:
        return self._compressed.consumed

    def readinto(self, buffer: memoryview, /) -> int:
        while True:
            if self._decoder.eof:
                self._pending = self._decoder.unused_data
                self._decoder, self._began = DECODERS[self._name](), False
            piece = b""
            if self._decoder.needs_input and not (piece := self._next_piece()):
                return self._last(buffer) if self._began else 0
            if not self._began:
                piece = piece.lstrip(b"\0")  # gzip and xz allow padding with zeros between members
                if not piece:
                    continue
            self._began = True
            try:
                made = self._decoder.decompress(piece, len(buffer))
            except FAULTS as error:
                raise StreamFault(f"{self._name} data is corrupt ({error})") from None
            if made:
                buffer[: len(made)] = made
                self._made_any = True
                return len(made)

    def _next_piece(self) -> bytes:
        if self._pending:
            piece, self._pending = self._pending, b""
            return piece
        if not self._left:
            self._left = self._chunk[: self._compressed.readinto(self._chunk)]
        piece, self._left = bytes(self._left[:PIECE]), self._left[PIECE:]
        return piece

    def _last(self, buffer: memoryview) -> int:
        """What can be made of a member that is cut short, then the fault."""
        if self._rest is None:
            self._rest = memoryview(getattr(self._decoder, "rest", bytes)())
        if not self._rest:
            why = ""
            if self._name in WHOLE_BLOCKS and not self._made_any:
                why = f" within its first block, and blocks ({WHOLE_BLOCKS[self._name]}) open only whole"
            raise StreamFault(f"{self._name} data is cut short{why}")
        made, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(made)] = made
        return len(made)

    def would_wait(self) -> bool:
        return not self._left and not self._pending and self._compressed.would_wait()

    def skip(self, count: int) -> bool:
        return False
