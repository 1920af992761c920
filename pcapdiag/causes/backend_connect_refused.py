"""A backend, or a firewall before it, refused the load balancer's connection.

What the wire shows
    RST, or an ICMP "destination unreachable" of any code, answers the load balancer's SYN at once.

Why it happens
    Nothing listens on that address and port: the service is stopped, crashed, still starting, bound to
    127.0.0.1 only, or the target group has the wrong port. Or a firewall rejects (REJECT) in place of
    dropping. AWS and Alibaba Cloud answer 502; HAProxy 503.

What to do
    On the backend: is the process up and listening there (ss -lnt)? Compare the port with the target
    group's. Look at the firewall's REJECT rules. Let health checks take such a backend out of service.

What it could be mistaken for
    backend-connect-timeout: there nothing answers the SYN. backlog-overflow with tcp_abort_on_overflow:
    there the SYN is answered by SYN-ACK and the RST follows the handshake.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcapdiag import tables as t
from pcapdiag import words
from pcapdiag.causes import attempts, claims, endings, holding, outcome, probes
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.columns import union, without
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "backend-connect-refused",
    Severity.ERROR,
    legs=("backend",),
    statuses=(502, 503),
    outranks=("no-backend", "backend-error-status", "status-rewritten"),
    mistaken_for=(
        ("backend-connect-timeout", "the SYN was answered, by a refusal"),
        ("backlog-overflow", "no handshake was done"),
        ("backend-reset", "no connection had been made"),
    ),
)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    connections = attempts.refused(traffic, t.LEG_BACKEND)
    if endings.captured_in_part(traffic):
        # Nobody knows what became of every request: these may have been health checks.
        connections = without(connections, probes.failed_attempts(traffic))
    if not len(connections):
        return
    failed = outcome.of_attempts(traffic, connections)
    held = holding.held_down(traffic, connections, failed.exchanges)
    by_rst = int(((traffic.connections["flags"][connections] & t.CONN_REFUSED) != 0).sum())
    names = claims.peers(traffic, connections, t.LEG_BACKEND)
    icmp = "" if by_rst == len(connections) else f", {len(connections) - by_rst} of them by ICMP unreachable"
    tried = f"refused {words.counted(len(connections), 'connection')}{icmp}"
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_BACKEND,
        title=f"{claims.who(names)} {tried}: {claims.what_failed(failed)}",
        explanation=(
            "The load balancer's SYN was answered at once by a refusal: nothing listens on that address "
            "and port, or a firewall there rejects." + holding.told(held)
        ),
        remedy=(
            "See whether the service is up and listens on that address and port (ss -lnt), first on "
            f"{names[0]}.",
            "Compare the port with the target group's; look for firewall rules that REJECT.",
            "Let health checks take such a backend out of service sooner.",
        ),
        exchanges=union(failed.exchanges, held).astype("i8"),
        connections=failed.connections,
        severity=failed.severity,
        facts={
            "refused_connections": len(connections),
            "by_rst": by_rst,
            "by_icmp": len(connections) - by_rst,
            "held_down_requests": len(held),
        },
        shown_by=connections,
        note="the SYN and its refusal",
        kinds=(t.EVENT_ICMP,),
    )
