"""Damage to captures: to the file's bytes, or to the frames inside while the file around them is whole."""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

CAPTURES = Path(__file__).resolve().parents[2] / "captures"
SEED_BYTES = 60_000  # of larger captures the beginning
SEED_PACKETS = 150
#: Numbers at the edges of what fields hold.
EDGES = (0, 1, 2, 3, 7, 8, 15, 16, 20, 40, 127, 128, 255, 256, 1460, 4095, 4096, 32767, 32768, 65535, 65536,
         2**31 - 1, 2**31, 2**32 - 20, 2**32 - 1, 2**63 - 1, 2**64 - 1)  # fmt: skip
#: Pieces of what the parsers look for.
TOKENS = (
    b"GET / HTTP/1.1\r\n", b"HEAD /x HTTP/1.0\r\n", b"POST /a?b=c HTTP/1.1\r\n", b"CONNECT a:1 HTTP/1.1\r\n",
    b"HTTP/1.1 200 OK\r\n", b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 101 S\r\n\r\n",
    b"HTTP/1.1 304 N\r\n", b"HTTP/1.1 999 ?\r\n", b"HTTP/9.9 200\r\n", b"Content-Length: 5\r\n",
    b"Content-Length: 18446744073709551616\r\n",
    b"Content-Length: -1\r\n", b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n",
    b"Connection: close\r\n", b"Connection: Upgrade\r\nUpgrade: websocket\r\n", b"Host: a\r\n",
    b"Host: \xff\r\n",
    b"Expect: 100-continue\r\n", b"X-Forwarded-For: 1.2.3.4, 5.6.7.8\r\n", b"Server: awselb/2.0\r\n", b"\r\n",
    b"\r\n\r\n", b"\n\n", b"\r", b"0\r\n\r\n", b"5\r\nhello\r\n", b"ffffffffffffffff\r\n",
    b"10000000000000000\r\n",
    b"<script>alert(1)</script>", b"\x1b[2J", b"\xe2\x80\xae", b"\0", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00", b"\x15\x03\x03\x00\x02\x02\x28", b" " * 40, b"A" * 5000,
)  # fmt: skip


@dataclass(frozen=True)
class Frame:
    """One packet of a capture."""

    time_us: int
    wire_bytes: int
    data: bytes


@dataclass(frozen=True)
class Seed:
    """A capture: its bytes, and its frames where it is a plain pcap."""

    name: str
    content: bytes
    link: int
    frames: tuple[Frame, ...]


@cache
def seeds() -> tuple[Seed, ...]:
    """The captures of the repository, cut to a size that can be run often; the same order everywhere."""
    paths = sorted(p for p in CAPTURES.glob("*/*.pcap*") if not p.name.endswith(".json"))
    return tuple(seed_of(path) for path in paths)


def seed_of(path: Path) -> Seed:
    content = path.read_bytes()[:SEED_BYTES]
    name = str(path.relative_to(CAPTURES))
    if content[:4] != b"\xd4\xc3\xb2\xa1":
        return Seed(name, content, 1, ())
    frames, at = [], 24
    while at + 16 <= len(content) and len(frames) < SEED_PACKETS:
        seconds, fraction, captured, wire = struct.unpack_from("<IIII", content, at)
        frames.append(Frame(seconds * 1_000_000 + fraction, wire, content[at + 16 : at + 16 + captured]))
        at += 16 + captured
    return Seed(name, content, struct.unpack_from("<I", content, 20)[0], tuple(frames))


def pcap(frames: list[Frame], link: int = 1) -> bytes:
    parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 262_144, link)]
    for frame in frames:
        seconds, fraction = divmod(frame.time_us, 1_000_000)
        wire = max(frame.wire_bytes, 0) & 0xFFFFFFFF
        parts.append(struct.pack("<IIII", seconds & 0xFFFFFFFF, fraction, len(frame.data), wire) + frame.data)
    return b"".join(parts)


def damaged_bytes(rng: random.Random, data: bytes, most: int = 8) -> bytes:
    """A few edits anywhere: bits, bytes, numbers, tokens, pieces cut, doubled or moved."""
    made = bytearray(data)
    for _ in range(rng.randint(1, most)):
        at = rng.randrange(len(made) + 1)
        kind = rng.randrange(8)
        if kind == 0 and at < len(made):
            made[at] ^= 1 << rng.randrange(8)
        elif kind == 1 and at < len(made):
            made[at] = rng.choice((0, 1, 10, 13, 32, 58, 127, 128, 255, rng.randrange(256)))
        elif kind in (2, 3):
            width, order = rng.choice((1, 2, 4, 8)), rng.choice(("big", "little"))
            number = (rng.choice(EDGES) + rng.choice((0, 0, 1, -1))) % (1 << 8 * width)
            made[at : at + width] = number.to_bytes(width, order)  # type: ignore[arg-type]
        elif kind == 4:
            token = rng.choice(TOKENS)
            made[at : at + (len(token) if rng.random() < 0.5 else 0)] = token
        elif kind == 5:
            del made[at : at + rng.choice((1, 2, 4, 16, 100, 1000))]
        elif kind == 6:
            piece = made[at : at + rng.choice((1, 4, 16, 60, 400))]
            made[at:at] = piece * rng.choice((1, 1, 2, 9))
        else:
            del made[rng.randrange(len(made) + 1) :]
            made += bytes(rng.choice((0, 0, 3, 40)))
    return bytes(made)


def damaged_file(rng: random.Random) -> bytes:
    """A capture file with damage to its own bytes."""
    content = rng.choice(seeds()).content
    near = rng.random()
    if near < 0.3:  # the headers, where a byte means most
        return damaged_bytes(rng, content[:300]) + content[300:]
    return damaged_bytes(rng, content)


def damaged_frame(rng: random.Random, data: bytes) -> bytes:
    """A frame with damage, mostly in its headers, else in what it carries."""
    head = rng.choice((14, 34, 54, 66, 80))
    if rng.random() < 0.5:
        return damaged_bytes(rng, data[:head], 2) + data[head:]
    return data[:head] + damaged_bytes(rng, data[head:], 3)


def damaged_traffic(rng: random.Random) -> tuple[int, list[Frame]]:
    """(link type, frames): whole frames lost, doubled, moved, delayed, rewritten or taken from elsewhere."""
    plain = [seed for seed in seeds() if seed.frames]
    seed = rng.choice(plain)
    frames = list(seed.frames)
    first = rng.randrange(max(1, len(frames) - 30))
    frames = frames[first : first + rng.randint(10, SEED_PACKETS)]
    for _ in range(rng.randint(1, 20)):
        at = rng.randrange(len(frames))
        kind = rng.randrange(9)
        if kind == 0 and len(frames) > 1:
            del frames[at]
        elif kind == 1:
            frames.insert(rng.randrange(len(frames) + 1), frames[at])
        elif kind == 2:
            frames.insert(rng.randrange(len(frames) + 1), frames.pop(at))
        elif kind == 3:
            shift = rng.choice((-1, 1)) * rng.choice((1, 1000, 10**6, 10**9, 10**12, 2**51))
            frames[at] = replace(frames[at], time_us=max(0, frames[at].time_us + shift))
        elif kind == 4:
            other = rng.choice([s for s in plain if s.link == seed.link])
            frames.insert(at, rng.choice(other.frames))
        elif kind == 5:
            cut = frames[at].data[: rng.randrange(len(frames[at].data) + 1)]
            frames[at] = replace(frames[at], data=cut)
        else:
            data = damaged_frame(rng, frames[at].data)
            frames[at] = Frame(frames[at].time_us, max(len(data), frames[at].wire_bytes), data)
    return seed.link, frames
