"""Clients' SYNs to the load balancer are never answered.

What the wire shows
    SYN after SYN to the same address and port of the load balancer, and no answer.

Why it happens
    The load balancer's security group, a network ACL or a firewall on the way drops them, the listener's
    port is not allowed, or there is no route (a public client and an internal load balancer).

What to do
    Allow the port in the load balancer's security group and in the subnets' network ACLs, the way back
    (ephemeral ports) too. Check that clients resolve the name to the right load balancer.

What it could be mistaken for
    alb-node-unreachable: there other addresses of the same load balancer answer. frontend-packet-loss: there
    a later SYN is answered. Where only one direction was captured, nothing can be said.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag import words
from pcapdiag.causes import attempts, claims, nodes
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic, endpoint

CAUSE = Cause(
    "frontend-connect-timeout",
    Severity.ERROR,
    legs=("frontend",),
    mistaken_for=(
        ("alb-node-unreachable", "it is not one of several addresses that is silent"),
        ("frontend-packet-loss", "no SYN at all was answered"),
    ),
    on_backend="backend-connect-timeout",
)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    rows = attempts.unanswered(traffic, t.LEG_FRONTEND)
    rows = rows[~nodes.silent(traffic, rows)]
    if not len(rows):
        return
    connections = traffic.connections[rows]
    names = claims.peers(traffic, rows, t.LEG_FRONTEND)
    listeners, counts = np.unique(attempts.port_keys(traffic, rows), return_counts=True)
    worst = int(listeners[np.argmax(counts)])
    listener = endpoint(traffic.addresses[worst >> 16], worst & 0xFFFF)
    syns = int(connections["syns"].sum())
    waited_s = claims.median((connections["last_ns"] - connections["first_ns"]) / 1e9)
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_FRONTEND,
        title=(
            f"{{count}} connection attempt{'s' if len(rows) > 1 else ''} of {claims.who(names, 'clients')} "
            f"to {listener} got no answer to {words.counted(syns, 'SYN')}"
        ),
        explanation="The SYNs were repeated and nothing came back, no RST and no ICMP message.",
        remedy=(
            f"Allow {listener} in {'the load balancer' if traffic.alb else 'that host'}'s security group and "
            "the subnets' network ACLs, both ways.",
            "See whether that listener exists, and whether these clients have a route to it.",
        ),
        connections=rows,
        facts={
            "syns": syns,
            "median_tried_s": waited_s,
            "syn_schedule_s": attempts.schedule_s(traffic, int(rows[np.argmax(connections["syns"])])),
        },
        note="SYNs that nothing answered",
        kinds=(t.EVENT_SYN_RETRANSMISSION,),
    )
