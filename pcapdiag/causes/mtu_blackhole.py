"""Full-size segments vanish on the path while small ones pass: its MTU is smaller than both ends believe.

What the wire shows
    Segments of the full size are sent again and again and never acknowledged, while smaller ones between the
    same two addresses are. Recorded behind the narrow place, only the small ones ever arrive, around a hole
    that is never filled. Sometimes an ICMP "fragmentation needed" or "packet too big" was there to tell.

Why it happens
    A tunnel, VPN, peering or container network on the path carries smaller packets than the interfaces at
    its ends, and the ICMP message that would tell the sender is filtered (a security group or firewall that
    drops all ICMP). Load balancer nodes use jumbo frames (AWS: MTU 9001), so a path may pass between
    instances and not across a gateway. Handshakes and small requests work; uploads and pages hang until a
    time-out: 502 or 504, or 408 when the client's upload hangs.

What to do
    Let ICMP type 3 code 4 (IPv6: type 2) through security groups, network ACLs and firewalls. Lower the
    interface's MTU or clamp the MSS to the narrow path (iptables --clamp-mss-to-pmtu). Linux:
    net.ipv4.tcp_mtu_probing=1 finds its way without ICMP.

What it could be mistaken for
    backend-packet-loss and frontend-packet-loss: loss does not ask for size. backend-response-timeout:
    there the request was acknowledged whole and no response was sent.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag import words
from pcapdiag.causes import claims, endings, evidence, outcome, paths
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.columns import among, distinct, union
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "mtu-blackhole",
    Severity.ERROR,
    legs=("frontend", "backend"),
    statuses=(408, 502, 504),
    outranks=(
        "backend-packet-loss",
        "frontend-packet-loss",
        "backend-response-timeout",
        "backend-reset",
        "backend-closed-before-response",
        "request-timeout",
        "client-closed-before-request",
        "client-closed-before-response",
        "response-content-length-mismatch",
        "slow-backend",
        "no-backend",
    ),
    mistaken_for=(
        ("backend-packet-loss", "only large segments are lost, and always"),
        (
            "backend-response-timeout",
            "the backend never got the whole request, or its response never arrived",
        ),
    ),
)


_SHOWN = {
    t.EVENT_RETRANSMISSION: "full-size segments, sent again and never acknowledged",
    t.EVENT_GAP: "what came after full-size segments that never arrived",
    t.EVENT_ICMP: "a router's ICMP message that the segment is too big",
}


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    holes = paths.blackholes(traffic)
    on_backend = traffic.leg[holes.connections] == t.LEG_BACKEND
    for leg, chosen in ((t.LEG_FRONTEND, ~on_backend), (t.LEG_BACKEND, on_backend)):
        chosen &= endings.judged(traffic, holes.connections)
        if chosen.any():
            yield _on_leg(traffic, leg, holes, chosen)


def _on_leg(traffic: Traffic, leg: int, holes: paths.Blackholes, chosen: np.ndarray) -> Finding:
    connections = distinct(holes.connections[chosen])
    lost, passed = int(holes.lost_bytes[chosen].min()), int(holes.passed_bytes[chosen].max())
    passed_on = dict(
        zip(holes.connections[chosen].tolist(), holes.passed_bytes[chosen].tolist(), strict=True)
    )
    downwards = int((holes.directions[chosen] == 1).sum())
    stuck, bare = _stuck(traffic, connections, holes.connections[chosen & holes.sent])
    exchanges, without = stuck, bare
    if leg == t.LEG_BACKEND:
        behind = outcome.of_attempts(traffic, bare)
        exchanges, without = union(stuck, behind.exchanges).astype("i8"), behind.connections
    mtu = _told_by_icmp(traffic, connections)
    names = claims.peers(traffic, connections, leg)
    what = claims.who(names, "backends" if leg == t.LEG_BACKEND else "clients")
    way = "from" if (downwards * 2 > int(chosen.sum())) == (leg == t.LEG_BACKEND) else "to"
    passes = f", segments of {passed:,} bytes pass" if passed else ""
    return claims.finding(
        traffic,
        CAUSE,
        leg,
        title=(
            f"{claims.of_requests(traffic, leg)} hung: segments of {lost:,} bytes {way} {what} never "
            f"arrive{passes}"
        ),
        explanation=(
            f"On {words.counted(len(connections), 'connection')} segments of {lost:,} bytes and more were "
            f"sent again and again, or left a hole that was never filled{passes.replace(',', ';', 1)} "
            "between the same addresses: what is lost depends on size."
            + (f" A router said that the path's MTU is {mtu:,} bytes." if mtu else "")
        ),
        remedy=(
            "Let ICMP type 3 code 4 (IPv6 type 2) through every security group, network ACL and firewall "
            "on the path.",
            "Lower the MTU of the sending interface, or clamp the MSS to the path's (iptables "
            "--clamp-mss-to-pmtu).",
            "On Linux senders, net.ipv4.tcp_mtu_probing=1 finds the size without ICMP.",
        ),
        exchanges=exchanges,
        connections=without,
        facts={
            "smallest_lost_bytes": lost,
            "largest_passed_bytes": passed,
            "connections": len(connections),
            **({"next_hop_mtu_bytes": mtu} if mtu else {}),
        },
        shown_by=connections,
        shown=evidence.of_events(traffic, passed_on, _SHOWN),
    )


def _stuck(traffic: Traffic, connections: np.ndarray, sent_on: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The exchanges of these connections that hung, and the connections on which a request never got in.

    A message with a hole in it, or not acknowledged, may look whole where it was recorded.
    """
    rows, bare = [], []
    for connection in connections.tolist():
        own = np.fromiter(traffic.of_connection(connection), "i8")
        hung = ~(endings.request_whole(traffic, own) & endings.response_whole(traffic, own))
        hung &= endings.has_flag(traffic, own, t.REQ_SEEN)  # else its request came before the capture
        # Of what only a short snaplen hides, all that another exchange came after had got through.
        hidden = endings.connection_flag(traffic, own, t.CONN_TRUNCATED)
        hung &= ~hidden | (traffic.exchanges["next"][own] == t.NONE)
        if len(own) and (connection in sent_on or _has_hole(traffic, int(own[-1]))):
            hung[-1] = True
        rows += own[hung].tolist()
        if not hung.any():
            bare.append(connection)
    return np.array(rows, "i8"), np.array(bare, "i8")


def _has_hole(traffic: Traffic, row: int) -> bool:
    """Whether bytes of this exchange, its connection's last, are among those that never arrived."""
    exchange = traffic.exchanges[row]
    connection = int(exchange["connection"])
    events = traffic.events_of(connection)
    holes = events[events["kind"] == t.EVENT_GAP]
    sent = int(traffic.connections["client_bytes"][connection])
    begins_at = sent - int(exchange["request_head"]) - int(exchange["request_body"])
    return bool(((holes["direction"] == 1) | (holes["a"] >= begins_at)).any())


def _told_by_icmp(traffic: Traffic, connections: np.ndarray) -> int:
    """The smallest next-hop MTU that an ICMP message named, 0 = none."""
    events = traffic.events[(traffic.events["kind"] == t.EVENT_ICMP) & (traffic.events["b"] > 0)]
    named = events["b"][among(events["connection"], connections)]
    return int(named.min()) if len(named) else 0
