"""Rows for the tables of the HTML report: what failed, what was slow, and a fair sample of the rest.

Texts that many rows share stand once, under ``names`` of their column; the rows hold their numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from pcapdiag import tables as t
from pcapdiag.analysis import Analysis
from pcapdiag.columns import among, largest, union
from pcapdiag.report.lengths import took_us
from pcapdiag.report.listing import connection_state
from pcapdiag.report.map import Failed, marked
from pcapdiag.report.summary import row_numbers, span_ns
from pcapdiag.traffic import Strings, Traffic, endpoint

FAILED_SHOWN, SLOW_SHOWN, ROWS_SHOWN = 400, 150, 800
TEXT_SHOWN = 200

EXCHANGE_COLUMNS = (
    "exchange", "leg", "connection", "client", "server", "start_us", "method", "target", "host", "status",
    "request_bytes", "response_bytes", "request_end_us", "response_start_us", "response_end_us", "took_us",
    "file", "frame",
    "request_ended", "response_ended", "peer", "failed", "cause",
)  # fmt: skip
CONNECTION_COLUMNS = (
    "connection", "leg", "client", "server", "start_us", "duration_us", "packets", "client_bytes",
    "server_bytes", "rtt_us", "retransmissions", "exchanges", "file", "frame", "state", "failed",
)  # fmt: skip


def chosen(
    count: int, failed: np.ndarray, slowness: Callable[[slice], np.ndarray]
) -> tuple[np.ndarray, dict[str, int]]:
    """Which of `count` rows to show, in order, and how they were chosen."""
    everything = {
        "total": count,
        "shown": count,
        "failed": len(failed),
        "failed_shown": len(failed),
        "slow": 0,
    }
    if count <= ROWS_SHOWN:
        return np.arange(count), everything
    kept_failed = failed[_evenly(len(failed), FAILED_SHOWN)]
    slow = largest(count, SLOW_SHOWN, slowness)
    must = union(kept_failed, slow)
    fair = _evenly(count, ROWS_SHOWN - len(must))
    rows = union(must, fair)
    everything.update(shown=len(rows), failed_shown=len(kept_failed), slow=len(slow))
    return rows, everything


def _evenly(count: int, most: int) -> np.ndarray:
    """At most `most` numbers below `count`, as far apart as can be."""
    if count <= most:
        return np.arange(count)
    return np.arange(most, dtype="i8") * count // most


def exchange_table(analysis: Analysis, failed: Failed) -> dict[str, Any]:
    traffic = analysis.traffic
    exchanges = traffic.exchanges

    def lasted_us(part: slice) -> np.ndarray:
        end = exchanges["response_end_us"][part]
        return np.where(end == t.NEVER, 0, end)

    rows, how = chosen(len(exchanges), failed.exchanges, lasted_us)
    if len(rows) < len(exchanges):  # a request is shown with the exchange on the other leg
        peers = traffic.peer[rows]
        rows = union(rows, peers[peers != t.NONE])
        how["shown"] = len(rows)
    part = exchanges[rows]
    connections = part["connection"]
    targets, target = pooled(part["target"], traffic.strings)
    hosts, host = pooled(part["host"], traffic.strings)
    (clients, client), (servers, server) = (
        endpoints(traffic, connections, side) for side in ("client", "server")
    )
    columns: list[list[Any]] = [
        rows.tolist(),
        traffic.leg[connections].tolist(),
        connections.tolist(),
        client,
        server,
        (part["start_ns"] // 1000 - span_ns(traffic)[0] // 1000).tolist(),
        part["method"].tolist(),
        target,
        host,
        part["status"].tolist(),
        part["request_body"].tolist(),
        part["response_body"].tolist(),
        *(or_none(part[name]) for name in ("request_end_us", "response_start_us", "response_end_us")),
        took_us(traffic, rows).tolist(),
        *files_and_frames(
            traffic, np.where(part["request_frame"] > 0, part["request_frame"], part["response_frame"])
        ),
        part["request_ended"].tolist(),
        part["response_ended"].tolist(),
        [None if peer == t.NONE else peer for peer in traffic.peer[rows].tolist()],
        among(rows, failed.exchanges).astype("u1").tolist(),
        owners(analysis, rows).tolist(),
    ]
    names = {
        "client": clients,
        "server": servers,
        "method": t.METHODS,
        "target": targets,
        "host": hosts,
        "request_ended": t.END_NAMES,
        "response_ended": t.END_NAMES,
        "cause": ["", *(finding.cause.name for finding in analysis.findings)],
    }
    return {"columns": EXCHANGE_COLUMNS, "names": names, "rows": list(zip(*columns, strict=True)), **how}


def pooled(numbers: np.ndarray, strings: Strings) -> tuple[list[str], list[int]]:
    """The distinct strings among these, and for each which of them it is."""
    distinct, which = np.unique(numbers, return_inverse=True)
    return [strings[number][:TEXT_SHOWN] for number in distinct.tolist()], which.tolist()


def connection_table(traffic: Traffic, failed: Failed) -> dict[str, Any]:
    connections = traffic.connections
    on_failed = traffic.exchanges["connection"][failed.exchanges]
    bad = marked(len(connections), (failed.connections, on_failed))
    again = np.bincount(traffic.troubles["connection"], traffic.troubles["retransmitted"], len(connections))
    rows, how = chosen(len(connections), bad, again.__getitem__)
    part = connections[rows]
    (clients, client), (servers, server) = (endpoints(traffic, rows, side) for side in ("client", "server"))
    syn, ack = part["syn_rtt_us"], part["ack_rtt_us"]
    rtt = np.where((syn == t.NEVER) | (ack == t.NEVER), -1, syn.astype("i8") + ack)
    columns: list[list[Any]] = [
        rows.tolist(),
        traffic.leg[rows].tolist(),
        client,
        server,
        (part["first_ns"] // 1000 - span_ns(traffic)[0] // 1000).tolist(),
        ((part["last_ns"] - part["first_ns"]) // 1000).tolist(),
        (part["client_packets"].astype("i8") + part["server_packets"]).tolist(),
        part["client_bytes"].tolist(),
        part["server_bytes"].tolist(),
        [None if time < 0 else time for time in rtt.tolist()],
        again[rows].astype("i8").tolist(),
        part["exchanges"].tolist(),
        *files_and_frames(traffic, part["first_frame"]),
        [
            connection_state(*pair)
            for pair in zip(part["flags"].tolist(), part["closed_by"].tolist(), strict=True)
        ],
        among(rows, bad).astype("u1").tolist(),
    ]
    names = {"client": clients, "server": servers}
    return {"columns": CONNECTION_COLUMNS, "names": names, "rows": list(zip(*columns, strict=True)), **how}


def endpoints(traffic: Traffic, connections: np.ndarray, side: str) -> tuple[list[str], list[int]]:
    """The distinct clients or servers of these connections, and for each connection which of them."""
    addresses, ports = (traffic.connections[name][connections] for name in (side, f"{side}_port"))
    keys, which = np.unique(addresses.astype("i8") << 16 | ports, return_inverse=True)
    return [endpoint(traffic.addresses[key >> 16], key & 0xFFFF) for key in keys.tolist()], which.tolist()


def files_and_frames(traffic: Traffic, running: np.ndarray) -> tuple[list[int], list[int]]:
    """Running frame numbers as (file, frame as Wireshark numbers it)."""
    starts = np.array([info.first_frame for info in traffic.files] or [1])
    files = np.maximum(np.searchsorted(starts, running, side="right") - 1, 0)
    return files.tolist(), (running.astype("i8") - starts[files] + 1).tolist()


def or_none(times_us: np.ndarray) -> list[int | None]:
    return [None if time == t.NEVER else time for time in times_us.tolist()]


def owners(analysis: Analysis, rows: np.ndarray) -> np.ndarray:
    """The finding that claims each row or its peer, counted from 1; 0 where none does."""
    owner = np.zeros(len(analysis.traffic.exchanges), "u2")
    for number, finding in enumerate(analysis.findings, 1):
        claimed = row_numbers(finding.exchanges)
        peers = analysis.traffic.peer[claimed]
        owner[claimed] = number
        owner[peers[peers != t.NONE]] = number
    return owner[rows]
