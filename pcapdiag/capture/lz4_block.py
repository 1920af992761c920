"""The beginning of an LZ4 block whose end is missing.

Whoever compresses packs up to 4 MiB into a block, and lz4 decompresses whole blocks only: of a file that was
cut short a large part would be lost, and of most files all. So the blocks are followed as they pass, and the
sequences of the last one are taken as far as they go (LZ4's "Frame Format" and "Block Format" descriptions).
"""

from __future__ import annotations

import struct
from collections import deque

MAGIC = b"\x04\x22\x4d\x18"
HISTORY = 65_536  # how far back a match can reach, into the blocks before too
FOLLOWED_BYTES = 1 << 18  # pieces are small: they are looked at together
BLOCK_LIMIT = 4 << 20  # the largest block's content
_BLOCK_CHECKSUM, _CONTENT_SIZE, _DICTIONARY = 0x10, 0x08, 0x01  # flags of a frame
_STORED = 0x8000_0000  # of a block's size: its content is not compressed


class Blocks:
    """Follows one frame: what of its latest block has come, and what was made before."""

    def __init__(self) -> None:
        self._waiting: list[bytes] = []
        self._waiting_bytes = 0
        self._held = bytearray()
        self._flags: int | None = None  # None before the frame's header is whole
        self._ended = False
        self._made: deque[bytes] = deque()
        self._made_bytes = 0

    def passed(self, data: bytes, made: bytes) -> None:
        """These bytes of the frame have been decompressed into those."""
        if made:
            self._made.append(made)
            self._made_bytes += len(made)
            while self._made_bytes - len(self._made[0]) >= HISTORY:
                self._made_bytes -= len(self._made.popleft())
        self._waiting.append(data)
        self._waiting_bytes += len(data)
        if self._waiting_bytes >= FOLLOWED_BYTES:
            self._follow()

    def _follow(self) -> None:
        data, self._waiting, self._waiting_bytes = b"".join(self._waiting), [], 0
        if self._ended:
            return
        self._held += data
        if self._flags is None:
            self._pass_header()
        if self._flags is not None:
            self._pass_blocks(4 if self._flags & _BLOCK_CHECKSUM else 0)

    def _pass_header(self) -> None:
        if len(self._held) < 5:
            return
        flags = self._held[4]
        length = 7 + (8 if flags & _CONTENT_SIZE else 0) + (4 if flags & _DICTIONARY else 0)
        if not self._held.startswith(MAGIC):  # a frame of another kind
            self._ended = True
        elif len(self._held) >= length:
            self._flags = flags
            del self._held[:length]

    def _pass_blocks(self, checksum_bytes: int) -> None:
        while len(self._held) >= 4:
            size = struct.unpack_from("<I", self._held)[0]
            length = 4 + (size & ~_STORED) + checksum_bytes
            self._ended = not size
            if self._ended or len(self._held) < length:
                return
            del self._held[:length]

    def rest(self) -> bytes:
        """What the latest block holds, as far as it came; lz4 itself gives that of one merely stored."""
        self._follow()
        if self._ended or self._flags is None or len(self._held) < 4:
            return b""
        size = struct.unpack_from("<I", self._held)[0]
        return b"" if size & _STORED else beginning(bytes(self._held[4 : 4 + size]), b"".join(self._made))


def beginning(block: bytes, history: bytes) -> bytes:
    """What the whole sequences of a block make, and the literals of one that is cut."""
    made = bytearray(history)
    limit = len(history) + BLOCK_LIMIT
    at = 0
    while at < len(block) and len(made) < limit:
        token = block[at]
        count, at = _length(block, at + 1, token >> 4)
        made += block[at : at + count]
        at += count
        if at + 2 > len(block):
            break
        offset = block[at] | block[at + 1] << 8
        count, at = _length(block, at + 2, token & 15)
        if at > len(block) or not 0 < offset <= len(made):
            break
        count = min(count + 4, limit - len(made))
        source = bytes(made[len(made) - offset : len(made) - offset + count])
        made += (source * (count // len(source) + 1))[:count]  # a match may reach into what it makes
    return bytes(made[len(history) : limit])


def _length(block: bytes, at: int, count: int) -> tuple[int, int]:
    """(a length, where it ends): 15 goes on in the bytes that follow; past the block where those are cut."""
    if count < 15:
        return count, at
    while at < len(block):
        count += block[at]
        at += 1
        if block[at - 1] != 255:
            return count, at
    return 0, len(block) + 1
