"""Clients reach the load balancer by a literal address, not by its name.

What the wire shows
    Requests whose Host is an IP address, to one of several addresses of the load balancer; other clients
    use its name.

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
    if len(traffic.alb) < 2 or len(np.unique(traffic.connections["server"][mine])) < 2:
        return
    exchanges = traffic.exchanges
    frontend = traffic.exchange_leg == t.LEG_FRONTEND
    literal = frontend & ((exchanges["flags"] & t.REQ_HOST_IP) != 0)
    rows = np.flatnonzero(literal)
    if not len(rows):
        return
    server = traffic.connections["server"]
    used = server[exchanges["connection"][rows]]
    others = np.flatnonzero(frontend & ~literal)
    by_name = np.unique(server[exchanges["connection"][others]])
    if not len(by_name) or (np.isin(by_name, used).all() and len(by_name) < 2):
        return
    addresses = [traffic.addresses[row] for row in np.unique(used).tolist()]
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
