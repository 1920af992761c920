"""Who is the load balancer: at which endpoints it listens, from which addresses it asks its backends.

The evidence, the strongest first; a weaker kind is asked only where the stronger ones are silent:

1. the user names its addresses;
2. requests pass through it (``passing.py``), be it by two clocks (``across.py``);
3. an address that accepts HTTP, or what TLS hides, from others and opens connections to others;
4. requests follow at once on what came to a TLS listener at another address, or TLS on requests
   (``echoes.py``);
5. answers that only a load balancer makes (``Server: awselb/2.0``) tell its listener;
6. requests with forwarding headers, and health checks, tell the addresses it asks from;
7. so do requests written, and servers tried, as only load balancers do (``handwriting.py``).

From one side the other is then sought: a client that a forwarding header names came in by a listener. Of
several proxies in a row the outermost is taken. Nothing is claimed of the rest.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from pcapdiag import tables as t
from pcapdiag.columns import among, distinct
from pcapdiag.legs.echoes import echoes, relays
from pcapdiag.legs.endpoints import Endpoints, exchanges_with, may_be_http
from pcapdiag.legs.handwriting import forwarding_senders, handwriting_senders
from pcapdiag.legs.hashes import address_hashes
from pcapdiag.legs.heads import sampled_heads
from pcapdiag.legs.passing import passages
from pcapdiag.profiles import load_profile
from pcapdiag.traffic import Traffic

_IN_LOGS_ONLY = {460, 499}  # never sent: the client is gone


@dataclass
class Roles:
    """What is known of the load balancer: a bool for each endpoint, or for each address."""

    listeners: np.ndarray  # endpoints where it takes client connections
    senders: np.ndarray  # addresses it opens backend connections from
    backends: np.ndarray  # endpoints it asks
    reasons: list[str] = field(default_factory=list)

    @property
    def known(self) -> bool:
        return bool(self.listeners.any() or self.senders.any())


def find_roles(traffic: Traffic, endpoints: Endpoints, named: np.ndarray) -> Roles:
    """The roles in this capture; ``named`` are the addresses (a bool each) that the user says are its."""
    none = np.zeros(len(endpoints.address), "?")
    roles = Roles(none.copy(), np.zeros(len(traffic.addresses), "?"), none.copy())
    passing = passages(traffic, endpoints)
    if named.any():
        _take_named(roles, endpoints, passing, named)
    elif len(passing):
        _take_passing(roles, endpoints, passing)
    else:
        _take_middle(roles, traffic, endpoints)
    if not roles.known:
        _take_echoes(roles, traffic, endpoints)
    if not roles.known:
        _take_relays(roles, traffic, endpoints)
    if not roles.known:
        _take_own_answers(roles, traffic, endpoints)
        _take_marked_senders(roles, traffic, endpoints)
    if not roles.known:
        _take_handwriting(roles, traffic, endpoints)
    if roles.known:
        _seek_other_side(roles, traffic, endpoints)
    return roles


def _take_named(roles: Roles, endpoints: Endpoints, passing: np.ndarray, named: np.ndarray) -> None:
    """The user's addresses, and the other addresses that requests which pass through them use."""
    here = passing[named[endpoints.address[passing["outer"]]] | named[passing["sender"]]]
    roles.listeners |= endpoints.at(named)
    roles.listeners[here["outer"]] = True
    roles.senders |= named
    roles.senders[here["sender"]] = True
    roles.backends[here["inner"]] = True
    roles.listeners &= ~roles.backends | among(np.arange(len(roles.listeners)), here["outer"])
    roles.reasons.append("named by --alb")


def _take_passing(roles: Roles, endpoints: Endpoints, passing: np.ndarray) -> None:
    """Requests pass through it. Of proxies in a row, the one whose listener no other proxy asks."""
    outermost = passing[~among(passing["outer"], passing["inner"])]
    chosen = outermost if len(outermost) else passing
    roles.listeners[chosen["outer"]] = True
    roles.senders[chosen["sender"]] = True
    roles.backends[chosen["inner"]] = True
    times = int(chosen["times"].sum())
    roles.reasons.append(f"{times:,} of the requests sampled came to it and were sent on by it")


def _take_middle(roles: Roles, traffic: Traffic, endpoints: Endpoints) -> None:
    """Addresses that take HTTP or TLS from others and open connections to others."""
    connections = traffic.connections
    web = may_be_http(traffic) & (connections["client"] != connections["server"])
    spoke = web & (connections["protocol"] != t.PROTOCOL_NONE)
    total = len(traffic.addresses)
    accepts = np.bincount(connections["server"][spoke], minlength=total) > 0
    opens = np.bincount(connections["client"][web], minlength=total) > 0
    middle = accepts & opens & ~_only_calls_others(traffic)
    asked_by_middle = (
        np.bincount(connections["server"][web & middle[connections["client"]]], minlength=total) > 0
    )
    outermost = middle & ~asked_by_middle
    middle = outermost if outermost.any() else middle
    if middle.any():
        roles.listeners |= endpoints.at(middle)
        roles.senders |= middle
        roles.reasons.append("it takes connections and opens others")


def _only_calls_others(traffic: Traffic) -> np.ndarray:
    """Addresses whose own requests are none of those they receive: an application that uses a service.

    Known only of those seen to answer in clear and to ask in clear; ``passages`` found none of them to send
    anything on. One that adds a forwarding header to what came without it is a proxy all the same.
    """
    connections, exchanges = traffic.connections, traffic.exchanges
    client, server = (connections[side][exchanges["connection"]] for side in ("client", "server"))
    total = len(traffic.addresses)
    health = (exchanges["flags"] & t.REQ_HEALTH) != 0
    marked = (exchanges["flags"] & t.REQ_FORWARDED) != 0
    answers = np.bincount(server[(exchanges["status"] < 500) & ~health], minlength=total) > 0
    asks = np.bincount(client[~health], minlength=total) > 0
    adds_mark = np.bincount(client[marked], minlength=total) > 0
    adds_mark &= np.bincount(server[marked], minlength=total) == 0
    return answers & asks & ~adds_mark


def _take_echoes(roles: Roles, traffic: Traffic, endpoints: Endpoints) -> None:
    """Addresses that ask in clear right after something came in TLS, and where that came to.

    Of a load balancer known on one leg only, the other is sought so.
    """
    seen = roles.senders[traffic.connections["client"]].any()
    senders = roles.senders if seen else np.ones(len(roles.senders), "?")
    listeners = roles.listeners if roles.listeners.any() else np.ones(len(roles.listeners), "?")
    found = echoes(traffic, endpoints, senders, listeners)
    for echo in found:
        roles.listeners[echo.listener] = True
        roles.senders[echo.sender] = True
    if found:
        times = sum(echo.times for echo in found)
        asked = sum({echo.sender: echo.asked for echo in found}.values())
        roles.reasons.append(
            f"{times:,} of {asked:,} requests sampled followed at once on what came to it in TLS"
        )


def _take_relays(roles: Roles, traffic: Traffic, endpoints: Endpoints) -> None:
    """Endpoints to which requests come in clear, and addresses that at once send something on in TLS."""
    found = relays(traffic, endpoints)
    for relay in found:
        roles.listeners[relay.listener] = True
        roles.senders[relay.sender] = True
    if found:
        times = sum(relay.times for relay in found)
        roles.reasons.append(
            f"{times:,} of the requests sampled were followed at once by what it sent in TLS"
        )


def _take_own_answers(roles: Roles, traffic: Traffic, endpoints: Endpoints) -> None:
    """Where answers come from that only a load balancer gives: by Server field, throttling field, status."""
    exchanges = traffic.exchanges
    aws = load_profile("aws")
    servers = [row for row, text in enumerate(traffic.servers) if row and text in aws.own_server_names]
    statuses = sorted({*aws.own_statuses, *load_profile("alibaba").own_statuses} - _IN_LOGS_ONLY)
    for answered, reason in (
        (among(exchanges["server"], servers), f"it answers as {' or '.join(aws.own_server_names)}"),
        ((exchanges["flags"] & t.RSP_THROTTLED) != 0, "it answers with ALB-QPS-Limited"),
        (among(exchanges["status"], statuses), "it answers with a status that only load balancers use"),
    ):
        if answered.any():
            roles.listeners[endpoints.of_connection[exchanges["connection"][answered]]] = True
            roles.reasons.append(reason)


def _take_marked_senders(roles: Roles, traffic: Traffic, endpoints: Endpoints) -> None:
    """Addresses most of whose requests carry a forwarding header, or that send health checks.

    Not those that ask a known listener (a CDN in front marks its requests too), nor those that another such
    address asks (a backend that hands the header on).
    """
    connections, total = traffic.connections, len(traffic.addresses)
    client, server = connections["client"], connections["server"]
    asked = np.bincount(client[traffic.exchanges["connection"]], minlength=total)
    in_front = np.bincount(client[roles.listeners[endpoints.of_connection]], minlength=total) > 0
    for flag, reason in (
        (t.REQ_FORWARDED, "its requests carry forwarding headers"),
        (t.REQ_HEALTH, "it sends health checks"),
    ):
        marked = np.bincount(client, exchanges_with(traffic, flag), minlength=total)
        senders = (marked > 0) & (2 * marked >= asked) & ~in_front
        behind = np.bincount(server[senders[client]], minlength=total) > 0
        senders &= ~behind
        if (senders & ~roles.senders).any():
            roles.senders |= senders
            roles.reasons.append(reason)


def _take_handwriting(roles: Roles, traffic: Traffic, endpoints: Endpoints) -> None:
    """Addresses that write requests or try servers as load balancers do; not those that another one asks."""
    heads = sampled_heads(traffic)
    if not heads:
        return
    client, server = traffic.connections["client"], traffic.connections["server"]
    found = [forwarding_senders(traffic, heads)]
    forwarding = found[0][0].any()
    if not forwarding:
        found = handwriting_senders(traffic, endpoints, heads)
    for senders, reason in found:
        behind = np.bincount(server[senders[client]], minlength=len(senders)) > 0
        if (senders & ~behind).any():
            roles.senders |= senders & ~behind
            roles.reasons.append(reason)
    if roles.known and not forwarding:
        roles.reasons[-1] += "; if it is a client, name the load balancer with --alb"


def _seek_other_side(roles: Roles, traffic: Traffic, endpoints: Endpoints) -> None:
    """From the senders to the backends, their other senders, and the listeners; or the other way."""
    connections, at = traffic.connections, endpoints.of_connection
    if not roles.senders[connections["client"]].any():
        _take_echoes(roles, traffic, endpoints)
    sent = roles.senders[connections["client"]] & ~roles.listeners[at]
    roles.backends[at[sent]] = True
    marks = exchanges_with(traffic, t.REQ_FORWARDED | t.REQ_HEALTH) > 0
    roles.senders[connections["client"][marks & roles.backends[at] & ~roles.listeners[at]]] = True
    if not roles.listeners.any():
        came_in = _named_clients(roles, traffic)[connections["client"]] | _asks_the_same(
            roles, traffic, endpoints
        )
        came_in &= may_be_http(traffic) & ~roles.backends[at] & ~roles.senders[connections["client"]]
        roles.listeners[at[came_in]] = True
    if not roles.listeners[at].any():
        _take_echoes(roles, traffic, endpoints)


def _named_clients(roles: Roles, traffic: Traffic) -> np.ndarray:
    """Addresses that the forwarding headers on the backend leg name."""
    on = traffic.connections["client"][traffic.exchanges["connection"]]
    named = distinct(traffic.exchanges["forwarded"][roles.senders[on]])
    return among(address_hashes(traffic.addresses), named[named != 0])


def _asks_the_same(roles: Roles, traffic: Traffic, endpoints: Endpoints) -> np.ndarray:
    """Connections to endpoints most of whose requests are also made on the backend leg, whenever that was.

    Two vantage points with two clocks have no order in time yet.
    """
    exchanges = traffic.exchanges
    on = exchanges["connection"]
    request = exchanges["target"].astype("u8") << 8 | exchanges["method"]
    sent = roles.senders[traffic.connections["client"][on]]
    again = among(request, distinct(request[sent])) & ~sent
    at = endpoints.of_connection
    total = np.bincount(at[on[~sent]], minlength=len(endpoints.address))
    same = np.bincount(at[on[again]], minlength=len(endpoints.address))
    return ((same > 0) & (2 * same >= total))[at]
