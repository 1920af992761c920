"""Paths: what passes from one address to another, and which segments a path swallows for their size.

A path is a pair of addresses in one direction. Seen where the large segments are sent, one is sent again and
again and never acknowledged; seen behind the place that drops them, there is a hole in the stream that never
fills, and smaller segments around it.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import endings, selecting
from pcapdiag.columns import among, distinct
from pcapdiag.traffic import Traffic

TRIES = 3  # sent, and sent again twice: not lost by chance on a path that passes other segments
PATIENCE_NS = 1_000_000_000  # a sender tries again sooner than this
SMALLEST_MTU_BYTES = 576  # RFC 791: every IPv4 path carries this
HEADERS_BYTES = 40
TIMESTAMPS_BYTES = 12  # an MSS announced counts the options that each segment then carries
ETHERNET_MSS = 1460  # of an MTU of 1,500


class Blackholes(NamedTuple):
    """Directions of connections that lost segments for their size, one a row."""

    connections: np.ndarray
    directions: np.ndarray
    lost_bytes: np.ndarray  # the segment that did not pass
    passed_bytes: np.ndarray  # the largest that did, on the same path
    sent: np.ndarray  # seen where it was sent, not behind the place that drops it


def blackholes(traffic: Traffic) -> Blackholes:
    """Where full-size segments never arrive while smaller ones on the same path do."""
    troubles = traffic.troubles
    swallowed = (troubles["unacked_bytes"] > 0) & (troubles["unacked_retries"] >= TRIES)
    rows = troubles[swallowed | (troubles["hole_bytes"] > 0)]
    connections, directions = rows["connection"], rows["direction"]
    ends = traffic.connections[connections]
    mss = np.where(directions == 0, ends["server_mss"], ends["client_mss"]).astype("i8")
    hole = rows["hole_bytes"].astype("i8")
    # Without a handshake in sight: as few equal segments as Ethernet carries.
    equal = hole // np.maximum(1, -(-hole // ETHERNET_MSS))
    hole = np.minimum(hole, np.where(mss > 0, mss - TIMESTAMPS_BYTES, equal))
    unacked = rows["unacked_bytes"] > 0
    lost = np.where(unacked, rows["unacked_bytes"].astype("i8"), hole)
    passed = _largest_passed(traffic, connections, directions)
    large = (lost > passed) & (lost > SMALLEST_MTU_BYTES - HEADERS_BYTES)
    selected = np.zeros(len(rows), "i8")
    selected[large] = selecting.largest_selected(traffic, connections[large], directions[large])
    passed = np.maximum(passed, selected)
    large &= lost > passed
    # Then nothing says who would repeat what is missing, unless it was HTTP and its receiver asked for it.
    asked_again = _duplicate_acks(traffic, connections, directions) | (selected > 0)
    served = (ends["protocol"] == t.PROTOCOL_HTTP) & (ends["server_bytes"] > 0) & (ends["client_bytes"] > 0)
    large &= unacked | (mss > 0) | (asked_again & served)
    # Cut by the capture's end, a hole might still have been filled.
    waited_ns = endings.capture_end_ns(traffic)[ends["vantage"]] - ends["last_ns"]
    over = (ends["closed_by"] != 255) | unacked | (waited_ns > PATIENCE_NS)
    # Where the capture misses packets it may miss these bytes and their acknowledgement alike.
    missed = np.zeros(256, "?")
    gaps = traffic.connections[troubles["connection"][troubles["missing_bytes"] > 0]]
    missed[gaps["vantage"][(gaps["flags"] & t.CONN_SYN) != 0]] = True
    found = large & over & (unacked | asked_again | ~missed[ends["vantage"]])
    found[found] &= (selected[found] > 0) | _alive(traffic, connections[found], directions[found])
    return Blackholes(
        connections[found].astype("i8"), directions[found], lost[found], passed[found], unacked[found]
    )


def _duplicate_acks(traffic: Traffic, connections: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Whether the receiver of each of these directions acknowledged the same byte again and again."""
    back = (
        traffic.trouble_of.get((connection, 1 - direction))
        for connection, direction in zip(connections.tolist(), directions.tolist(), strict=True)
    )
    return np.fromiter((row is not None and row["duplicate_acks"] > 0 for row in back), "?", len(connections))


def path_keys(traffic: Traffic, connections: np.ndarray, directions: np.ndarray | int) -> np.ndarray:
    """One number a path, of each connection's direction."""
    client = traffic.connections["client"][connections].astype("u8")
    server = traffic.connections["server"][connections].astype("u8")
    return np.where(np.asarray(directions) == 0, client << 32 | server, server << 32 | client)


def _same_addresses(traffic: Traffic, connections: np.ndarray) -> np.ndarray:
    """Rows of all connections between the addresses of these."""
    if not len(connections):
        return np.zeros(0, "i8")
    wanted = distinct(path_keys(traffic, connections, 0))
    everyone = np.arange(len(traffic.connections))
    return everyone[among(path_keys(traffic, everyone, 0), wanted)]


def _largest_passed(traffic: Traffic, connections: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """The largest segment acknowledged on each connection's path, on any connection."""
    near = _same_addresses(traffic, connections)
    keys = np.concatenate([path_keys(traffic, near, 0), path_keys(traffic, near, 1)])
    sizes = np.concatenate(
        [traffic.connections["client_largest_acked"][near], traffic.connections["server_largest_acked"][near]]
    )
    order = np.lexsort((sizes, keys))
    keys, sizes = keys[order], sizes[order]
    last = np.searchsorted(keys, path_keys(traffic, connections, directions), side="right") - 1
    return sizes[last].astype("i8")


def _alive(traffic: Traffic, connections: np.ndarray, directions: np.ndarray) -> np.ndarray:
    """Whether the receiver was there all the while: it sent duplicate ACKs, or talked elsewhere."""
    result = np.zeros(len(connections), "?")
    near = _same_addresses(traffic, connections)
    keys = path_keys(traffic, near, 0)
    ends = traffic.connections[near]
    served = (
        (ends["client_bytes"] > 0)
        & (ends["server_bytes"] > 0)
        & (ends["client_acked"] == ends["client_bytes"])
    )
    for i, (connection, direction) in enumerate(zip(connections.tolist(), directions.tolist(), strict=True)):
        back = traffic.trouble_of.get((connection, 1 - direction))
        if back is not None and back["duplicate_acks"] > 0:
            result[i] = True
            continue
        mine = traffic.connections[connection]
        if direction == 1 and _gave_up_waiting(mine):
            result[i] = True
            continue
        key = path_keys(traffic, np.array([connection]), 0)[0]
        others = served & (keys == key) & (ends["last_ns"] > mine["first_ns"]) & (near != connection)
        result[i] = bool(others.any())
    return result


def _gave_up_waiting(connection: np.void) -> bool:
    """Whether its client, whose bytes all arrived, had long waited when it closed in order."""
    waited_ns = int(connection["client_fin_ns"]) - int(connection["first_ns"])
    heard = 0 < connection["client_bytes"] == connection["client_acked"]
    return bool(heard and connection["closed_by"] == endings.CLIENT and waited_ns > PATIENCE_NS)
