"""The server endpoints (address and port) of a capture, and what was seen at each; all by column."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from pcapdiag import tables as t
from pcapdiag.columns import among, numbered, tally
from pcapdiag.traffic import Traffic

#: Connections that can be part of HTTP traffic: HTTP itself, TLS that may hide it, or one that never spoke.
_MAY_BE_HTTP = (t.PROTOCOL_HTTP, t.PROTOCOL_TLS, t.PROTOCOL_HTTP2, t.PROTOCOL_NONE)


@dataclass
class Endpoints:
    """One entry an endpoint, in ``address`` and ``port``; ``of_connection`` says which is each one's."""

    address: np.ndarray
    port: np.ndarray
    of_connection: np.ndarray

    def at(self, addresses: np.ndarray) -> np.ndarray:
        """Which endpoints lie at these addresses (a bool for each address)."""
        return addresses[self.address]


def endpoints_of(traffic: Traffic) -> Endpoints:
    """The endpoints that accepted, or should have accepted, the connections."""
    known, of_connection = numbered(traffic.server_keys())
    return Endpoints((known >> 16).astype("u4"), (known & 0xFFFF).astype("u4"), of_connection)


def may_be_http(traffic: Traffic) -> np.ndarray:
    """Which connections can be part of HTTP traffic."""
    return among(traffic.connections["protocol"], _MAY_BE_HTTP)


def exchanges_with(traffic: Traffic, flag: int) -> np.ndarray:
    """How many exchanges with this request flag each connection carried."""
    flags = traffic.exchanges["flags"]
    size = len(traffic.connections)
    return tally(traffic.exchanges["connection"], size, lambda part: (flags[part] & flag) != 0)
