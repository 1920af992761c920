"""Some of the load balancer's addresses never answer, while others do.

What the wire shows
    Clients' SYNs to one or more addresses of the load balancer are never answered; on the same port its
    other addresses accept connections. Clients that DNS sends to the silent one time out: intermittently.

Why it happens
    A node of the load balancer lies in a subnet that cannot be reached: no route to the Internet gateway or
    over the VPN, a network ACL of that subnet only, a full subnet, a zone that is impaired.

What to do
    Compare the subnets (route table, network ACL) of the silent address with those of the others. Take that
    zone out of the load balancer (and so out of DNS) until it is put right.

What it could be mistaken for
    frontend-connect-timeout: there no address answers on that port.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcapdiag import tables as t
from pcapdiag.causes import attempts, claims, nodes
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.columns import distinct
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "alb-node-unreachable",
    Severity.ERROR,
    legs=("frontend",),
    outranks=("frontend-connect-timeout", "stale-dns"),
    mistaken_for=(
        ("frontend-connect-timeout", "other addresses of the same load balancer answer on that port"),
    ),
)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    rows = attempts.unanswered(traffic, t.LEG_FRONTEND)
    rows = rows[nodes.silent(traffic, rows)]
    if not len(rows):
        return
    dead = [traffic.addresses[row] for row in distinct(traffic.connections["server"][rows]).tolist()]
    tried = nodes.tries_by_address(traffic)
    shares = [f"{address}: {failed} of {total}" for address, (total, failed) in tried.items()]
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_FRONTEND,
        title=(
            f"{{count}} connection attempt{'s' if len(rows) > 1 else ''} to {claims.who(dead, 'addresses')} "
            "got no answer; the load balancer's other addresses answer on that port"
        ),
        explanation=f"Attempts unanswered by address: {', '.join(shares)}.",
        remedy=(
            f"Compare route table and network ACL of the subnet of {dead[0]} with those of the other "
            "addresses.",
            "Take that zone out of the load balancer, and so out of DNS, until it is put right.",
        ),
        connections=rows,
        facts={"silent_addresses": dead, "unanswered_by_address": shares},
        note="SYNs to an address that answers nobody",
        kinds=(t.EVENT_SYN_RETRANSMISSION,),
    )
