"""When bytes passed on connections, and which way: read again, for the tables hold no packets."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pcapdiag import tables as t
from pcapdiag.traffic import Traffic
from pcapdiag.wirepacket import address_number

_MOST = 500  # connections: the busiest
_MIX = np.array([0x9E3779B97F4A7C15, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9, 0x27D4EB2F165667C5], "u8")


class Stream(NamedTuple):
    """When the packets with bytes passed on a connection."""

    connection: int
    came_ns: np.ndarray  # to its server
    went_ns: np.ndarray  # from it


def streams_between(traffic: Traffic, first: int, last: int, wanted: np.ndarray) -> list[Stream]:
    """The wanted connections (a bool each) that bytes passed on between two running frames."""
    connections = traffic.connections
    wanted = wanted & (connections["first_frame"] <= last) & (connections["last_frame"] >= first)
    rows = np.flatnonzero(wanted)
    if traffic.wire is None or not len(rows):
        return []
    keys = _keys_of(traffic, rows)
    order = np.argsort(keys, kind="stable")
    keys, rows = keys[order], rows[order]
    owners, directions, times = [], [], []
    for packets in traffic.wire.rows(first, last):
        packets = packets[(packets["kind"] == t.KIND_TCP) & (packets["payload_len"] > 0)]
        for direction, ends in enumerate((("src", "dst"), ("dst", "src"))):
            found = _keys_from(packets, *ends)
            at = np.minimum(np.searchsorted(keys, found), len(keys) - 1)
            mine = keys[at] == found
            owners.append(rows[at[mine]])
            directions.append(np.full(np.count_nonzero(mine), direction))
            times.append(packets["time_ns"][mine])
    if not owners:
        return []
    owner, way, when_ns = np.concatenate(owners), np.concatenate(directions), np.concatenate(times)
    seen, packets_of = np.unique(owner, return_counts=True)
    busiest = seen[np.argsort(-packets_of, kind="stable")][:_MOST]
    return [
        Stream(row, *(np.sort(when_ns[(owner == row) & (way == direction)]) for direction in (0, 1)))
        for row in busiest.tolist()
    ]


def _keys_of(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """A number for each connection's addresses and ports."""
    ends = traffic.connections[rows]
    both = np.stack([ends["client"], ends["server"]], axis=1)
    different, which = np.unique(both, return_inverse=True)
    numbers = [divmod(address_number(traffic.addresses[row]), 1 << 64) for row in different.tolist()]
    halves = np.array(numbers, "u8")[which.reshape(both.shape)].reshape(-1, 4)
    return _mixed(list(halves.T), ends["client_port"], ends["server_port"])


def _keys_from(packets: np.ndarray, client: str, server: str) -> np.ndarray:
    """The same number of the connection that each packet belongs to, whichever end is its client."""
    halves = [packets[f"{end}_{half}"] for end in (client, server) for half in ("hi", "lo")]
    return _mixed(halves, packets[f"{client}_port"], packets[f"{server}_port"])


def _mixed(halves: list[np.ndarray], client_port: np.ndarray, server_port: np.ndarray) -> np.ndarray:
    key = client_port.astype("u8") << np.uint64(16) | server_port
    for half, mix in zip(halves, _MIX, strict=True):
        key = key ^ (half * mix)  # u8 wraps, as a hash may
    return key
