"""Where no load balancer was recognised, though one may be here: connections on either of its legs.

Whoever is accused on the wrong leg is accused falsely: a load balancer that meets a dead backend is no client
that meets a dead load balancer. So of these connections nothing is said that depends on the leg.
"""

from __future__ import annotations

import numpy as np

from pcapdiag import tables as t
from pcapdiag.legs.endpoints import may_be_http
from pcapdiag.traffic import Traffic, start_line_read

BESIDE_TLS = (
    "no load balancer was recognised: HTTP in clear stands beside TLS of other hosts, and may be the "
    "backend leg behind it; name the load balancer's addresses with --alb"
)
UNREAD = (
    "no load balancer was recognised: the capture holds too little of most connections to see requests pass "
    "through one; name its addresses with --alb"
)


def undecided(traffic: Traffic) -> tuple[np.ndarray, str]:
    """Which connections may be on either leg, and why that is not known."""
    beside_tls = _beside_tls(traffic)
    if beside_tls.any():
        return beside_tls, BESIDE_TLS
    return _unread(traffic), UNREAD


def _beside_tls(traffic: Traffic) -> np.ndarray:
    """Connections of addresses that ask in clear and take no part in the TLS that is here, on either side.

    They may come from a load balancer that ends this TLS at another address, or from clients of their own.
    """
    connections = traffic.connections
    tls = connections["protocol"] == t.PROTOCOL_TLS
    if len(traffic.decrypted):
        tls = tls & ~traffic.decrypted
    if not tls.any():
        return np.zeros(len(connections), "?")
    in_tls, serves_tls, asks = (np.zeros(len(traffic.addresses), "?") for _ in range(3))
    serves_tls[connections["server"][tls]] = True
    in_tls[connections["client"][tls]] = True
    in_tls |= serves_tls
    elsewhere = ~serves_tls[connections["server"]]
    asks[connections["client"][(connections["protocol"] == t.PROTOCOL_HTTP) & elsewhere]] = True
    return (asks & ~in_tls)[connections["client"]] & elsewhere & may_be_http(traffic)


def _unread(traffic: Traffic) -> np.ndarray:
    """All connections, where of most nothing is known that would show a request on its way through: a short
    snaplen cut their start lines off, or only one direction was captured.

    Only where all are to one port are they of one leg.
    """
    connections = traffic.connections
    none = np.zeros(len(connections), "?")
    cut = (connections["flags"] & t.CONN_TRUNCATED) != 0
    one_sided = (connections["client_packets"] == 0) != (connections["server_packets"] == 0)
    if not (cut | one_sided).any():
        return none
    read = np.zeros(len(connections), "?")
    read[traffic.exchanges["connection"][start_line_read(traffic.exchanges)]] = True
    talking = (connections["flags"] & (t.CONN_DATA_CLIENT | t.CONN_DATA_SERVER)) != 0
    unknown = talking & ((cut & ~read) | one_sided)
    if 2 * np.count_nonzero(unknown) <= np.count_nonzero(talking) or _to_one_port(traffic):
        return none
    return ~none


def _to_one_port(traffic: Traffic) -> bool:
    connections = traffic.connections
    one = connections["server_port"] == connections["server_port"][0]
    return bool((one & (connections["server"] == connections["server"][0])).all())
