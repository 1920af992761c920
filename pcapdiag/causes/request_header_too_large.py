"""The request's header is larger than the load balancer accepts.

What the wire shows
    A request whose header field, request line or whole header is over the load balancer's limit, answered
    400, 413 or 431 with no backend request behind it, or (Varnish) with RST. A backend with a lower limit
    answers 431 itself.

Why it happens
    Cookies, mostly: each part of a site adds its own and none is ever removed, until one browser's grow
    over the limit while all others work. Else large tokens (JWT with many roles, Kerberos tickets) or
    long Referer fields. Alibaba Cloud takes 32 KB a field; AWS 16 KB a field or request line and 64 KB in
    all; nginx 8 KB a field, HAProxy about 15 KB and Node.js 16 KB in all.

What to do
    Make the header smaller: expire cookies, narrow their domain and path, keep a session's state on the
    server, put less into tokens. The clouds' limits cannot be raised; those of nginx
    (large_client_header_buffers) and HAProxy (tune.bufsize) can.

What it could be mistaken for
    malformed-request: also 400, but there the size is ordinary and a byte is not. uri-too-long: there the
    target is what is too long, and the answer is 414. A body over a limit is 413 too: its header is small.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import claims, endings, own_answers, reading
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.columns import among, union, without
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "request-header-too-large",
    Severity.ERROR,
    legs=("frontend", "backend"),
    statuses=(400, 413, 431),
    outranks=(
        "malformed-request",
        "client-closed-before-request",
        "alb-policy-response",
        "backend-error-status",
    ),
    mistaken_for=(
        ("malformed-request", "its size is over the load balancer's limit"),
        ("uri-too-long", "the answer is not 414"),
    ),
)

REFUSALS = (400, 413, 431, 494)
HEADER_TOO_LARGE = 431  # RFC 6585, 5: this status says it, whoever sent it
READ_AT_ONCE = 20


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    refused = own_answers.refused(traffic, *REFUSALS)
    own = refused[own_answers.by_itself(traffic, profile, refused)]
    # Of a 431 from the frontend alone nobody knows who made it, nor need anybody.
    named = refused[traffic.exchanges["status"][refused] == HEADER_TOO_LARGE]
    named = named[traffic.peer[named] == t.NONE]
    others = without(union(own, _reset(traffic)), named).astype("i8")
    rows = union(named, others[_over_limit(traffic, profile, others)]).astype("i8")
    if len(rows):
        yield _at_frontend(traffic, profile, rows, bool(among(rows, union(own, others)).all()))
    by_backend = endings.errors(traffic, t.LEG_BACKEND)
    by_backend = by_backend[traffic.exchanges["status"][by_backend] == HEADER_TOO_LARGE]
    if len(by_backend):
        yield _by_backend(traffic, by_backend)


def _at_frontend(traffic: Traffic, profile: Profile, rows: np.ndarray, by_alb: bool) -> Finding:
    names = claims.involved(traffic, rows, t.LEG_FRONTEND)
    heads = reading.request_heads(traffic, rows)
    name, largest = max((_largest_field(head) for head in heads), key=lambda f: f[1], default=("", 0))
    limits = _limits(profile)
    size = f"{name} has {largest:,} bytes" if largest else f"{_largest_head(traffic, rows):,} bytes in all"
    status = claims.answers({str(s): 1 for s in traffic.exchanges["status"][rows].tolist()})
    return claims.finding(
        traffic,
        CAUSE,
        t.LEG_FRONTEND,
        title=(
            f"{claims.of_requests(traffic, t.LEG_FRONTEND)} from {claims.who(names, 'clients')} had too "
            f"large a header: {size} ({profile.title}: {_spoken(limits)})"
        ),
        explanation=(
            f"The header is over the limit, and the load balancer refused the request itself{status}."
            if by_alb
            else f"The header is over a limit, and was refused{status}. Whether the load balancer "
            "or a backend did so, the backend leg would tell."
        ),
        remedy=(
            f"Make {name or 'the header'} smaller: expire cookies, narrow their path and domain, keep state "
            "on the server, put less into tokens.",
            "The clouds' limits are fixed; nginx has large_client_header_buffers, HAProxy tune.bufsize.",
        ),
        exchanges=rows,
        facts={
            "largest_header_bytes": _largest_head(traffic, rows),
            **({"largest_field": name, "largest_field_bytes": largest} if largest else {}),
            **limits,
        },
        note="the large request, and its refusal",
    )


def _by_backend(traffic: Traffic, rows: np.ndarray) -> Finding:
    names = claims.involved(traffic, rows, t.LEG_BACKEND)
    return claims.finding(
        traffic,
        CAUSE,
        t.LEG_BACKEND,
        title=(
            f"{claims.of_requests(traffic, t.LEG_BACKEND)} had too large a header for {claims.who(names)}: "
            f"{_largest_head(traffic, rows):,} bytes at the most"
        ),
        explanation="The load balancer passed these requests on, and the backend, whose limit is the lower "
        "one, "
        "answered 431.",
        remedy=(
            "Make the header smaller: expire cookies, put less into tokens.",
            f"Or raise the limit of {names[0]} (Node.js --max-http-header-size, Tomcat maxHttpHeaderSize).",
        ),
        exchanges=rows,
        severity=Severity.WARNING,
        facts={"largest_header_bytes": _largest_head(traffic, rows)},
        note="the large request, and the backend's 431",
    )


def _reset(traffic: Traffic) -> np.ndarray:
    """Rows of frontend requests that the load balancer reset with no answer, as Varnish does."""
    rows = endings.unfinished(traffic, t.LEG_FRONTEND)
    rows = rows[~endings.response_begun(traffic, rows) & (traffic.peer[rows] == t.NONE)]
    rows = rows[endings.closed_by(traffic, rows) == endings.SERVER]
    return rows[endings.closed_by_reset(traffic, rows)]


def _over_limit(traffic: Traffic, profile: Profile, rows: np.ndarray) -> np.ndarray:
    """Whether each request's header is over a limit: the whole by its size, a field by reading it.

    Of many, the first are read; where all of those are over, so are the others of at least their size.
    """
    sizes = traffic.exchanges["request_head"][rows].astype("i8")
    over = np.zeros(len(rows), "?")
    if profile.max_header_block_bytes is not None:
        over = sizes > profile.max_header_block_bytes
    smaller = min(profile.max_header_field_bytes or 1 << 40, profile.max_request_line_bytes or 1 << 40)
    suspects = np.flatnonzero(~over & (sizes > smaller))
    heads = reading.request_heads(traffic, rows[suspects], READ_AT_ONCE)
    read = np.array([_breaks_limit(head, profile) for head in heads], "?")
    over[suspects[: len(read)]] = read
    if len(read) and read.all():
        over[suspects] |= sizes[suspects] >= sizes[suspects[: len(read)]].min()
    return over


def _breaks_limit(head: bytes, profile: Profile) -> bool:
    line = head.split(b"\r\n", 1)[0]
    if profile.max_request_line_bytes is not None and len(line) > profile.max_request_line_bytes:
        return True
    limit = profile.max_header_field_bytes
    return limit is not None and _largest_field(head)[1] > limit


def _largest_field(head: bytes) -> tuple[str, int]:
    """Name and bytes of the largest header field (of the request line, under that name)."""
    line, *lines = head.split(b"\r\n")
    field = max(lines, key=len, default=b"")
    if len(line) > len(field):
        return "the request line", len(line)
    return field.partition(b":")[0].decode("latin-1"), len(field)


def _largest_head(traffic: Traffic, rows: np.ndarray) -> int:
    return int(traffic.exchanges["request_head"][rows].max())


def _limits(profile: Profile) -> claims.Facts:
    named = {
        "alb_field_limit_bytes": profile.max_header_field_bytes,
        "alb_header_limit_bytes": profile.max_header_block_bytes,
    }
    return {name: value for name, value in named.items() if value is not None}


def _spoken(limits: claims.Facts) -> str:
    words = {"alb_field_limit_bytes": "a field", "alb_header_limit_bytes": "in all"}
    return ", ".join(f"{value:,} {words[name]}" for name, value in limits.items()) or "no limit documented"
