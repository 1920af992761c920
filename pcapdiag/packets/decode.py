"""Turns batches of raw records into rows of tables.Packet: allocates, checks and calls the kernel."""

from __future__ import annotations

import numpy as np

from pcapdiag import tables
from pcapdiag.built import kernel

_decode = kernel("pcapdiag.packets._decode_cy")
_DNS = _decode.COUNTERS.index("dns")


class Decoder:
    """Decodes batch after batch; what it could not decode, and why, stands in `counters`."""

    def __init__(self, kept: int = 0) -> None:
        """`kept`: for how many calls more the rows of a call stay as they are."""
        self._counts = np.zeros(len(_decode.COUNTERS), np.int64)
        self._rows = [np.empty(0, tables.Packet) for _ in range(kept + 1)]

    @property
    def counters(self) -> dict[str, int]:
        """Records so far, and how each ended: every record is in exactly one of the other counters."""
        counts = [int(n) for n in self._counts]
        return {"records": sum(counts), **dict(zip(_decode.COUNTERS, counts, strict=True))}

    @property
    def dns_answers(self) -> int:
        """Rows so far that are DNS answers."""
        return int(self._counts[_DNS])

    def decode(self, data: np.ndarray, records: np.ndarray, first_frame: int) -> np.ndarray:
        """One row for each TCP packet, ICMP error about one, and DNS answer among `records`.

        `data` is the batch's bytes (uint8), `records` rows of tables.Record that lie in it, `first_frame`
        the frame number of the first. The rows are a view of an array that a later call overwrites.
        """
        if data.dtype != np.uint8 or data.ndim != 1 or not data.flags.c_contiguous:
            raise ValueError("data must be a contiguous array of bytes")
        if records.dtype != tables.Record or records.ndim != 1:
            raise ValueError("records must be rows of tables.Record")
        rows = self._rows.pop(0)
        if len(rows) < len(records):
            rows = np.empty(len(records), tables.Packet)
        self._rows.append(rows)
        count = _decode.decode(data, np.ascontiguousarray(records), rows, self._counts, first_frame)
        if count < 0:
            raise ValueError(f"record {-1 - count} lies outside its batch")
        return rows[:count]
