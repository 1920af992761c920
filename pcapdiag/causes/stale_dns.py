"""Clients keep to one address of the load balancer, whatever DNS says.

What the wire shows
    Requests whose Host is an IP address, to one of several addresses of the load balancer; other clients
    use its name. Or requests by name to an address that the DNS answers in the capture no longer give.

Why it happens
    An address was written into a client's configuration, or resolved once and kept for ever. A load
    balancer's addresses change as it scales; load does not spread over those a client does not use, and one
    day the address is gone. Alibaba Cloud answers 503 when such clients overload one address.

What to do
    Configure the name. Let clients resolve it again when its time to live (AWS: 60 s) is over; in Java set
    networkaddress.cache.ttl.

What it could be mistaken for
    alb-node-unreachable: there the address does not answer. A load balancer with one address, or one that
    all its clients call by its address, is not judged.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import claims
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.columns import among, distinct
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "stale-dns",
    Severity.WARNING,
    legs=("frontend",),
    statuses=(503,),
    mistaken_for=(("alb-node-unreachable", "the address these clients use does answer"),),
)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    mine = traffic.leg == t.LEG_FRONTEND
    if len(distinct(traffic.connections["server"][mine])) < 2:
        return
    yield from _kept_addresses(traffic)
    if len(traffic.alb) >= 2:
        yield from _literal_addresses(traffic)


def _kept_addresses(traffic: Traffic) -> Iterator[Finding]:
    """Requests for a name to an address that DNS never gave for it, while it gave others that are used."""
    if not traffic.dns:
        return
    exchanges = traffic.exchanges
    server = traffic.connections["server"]
    frontend = np.flatnonzero(traffic.exchange_leg == t.LEG_FRONTEND)
    chosen: list[np.ndarray] = []
    given_for: set[str] = set()
    for host in distinct(exchanges["host"][frontend]).tolist():
        given = traffic.dns.get(_name(traffic.strings[host]), {})
        rows = frontend[exchanges["host"][frontend] == host]
        to = server[exchanges["connection"][rows]]
        current = [row for row in distinct(to).tolist() if traffic.addresses[row] in given]
        if not current:
            continue  # DNS was not seen for this name, or what it gave is not what is used here at all
        known_ns = min(given.values())
        opened_ns = traffic.connections["first_ns"][exchanges["connection"][rows]]
        kept = rows[~among(to, current) & (opened_ns > known_ns)]
        if len(kept):
            chosen.append(kept)
            given_for.update(given)
    if not chosen:
        return
    kept = np.sort(np.concatenate(chosen))
    used = [traffic.addresses[row] for row in distinct(server[exchanges["connection"][kept]]).tolist()]
    names = claims.involved(traffic, kept, t.LEG_FRONTEND)
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_FRONTEND,
        title=(
            f"{claims.of_requests(traffic, t.LEG_FRONTEND)} of {claims.who(names, 'clients')} were made to "
            f"{claims.who(used, 'addresses')}; DNS gives {claims.who(sorted(given_for), 'addresses')}"
        ),
        explanation=(
            "The DNS answers in this capture do not name the address these requests went to, and others "
            "follow them. The client resolved the name before, and kept what it got."
        ),
        remedy=(
            "Let the client resolve the name again when its time to live is over (Java: "
            "networkaddress.cache.ttl; nginx: resolver with a variable in proxy_pass).",
            "Restart the client, or close its pooled connections, to move it now.",
        ),
        exchanges=kept,
        facts={"kept_addresses": used, "dns_addresses": sorted(given_for)},
        note="a request to an address that DNS does not give",
    )


def _name(host: str) -> str:
    """A Host field as DNS spells it: without port and last dot, in lower case."""
    return host.partition(":")[0].rstrip(".").lower()


def _literal_addresses(traffic: Traffic) -> Iterator[Finding]:
    """Requests whose Host is an address, where others use the name."""
    exchanges = traffic.exchanges
    frontend = traffic.exchange_leg == t.LEG_FRONTEND
    literal = frontend & ((exchanges["flags"] & t.REQ_HOST_IP) != 0)
    rows = np.flatnonzero(literal)
    if not len(rows):
        return
    server = traffic.connections["server"]
    used = server[exchanges["connection"][rows]]
    others = np.flatnonzero(frontend & ~literal)
    by_name = distinct(server[exchanges["connection"][others]])
    if not len(by_name) or (among(by_name, used).all() and len(by_name) < 2):
        return
    addresses = [traffic.addresses[row] for row in distinct(used).tolist()]
    names = claims.involved(traffic, rows, t.LEG_FRONTEND)
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_FRONTEND,
        title=(
            f"{claims.of_requests(traffic, t.LEG_FRONTEND)} of {claims.who(names, 'clients')} were made to "
            f"the literal address {claims.who(addresses, 'addresses')}; others use the load balancer's name"
        ),
        explanation=(
            f"Their Host field is an IP address. Clients that use the name are spread over {len(by_name)} "
            "addresses."
        ),
        remedy=(
            "Configure the load balancer's name in place of its address.",
            "Let clients resolve the name again when its time to live is over (Java: "
            "networkaddress.cache.ttl).",
        ),
        exchanges=rows,
        facts={"literal_addresses": addresses, "addresses_by_name": len(by_name)},
        note="a request whose Host is an address",
    )
