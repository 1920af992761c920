"""A backend's response header is larger than the load balancer accepts.

What the wire shows
    A well-formed response on the backend leg whose start line and header fields together are over the load
    balancer's limit; the client gets 502 (from Varnish 503) in its place.

Why it happens
    Many or large Set-Cookie fields (a session kept in the cookie, cookies deleted one by one), a long
    Content-Security-Policy or Link list, debugging fields left on. AWS takes 32 KB; nginx one memory page
    (proxy_buffer_size, 4 or 8 KB: "upstream sent too big header"), HAProxy about 15 KB (tune.bufsize).
    Alibaba Cloud documents no number.

What to do
    Make the header smaller: keep sessions on the server, send cookies once, move debugging data elsewhere.
    Where the load balancer is yours, raise its buffer. Look first at the targets named here: login pages,
    mostly.

What it could be mistaken for
    malformed-response: there the header breaks a rule of HTTP; here only its size is too much.
    backend-reset: here the load balancer closes the connection, after it had the header.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import claims, endings, outcome, reading
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.profiles import Profile, load_profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "response-header-too-large",
    Severity.ERROR,
    legs=("backend",),
    statuses=(502,),
    outranks=(
        "malformed-response",
        "response-content-length-mismatch",
        "status-rewritten",
        "backend-error-status",
        "backend-response-timeout",
        "slow-backend",
    ),
    mistaken_for=(
        ("malformed-response", "the header is well-formed; only its size is too much"),
        ("backend-reset", "the backend had answered"),
    ),
)

BAD_GATEWAY, UNAVAILABLE = 502, 503  # RFC 9110, 15.6.3 and 15.6.4


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    limit = profile.max_response_header_bytes
    if limit is None:
        return
    rows = np.flatnonzero(traffic.exchanges["response_head"] > limit)
    rows = rows[traffic.exchange_leg[rows] == t.LEG_BACKEND]
    rows = rows[_refused(traffic, profile, rows) & ~outcome.client_left(traffic, rows)]
    if not len(rows):
        return
    names = claims.involved(traffic, rows, t.LEG_BACKEND)
    sizes = traffic.exchanges["response_head"][rows]
    fields = _largest_fields(traffic, rows)
    targets = sorted({traffic.target(int(row)) for row in rows[:10]})
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_BACKEND,
        title=(
            f"{claims.of_requests(traffic, t.LEG_BACKEND)} got a response header of up to "
            f"{int(sizes.max()):,} bytes from {claims.who(names)} ({profile.title}: {limit:,})"
        ),
        explanation=(
            "The backend answered, and its start line and header fields together are over the load "
            f"balancer's limit, so it made an error of them. {fields}Targets: {', '.join(targets)}."
        ),
        remedy=(
            f"Make the header of these answers of {names[0]} smaller: mostly it is cookies.",
            "Where the load balancer is yours, raise its buffer (nginx proxy_buffer_size, HAProxy "
            "tune.bufsize).",
        ),
        exchanges=rows,
        facts={
            "largest_header_bytes": int(sizes.max()),
            "smallest_header_bytes": int(sizes.min()),
            "alb_limit_bytes": limit,
        },
        note="the response with the large header",
    )


def _refused(traffic: Traffic, profile: Profile, rows: np.ndarray) -> np.ndarray:
    """Whether the load balancer did not relay each of these responses.

    Without the frontend its documented limit tells; a limit that is nobody's own (the generic one) tells
    nothing, unless the load balancer closed in the middle of the answer.
    """
    peers = traffic.peer[rows]
    known = peers != t.NONE
    refused = np.zeros(len(rows), "?")
    answered = traffic.exchanges["status"][peers[known]]
    # Varnish says 503, and closes the connection in the middle of the header.
    own = (answered > traffic.exchanges["status"][rows[known]]) & (answered == UNAVAILABLE)
    own &= endings.closed_by(traffic, rows[known]) == endings.CLIENT
    refused[known] = (answered == BAD_GATEWAY) | own
    if not (traffic.exchange_leg == t.LEG_FRONTEND).any():
        cut = ~endings.response_whole(traffic, rows) & (endings.closed_by(traffic, rows) == endings.CLIENT)
        own = profile.max_response_header_bytes != load_profile("generic").max_response_header_bytes
        refused |= cut | own
    return refused


def _largest_fields(traffic: Traffic, rows: np.ndarray) -> str:
    """Which field makes up most of the first response's header, in a sentence."""
    sizes: dict[str, int] = {}
    for head in reading.response_heads(traffic, rows, 1):
        for line in head.split(b"\r\n")[1:]:
            name = line.partition(b":")[0].decode("latin-1")
            sizes[name] = sizes.get(name, 0) + len(line)
    if not sizes:
        return ""
    name = max(sizes, key=lambda n: sizes[n])
    return f"{name} alone takes {sizes[name]:,} bytes. "
