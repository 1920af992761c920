"""A large, realistic capture out of a small real one: copies of it, each on new connections.

The seed must be a classic little-endian Ethernet/IPv4 capture of both legs. Copy k begins where copy k-1
ended; its frontend clients come from 10.64.0.0/10 by k, and its backend-leg client ports are shifted, so that
every connection is new.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from pcapdiag import tables as t
from pcapdiag.analysis import analyze, packet_rows
from pcapdiag.traffic import address_text

PORTS = 62_000  # client ports the backend leg goes round in, from 1025


def write_workload(seed: Path, out: Path, packets: int) -> int:
    """Write at least `packets` packets to `out`; returns how many."""
    data = np.frombuffer(seed.read_bytes(), "u1").copy()
    header, body = data[:24].tobytes(), data[24:]
    records, backend_client = _records(seed, body)
    times = records["time_ns"] // 1000
    span = int(times[-1] - times[0]) + 1000
    starts = records["off"] - 16
    frontend = records["leg"] == t.LEG_FRONTEND
    backend = records["leg"] == t.LEG_BACKEND
    address = np.where(records["from_client"], 26, 30) + records["off"]
    port = np.where(records["from_client"], 34, 36) + records["off"]
    ports = np.unique(backend_client, return_inverse=True)[1]
    width = int(ports.max()) + 1 if len(ports) else 1
    copies = -(-packets // len(records))
    with out.open("wb", buffering=1 << 22) as file:
        file.write(header)
        for k in range(copies):
            now = times + k * span
            _put(body, starts, np.stack([now // 1_000_000, now % 1_000_000], 1).astype("<u4").view("u1"))
            client = np.array([10, 64 + (k >> 8), k & 255], "u1")
            _put(body, address[frontend], np.broadcast_to(client, (int(frontend.sum()), 3)))
            shifted = (1025 + (k * width + ports) % PORTS).astype(">u2")
            _put(body, port[backend], shifted.reshape(-1, 1).view("u1"))
            file.write(body.tobytes())
    return copies * len(records)


def _put(body: np.ndarray, at: np.ndarray, values: np.ndarray) -> None:
    """body[at[i]:at[i] + width] = values[i] for each i."""
    body[at[:, None] + np.arange(values.shape[1])] = values


def _records(seed: Path, body: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Each record: place, time, leg, sender; and the client ports of the backend leg in order."""
    traffic = analyze(seed).traffic
    legs = {}
    for row, leg in zip(traffic.connections, traffic.leg, strict=True):
        legs[(traffic.addresses[row["client"]], int(row["client_port"]))] = int(leg)
    dtype = np.dtype([("off", "i8"), ("time_ns", "i8"), ("leg", "u1"), ("from_client", "?")])
    rows, ports, at = [], [], 0
    for _file, batch, packets, _flags in packet_rows(seed):
        by_frame = {int(packet["frame"]): packet for packet in packets}
        for frame, record in enumerate(batch.records, batch.first_frame):
            leg, from_client = 0, False
            if (packet := by_frame.get(frame)) is not None:
                ends = [
                    (
                        address_text(int(packet[f"{side}_hi"]), int(packet[f"{side}_lo"])),
                        int(packet[f"{side}_port"]),
                    )
                    for side in ("src", "dst")
                ]
                from_client = ends[0] in legs
                leg = legs.get(ends[0], 0) or legs.get(ends[1], 0)
                if leg == t.LEG_BACKEND:
                    ports.append(ends[0 if from_client else 1][1])
            rows.append((at + 16, int(record["time_ns"]), leg, from_client))
            at += 16 + int(record["caplen"])
    return np.array(rows, dtype), np.array(ports)
