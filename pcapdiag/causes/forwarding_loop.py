"""The request went round in a circle of proxies, and the load balancer broke it.

What the wire shows
    463. On Alibaba Cloud the request's ALICLOUD-ALB-TRACE holds the same hash twice, or more than 16 of
    them (each load balancer adds one); on AWS its X-Forwarded-For holds more than 30 addresses.

Why it happens
    A forwarding rule whose backends lead back to the same load balancer: a server group with the load
    balancer's own address, DNS that resolves the origin's name to the load balancer, a CDN and a load
    balancer that name each other as origin. On AWS also a client that sends a long X-Forwarded-For of its
    own.

What to do
    Follow the addresses in the header field from the left: where they begin to repeat is the circle. Point
    that hop at the real backend. Where clients forge the field, let the first proxy replace it.

What it could be mistaken for
    alb-policy-response: 463 has this one meaning. A long way through many proxies, within the limit, is
    no loop and gets no 463.
"""

from __future__ import annotations

from collections.abc import Iterator

from pcapdiag import tables as t
from pcapdiag.causes import claims, endings, reading
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "forwarding-loop",
    Severity.ERROR,
    legs=("frontend", "backend"),
    statuses=(463,),
    outranks=("alb-policy-response", "backend-error-status"),
    mistaken_for=(("alb-policy-response", "463 is made for loops only"),),
)

LOOP = 463
TRACE, FORWARDED_FOR = "ALICLOUD-ALB-TRACE", "X-Forwarded-For"


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    rows = endings.errors(traffic)
    rows = rows[traffic.exchanges["status"][rows] == LOOP]
    rows = rows[endings.has_flag(traffic, rows, t.REQ_SEEN)]
    on_frontend = rows[endings.on_leg(traffic, t.LEG_FRONTEND)[rows]]
    leg = t.LEG_FRONTEND if len(on_frontend) else t.LEG_BACKEND
    rows = on_frontend if len(on_frontend) else rows
    if not len(rows):
        return
    heads = reading.request_heads(traffic, rows)
    hops = max((len(reading.listed(head, FORWARDED_FOR)) for head in heads), default=0)
    hashes = [reading.listed(head, TRACE) for head in heads]
    longest = max((len(trace) for trace in hashes), default=0)
    repeated = next((h for trace in hashes for h in trace if trace.count(h) > 1), "")
    limit = profile.max_forwarding_hops
    yield claims.finding(
        traffic,
        CAUSE,
        leg,
        title=(
            f"{claims.of_requests(traffic, leg)} were answered 463, a forwarding loop"
            + _seen(hops, longest, repeated)
            + (f" ({profile.title} allows {limit})" if limit is not None and not repeated else "")
        ),
        explanation="The load balancer saw by the request's forwarding fields that it came round again, or "
        "by "
        "their number that it may have, and ended the circle with 463.",
        remedy=(
            "Follow the addresses in the forwarding field from the left; where they repeat, a hop leads "
            "back to this load balancer. Point it at the real backend.",
            "Look for a server group, DNS name or CDN origin that resolves to the load balancer itself.",
        ),
        exchanges=rows,
        facts={
            "forwarded_for_addresses": hops,
            "trace_hashes": longest,
            **({"repeated_hash": repeated} if repeated else {}),
            **({"alb_limit_hops": limit} if limit is not None else {}),
        },
        note="the request with its forwarding fields, and 463",
    )


def _seen(hops: int, hashes: int, repeated: str) -> str:
    """What the forwarding fields show, the surest sign first."""
    if repeated:
        return f": {TRACE} holds the hash {repeated} more than once"
    if hashes:
        return f": {TRACE} holds {hashes} hashes"
    return f": {FORWARDED_FOR} holds {hops} addresses" if hops else ""
