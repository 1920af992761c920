"""The request target (path and query) is longer than whoever answered accepts.

What the wire shows
    A request line of many kilobytes, answered 414: by the load balancer, with no backend request behind it,
    or by a backend that the load balancer had passed it on to.

Why it happens
    A form sent with GET in place of POST, a filter or a list of ids written into the query, a redirect
    that wraps its own address again each time, a token or a SAML message in the query. Alibaba Cloud
    takes targets of up to 32 KB; AWS gives no number for 414 and answers 400 or 413 to request lines over
    16 KB; nginx stops at 8 KB (large_client_header_buffers), Apache at 8,190 bytes (LimitRequestLine).

What to do
    Send such data in the body of a POST. Where a redirect makes the target grow, stop the loop. A backend's
    limit below the load balancer's can be raised to it; the load balancer's own cannot.

What it could be mistaken for
    request-header-too-large: there a header field, or all of them together, is what is too long.
    backend-error-status: 414 needs no search in the backend, it names its reason.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import claims, endings, own_answers, reading
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "uri-too-long",
    Severity.ERROR,
    legs=("frontend", "backend"),
    statuses=(414,),
    outranks=("backend-error-status", "alb-policy-response", "malformed-request"),
    mistaken_for=(
        ("request-header-too-large", "the answer speaks of the target, not of a header field"),
        ("backend-error-status", "414 names its reason, whoever answered it"),
    ),
)

URI_TOO_LONG = 414  # RFC 9110, 15.5.15


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    rows = endings.errors(traffic)
    rows = rows[traffic.exchanges["status"][rows] == URI_TOO_LONG]
    rows = rows[endings.has_flag(traffic, rows, t.REQ_SEEN)]
    if not len(rows):
        return
    on_backend = traffic.exchange_leg[rows] == t.LEG_BACKEND
    if on_backend.any():
        yield _by_backend(traffic, profile, rows[on_backend])
    # What a backend answered is told on its leg; here remains what it was not asked.
    alone = rows[~on_backend & (traffic.peer[rows] == t.NONE)]
    if on_backend.any():  # a target that a short snaplen cuts, or the capture lacks, is not known again
        alone = alone[endings.heads_seen_whole(traffic, alone) & (not endings.misses_packets(traffic))]
    if len(alone):
        yield _at_frontend(traffic, profile, alone)


def _by_backend(traffic: Traffic, profile: Profile, rows: np.ndarray) -> Finding:
    names = claims.involved(traffic, rows, t.LEG_BACKEND)
    return claims.finding(
        traffic,
        CAUSE,
        t.LEG_BACKEND,
        title=(
            f"{claims.of_requests(traffic, t.LEG_BACKEND)} had a target too long for {claims.who(names)}: "
            f"{_longest(traffic, rows):,} bytes at the most"
        ),
        explanation=(
            "The load balancer passed these requests on, and the backend answered 414: its own limit is "
            "the lower one."
        ),
        remedy=(
            "Send such data in the body of a POST.",
            f"Or raise the limit of {names[0]} (nginx large_client_header_buffers, Apache LimitRequestLine).",
        ),
        exchanges=rows,
        severity=Severity.WARNING,
        facts=_facts(traffic, profile, rows),
        note="the long request, and the backend's 414",
    )


def _at_frontend(traffic: Traffic, profile: Profile, rows: np.ndarray) -> Finding:
    names = claims.involved(traffic, rows, t.LEG_FRONTEND)
    limit = profile.max_uri_bytes
    yard = f" ({profile.title}: {limit:,})" if limit is not None else ""
    by_alb = bool(own_answers.backend_beside(traffic, rows).all())
    return claims.finding(
        traffic,
        CAUSE,
        t.LEG_FRONTEND,
        title=(
            f"{claims.of_requests(traffic, t.LEG_FRONTEND)} from {claims.who(names, 'clients')} had a "
            f"target too long: {_longest(traffic, rows):,} bytes at the most{yard}"
        ),
        explanation=(
            "The load balancer answered 414 itself, and passed none of them on."
            if by_alb
            else "Whether the load balancer or a backend made the 414, the backend leg would tell."
        ),
        remedy=(
            "Send such data in the body of a POST.",
            "See whether a redirect makes the target grow at each turn.",
            "The clouds' limits are fixed; nginx has large_client_header_buffers, HAProxy tune.bufsize.",
        ),
        exchanges=rows,
        facts=_facts(traffic, profile, rows),
        note="the long request, and its 414",
    )


def _facts(traffic: Traffic, profile: Profile, rows: np.ndarray) -> claims.Facts:
    limit = profile.max_uri_bytes
    facts: claims.Facts = {"longest_target_bytes": _longest(traffic, rows)}
    return facts | ({"alb_limit_bytes": limit} if limit is not None else {})


def _longest(traffic: Traffic, rows: np.ndarray) -> int:
    """Bytes of the longest of these targets: as sent, where packets can be read; else at most the whole "
    "head."""
    sizes = traffic.exchanges["request_head"][rows]
    largest = rows[np.argsort(-sizes.astype("i8"), kind="stable")]
    heads = reading.request_heads(traffic, largest)
    targets = [len(head.split(b"\r\n", 1)[0].split(b" ")[1]) for head in heads if head.count(b" ") > 1]
    return max(targets, default=int(sizes.max()))
