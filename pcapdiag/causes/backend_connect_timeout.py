"""A backend never answered the load balancer's SYNs.

What the wire shows
    SYN after SYN to the same backend and no answer, until the load balancer gives up (AWS after 10 s,
    Alibaba Cloud 5 s). Recorded on the backend's host, its SYN-ACKs may be seen: then the way back is cut.

Why it happens
    A security group, network ACL or host firewall drops the packets, one way or the other; there is no
    route; the host is down, or its address belongs to nobody any more. The client gets 504.

What to do
    Allow the load balancer's subnets in the backend's security group and host firewall, and the way back
    (ephemeral ports) in the network ACLs. Check that the host is up, and the target group's address and port.

What it could be mistaken for
    backlog-overflow: there the same address and port goes on serving other connections meanwhile.
    backend-connect-refused: there the SYN is answered. A first SYN lost and the next one answered is packet
    loss.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag import words
from pcapdiag.causes import attempts, backlog, claims, holding, outcome
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.columns import union, without
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "backend-connect-timeout",
    Severity.ERROR,
    legs=("backend",),
    statuses=(504, 502, 503),
    outranks=("no-backend", "backend-error-status", "status-rewritten"),
    mistaken_for=(
        ("backlog-overflow", "the backend served no other connection on that port meanwhile"),
        ("backend-connect-refused", "nothing answered the SYN"),
        ("backend-packet-loss", "no SYN at all got through"),
    ),
)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    connections = attempts.unanswered(traffic, t.LEG_BACKEND)
    connections = connections[~backlog.served_meanwhile(traffic, connections)]
    connections = connections[~backlog.perhaps_served(traffic, connections)]
    connections = without(connections, backlog.lost_by_chance(traffic))
    connections = without(connections, backlog.dropped(traffic)).astype("i8")
    if not len(connections):
        return
    failed = outcome.of_attempts(traffic, connections)
    held = holding.held_down(traffic, connections, failed.exchanges)
    rows = traffic.connections[connections]
    answered = int(((rows["flags"] & t.CONN_SYNACK) != 0).sum())
    # Where the answer was not seen, it waited at least from the first SYN to the last.
    seen_s = (rows["last_ns"] - rows["first_ns"]) / 1e9
    waits_s = np.where(np.isnan(failed.waited_s), seen_s, failed.waited_s)
    names = claims.peers(traffic, connections, t.LEG_BACKEND)
    waited_s = claims.median(waits_s)
    limit_s = profile.backend_connect_timeout_s
    yard = f" ({profile.title}: {words.seconds(limit_s)})" if limit_s is not None else ""
    repeated = bool((rows["syns"] > 1).any())
    # A lone SYN takes no time: how long it was waited for is not seen, but that no repeat came is.
    after = f"after {words.seconds(waited_s)}{yard}" if waited_s or repeated else "before its first repeat"
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_BACKEND,
        title=(
            f"{claims.who(names)} did not answer {words.counted(int(rows['syns'].sum()), 'SYN')} of "
            f"{words.counted(len(connections), 'connection')}; the load balancer gave up {after}: "
            + claims.what_failed(failed)
        ),
        explanation=(
            f"The load balancer {'repeated' if repeated else 'sent'} its SYN and never got a handshake done."
            + (
                f" The backend did send SYN-ACKs on {words.counted(answered, 'connection')}: they do not "
                "get back to the load balancer."
                if answered
                else ""
            )
            + holding.told(held)
        ),
        remedy=(
            "Allow the load balancer's subnets in the backend's security group and host firewall (and the "
            "way back in the network ACLs).",
            f"See whether the host is up and has that address, first {names[0]}; compare the target group's "
            "port.",
        ),
        exchanges=union(failed.exchanges, held).astype("i8"),
        connections=failed.connections,
        severity=failed.severity,
        facts={
            "waited_s": waited_s,
            "connections": len(connections),
            "syns": int(rows["syns"].sum()),
            "syn_schedule_s": attempts.schedule_s(traffic, int(connections[np.argmax(rows["syns"])])),
            "answered_by_syn_ack": answered,
            "held_down_requests": len(held),
        },
        shown_by=connections,
        note="SYNs that nothing answered",
        kinds=(t.EVENT_SYN_RETRANSMISSION, t.EVENT_SYNACK_RETRANSMISSION),
    )
