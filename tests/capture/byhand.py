"""Captures built field by field with struct, from the format drafts and not from our code."""

from __future__ import annotations

import io
import pathlib
import struct
from collections.abc import Iterator
from typing import NamedTuple

from pcapdiag.capture import CaptureFile


class Record(NamedTuple):
    """What a test expects of a record, in plain values."""

    time_ns: int
    data: bytes
    wirelen: int
    link: int = 1
    interface: int = 0


def pcap_header(order: str = "<", magic: int = 0xA1B2C3D4, snaplen: int = 65535, link: int = 1) -> bytes:
    return struct.pack(f"{order}IHHiIII", magic, 2, 4, 0, 0, snaplen, link)


def pcap_record(
    data: bytes, seconds: int = 1, fraction: int = 0, wirelen: int | None = None, order: str = "<"
) -> bytes:
    wirelen = len(data) if wirelen is None else wirelen
    return struct.pack(f"{order}IIII", seconds, fraction, len(data), wirelen) + data


def pcap(count: int, size: int = 60, start: int = 1_700_000_000) -> bytes:
    """`count` packets, one a second, each filled with its own frame number."""
    return pcap_header() + b"".join(
        pcap_record(struct.pack(">I", n + 1) * (size // 4), start + n) for n in range(count)
    )


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    return struct.pack(f"{order}II", kind, 12 + len(body)) + body + struct.pack(f"{order}I", 12 + len(body))


def option(code: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(f"{order}HH", code, len(value)) + value + bytes(-len(value) % 4)


def shb(order: str = "<", options: bytes = b"", version: int = 1, length: int = -1) -> bytes:
    return block(0x0A0D0D0A, struct.pack(f"{order}IHHq", 0x1A2B3C4D, version, 0, length) + options, order)


def idb(link: int = 1, snaplen: int = 0, options: bytes = b"", order: str = "<") -> bytes:
    return block(1, struct.pack(f"{order}HHI", link, 0, snaplen) + options, order)


def epb(
    data: bytes,
    clock: int = 0,
    interface: int = 0,
    wirelen: int | None = None,
    options: bytes = b"",
    order: str = "<",
) -> bytes:
    wirelen = len(data) if wirelen is None else wirelen
    fixed = struct.pack(f"{order}IIIII", interface, clock >> 32, clock & 0xFFFFFFFF, len(data), wirelen)
    return block(6, fixed + data + bytes(-len(data) % 4) + options, order)


def spb(data: bytes, wirelen: int | None = None, order: str = "<") -> bytes:
    return block(3, struct.pack(f"{order}I", len(data) if wirelen is None else wirelen) + data, order)


def old_packet(data: bytes, clock: int, interface: int = 0, drops: int = 0xFFFF, order: str = "<") -> bytes:
    fixed = struct.pack(
        f"{order}HHIIII", interface, drops, clock >> 32, clock & 0xFFFFFFFF, len(data), len(data)
    )
    return block(2, fixed + data, order)


def statistics(interface: int, options: bytes, order: str = "<") -> bytes:
    return block(5, struct.pack(f"{order}III", interface, 0, 0) + options, order)


def secrets(data: bytes, kind: int = 0x544C534B, order: str = "<") -> bytes:
    return block(10, struct.pack(f"{order}II", kind, len(data)) + data, order)


def records(capture: CaptureFile) -> list[Record]:
    """Every record, copied out of its batch."""
    return [record for batch in capture.batches() for _, record in frames(batch)]


def frames(batch) -> Iterator[tuple[int, Record]]:
    for row, record in enumerate(batch.records):
        data = batch.data[record["off"] : record["off"] + record["caplen"]].tobytes()
        yield (
            batch.first_frame + row,
            Record(
                int(record["time_ns"]),
                data,
                int(record["wirelen"]),
                int(record["link"]),
                int(record["interface"]),
            ),
        )


def read(content: bytes) -> tuple[CaptureFile, list[Record]]:
    """Open `content` as a stream and read it to its end."""
    capture = CaptureFile(io.BytesIO(content))
    return capture, records(capture)


def written(folder: pathlib.Path, name: str, content: bytes) -> str:
    path = folder / name
    path.write_bytes(content)
    return str(path)


class Pipe:
    """A stream that cannot seek and gives at most `chunk` bytes at a time, as a slow pipe does."""

    name = "pipe"

    def __init__(self, content: bytes, chunk: int = 1 << 16) -> None:
        self._content = io.BytesIO(content)
        self._chunk = chunk

    def seekable(self) -> bool:
        return False

    def readinto(self, buffer) -> int:
        return self._content.readinto(memoryview(buffer)[: self._chunk])

    def read(self, size: int = -1) -> bytes:
        return self._content.read(min(size, self._chunk) if size >= 0 else self._chunk)
