"""Packets in the order of their times, though their file stores them a little out of it.

Files of one thread are in order, and cost a look at their times. Once one is seen that is not, the newest
packets of each batch wait for the next: a batch's end is no border that late packets respect.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from pcapdiag.capture import Batch

LATE_NS = 250_000_000  # a packet stored later than this stays where it is
MOST_WAITING = 20_000  # packets
MOST_BYTES = 32 << 20  # of the batch that holds them: one packet from the future must not hold all behind it


class Ordering:
    """Puts one file's batches in order; give it all, then ask for what is `left`."""

    def __init__(self) -> None:
        self._disordered = False
        self._batch: Batch | None = None
        self._waiting: np.ndarray | None = None

    def put(self, batch: Batch, packets: np.ndarray) -> tuple[Batch, np.ndarray]:
        """The packets that can go on, with the batch that holds their bytes; both good as long as it is."""
        times = packets["time_ns"]
        in_order = bool((times[1:] >= times[:-1]).all())
        if in_order and not self._disordered:
            return batch, packets
        self._disordered = True
        if self._batch is not None and self._waiting is not None:
            packets = packets.copy()
            packets["payload_off"] += len(self._batch.data)
            packets = np.concatenate([self._waiting, packets])
            batch = replace(batch, data=np.concatenate([self._batch.data, batch.data]))
        packets = packets[np.argsort(packets["time_ns"], kind="stable")]
        self._keep(batch, packets)
        return batch, packets[: len(packets) - len(self._waiting if self._waiting is not None else ())]

    def _keep(self, batch: Batch, packets: np.ndarray) -> None:
        """The newest packets and their bytes wait."""
        self._batch = self._waiting = None
        if not len(packets):
            return
        times = packets["time_ns"]
        first = int(np.searchsorted(times, times[-1] - LATE_NS, "right"))
        waiting = packets[max(first, len(packets) - MOST_WAITING) :].copy()
        begins = int(waiting["payload_off"].min())
        if len(batch.data) - begins > MOST_BYTES:
            return
        waiting["payload_off"] -= begins
        self._waiting, self._batch = waiting, replace(batch, data=batch.data[begins:].copy())

    def left(self) -> tuple[Batch, np.ndarray] | None:
        """What still waits at the end of the file."""
        if self._batch is None or self._waiting is None:
            return None
        return self._batch, self._waiting
