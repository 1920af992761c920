"""The heads of some requests as they were written: read again, for the tables keep only what is counted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from pcapdiag import tables as t
from pcapdiag.columns import distinct
from pcapdiag.traffic import Traffic

_STRETCHES = 3  # of the capture: neighbouring requests, as those of one connection are
_REQUESTS = 100  # of one stretch
_MOST_FRAMES = 20_000  # of one stretch
_COMPRESSED_FRAMES = 4_000  # from the beginning of a compressed file
_MOST_BYTES = 8192  # of a head


class Head(NamedTuple):
    """A request's head, as far as its first segment holds it."""

    exchange: int
    http10: bool
    names: tuple[bytes, ...]  # of its fields, as written
    values: dict[bytes, bytes]  # by lower-case name, the first of each


def sampled_heads(traffic: Traffic) -> list[Head]:
    """Heads of requests in clear from several places of the capture, in the order of their frames."""
    if traffic.wire is None:
        return []
    exchanges = traffic.exchanges
    in_clear = traffic.connections["protocol"][exchanges["connection"]] == t.PROTOCOL_HTTP
    if len(traffic.decrypted):
        in_clear &= ~traffic.decrypted[exchanges["connection"]]
    # Of a connection that the capture met in the middle, a request's first bytes are found all the same.
    rows = np.flatnonzero(
        in_clear & ((exchanges["flags"] & t.REQ_SEEN) != 0) & (exchanges["request_frame"] > 0)
    )
    rows = rows[_near(traffic, exchanges["request_frame"][rows])]
    rows = rows[np.argsort(exchanges["request_frame"][rows], kind="stable")]
    starts = np.linspace(0, max(0, len(rows) - _REQUESTS), _STRETCHES).astype("i8")
    starts = distinct(starts // _REQUESTS * _REQUESTS)
    return [head for start in starts.tolist() for head in _heads(traffic, rows[start : start + _REQUESTS])]


def _near(traffic: Traffic, frames: np.ndarray) -> np.ndarray:
    """Whether each of these running frames is soon read: compressed files have no way to the middle."""
    near = np.ones(len(frames), "?")
    for info in traffic.files:
        if info.compression:
            near &= (frames < info.first_frame + _COMPRESSED_FRAMES) | (
                frames >= info.first_frame + info.packets
            )
    return near


def _heads(traffic: Traffic, rows: np.ndarray) -> Iterator[Head]:
    """The heads of these requests, in the order of their frames."""
    if traffic.wire is None or not len(rows):
        return
    frames = traffic.exchanges["request_frame"][rows]
    frames, first_of = np.unique(frames, return_index=True)  # of several in one packet, the first
    frames = frames[frames < frames[0] + _MOST_FRAMES]
    exchange_in = dict(zip(frames.tolist(), rows[first_of].tolist(), strict=False))
    for frame, payload in traffic.wire.payloads(frames):
        head = _parsed(exchange_in[frame], payload[:_MOST_BYTES])
        if head is not None:
            yield head


def _parsed(exchange: int, payload: bytes) -> Head | None:
    """The head that a segment begins with; None where it begins with something else."""
    head, whole, _ = payload.partition(b"\r\n\r\n")
    start, *lines = head.split(b"\r\n")
    if not whole:
        lines = lines[:-1]  # cut off
    version = start.rpartition(b" ")[2]
    if version not in (b"HTTP/1.0", b"HTTP/1.1"):
        return None
    names: list[bytes] = []
    values: dict[bytes, bytes] = {}
    for line in lines:
        name, _, value = line.partition(b":")
        names.append(name)
        values.setdefault(name.lower(), value.strip())
    return Head(exchange, version == b"HTTP/1.0", tuple(names), values)
