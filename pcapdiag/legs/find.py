"""Fills ``Traffic.leg`` and ``Traffic.peer``: which connection is on which side of the load balancer."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

import numpy as np

from pcapdiag import tables as t
from pcapdiag import words
from pcapdiag.columns import among, distinct, without
from pcapdiag.errors import PcapdiagError
from pcapdiag.legs.endpoints import Endpoints, endpoints_of
from pcapdiag.legs.match import match_exchanges
from pcapdiag.legs.roles import Roles, find_roles
from pcapdiag.legs.twins import seen_elsewhere
from pcapdiag.legs.undecided import undecided
from pcapdiag.legs.vantages import part_vantages
from pcapdiag.traffic import Traffic

_MOST_SHOWN = 16

NO_ALB = "no load balancer was recognised: every connection is taken for one from a client (--alb names one)"


def find_legs(traffic: Traffic, alb: Sequence[str] = ()) -> None:
    """Fill ``traffic.leg``, ``traffic.peer``, ``traffic.alb``, ``traffic.alb_reason`` and ``alb_warning``.

    ``alb`` are addresses or networks (``10.0.0.0/24``) of the load balancer, when the user names them. A
    connection that two vantage points saw has its leg at one of them, and none at the other.
    """
    named = _at_networks(traffic.addresses, networks(alb))
    endpoints = endpoints_of(traffic)
    roles = find_roles(traffic, endpoints, named)
    traffic.alb_warning = _doubt(traffic, named, " ".join(alb)) if alb else ""
    if roles.known:
        traffic.leg = _legs(traffic, endpoints, roles)
        traffic.alb = _alb_addresses(traffic, endpoints, roles)
        traffic.alb_reason = " and ".join(roles.reasons)
    else:
        traffic.leg = np.full(len(traffic.connections), t.LEG_FRONTEND, "u1")
        traffic.alb = ()
        traffic.alb_reason = NO_ALB
    if not (traffic.leg == t.LEG_BACKEND).any():
        traffic.undecided, doubt = undecided(traffic)
        if roles.known:
            traffic.undecided &= traffic.leg == t.LEG_UNKNOWN
        elif traffic.undecided.any():
            traffic.alb_reason = doubt
    part_vantages(traffic)
    traffic.twin = seen_elsewhere(traffic, traffic.leg)
    traffic.leg[traffic.twin] = t.LEG_UNKNOWN
    traffic.__dict__.pop("exchange_leg", None)  # a cached property of the legs before
    match_exchanges(traffic)


def _doubt(traffic: Traffic, named: np.ndarray, alb: str) -> str:
    """What is odd about the addresses that the user names, if anything is."""
    if not named.any():
        return f"--alb {alb}: no connection has such an address"
    ends = traffic.connections[["client", "server"]]
    # What a load balancer asks of its own host is no sign that others are taken for it.
    both = named[ends["client"]] & named[ends["server"]] & (ends["client"] != ends["server"])
    if not both.any():
        return ""
    return (
        f"--alb {alb}: both ends of {words.counted(int(both.sum()), 'connection')} lie there; name the "
        "addresses of one load balancer alone, without its clients and backends"
    )


def _legs(traffic: Traffic, endpoints: Endpoints, roles: Roles) -> np.ndarray:
    """Each connection's leg, by its endpoints; what touches no load balancer keeps none."""
    connections, at = traffic.connections, endpoints.of_connection
    to_listener = roles.listeners[at]
    from_alb = roles.senders[connections["client"]] & ~to_listener
    leg = np.zeros(len(connections), "u1")
    leg[to_listener] = t.LEG_FRONTEND
    leg[from_alb] = t.LEG_BACKEND
    rest = leg == t.LEG_UNKNOWN
    own_address = np.zeros(len(traffic.addresses), "?")
    own_address[endpoints.address[roles.listeners]] = True
    own_address |= roles.senders
    leg[rest & own_address[connections["server"]] & ~roles.backends[at]] = t.LEG_FRONTEND
    leg[rest & _vain_knocks(traffic, endpoints, roles)] = t.LEG_FRONTEND
    return leg


def _vain_knocks(traffic: Traffic, endpoints: Endpoints, roles: Roles) -> np.ndarray:
    """Connections without an answer, from a frontend client to a port where the load balancer listens.

    They went to another of its addresses: a node that cannot be reached.
    """
    connections, at = traffic.connections, endpoints.of_connection
    to_listener = roles.listeners[at]
    is_client = np.zeros(len(traffic.addresses), "?")
    is_client[connections["client"][to_listener]] = True
    ports = distinct(connections["server_port"][to_listener])
    silent = (connections["flags"] & (t.CONN_SYN | t.CONN_SYNACK)) == t.CONN_SYN
    knocks = silent & is_client[connections["client"]] & among(connections["server_port"], ports)
    return knocks & ~roles.backends[at]


def _alb_addresses(traffic: Traffic, endpoints: Endpoints, roles: Roles) -> tuple[str, ...]:
    """Its addresses that the capture shows, those of listeners first."""
    listening = distinct(endpoints.address[roles.listeners])
    sending = without(np.flatnonzero(roles.senders), listening)
    rows = np.concatenate([listening, sending]).astype("i8")[:_MOST_SHOWN].tolist()
    return tuple(traffic.addresses[row] for row in rows)


def networks(alb: Sequence[str]) -> list[ipaddress.IPv4Network | ipaddress.IPv6Network]:
    """The addresses and networks that ``--alb`` names; PcapdiagError where it names neither."""
    return [_network(text) for text in alb]


def _network(text: str) -> ipaddress.IPv4Network | ipaddress.IPv6Network:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError as error:
        raise PcapdiagError(f"--alb {text}: neither an address nor a network such as 10.0.0.0/24") from error


def _at_networks(
    addresses: Sequence[str], networks: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]
) -> np.ndarray:
    """Which addresses lie in one of the networks."""
    inside = np.zeros(len(addresses), "?")
    if networks:
        for row, text in enumerate(addresses):
            address = ipaddress.ip_address(text)
            inside[row] = any(address in network for network in networks)
    return inside
