"""A request's body was not as long as its Content-Length said.

What the wire shows
    The client ends its sending side in order (FIN), short of the length it announced, and goes on reading;
    or bytes follow the announced end of the body that begin no valid request. The load balancer answers 400,
    or closes.

Why it happens
    The client counted characters and sent bytes, set the length of one body and sent another (after
    compression, after a change of encoding), or a proxy in between rewrote the body and not its length.

What to do
    Correct the client: let its HTTP library compute the length. Look at non-ASCII bodies first: each
    letter with an accent is one character and two bytes of UTF-8.

What it could be mistaken for
    client-closed-before-request: there the client broke off, by RST or with most of the body unsent.
    request-timeout: there the client, short of the length, kept its side open. Pipelined requests, and an
    empty line between requests, are allowed.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag import words
from pcapdiag.causes import claims, endings
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.columns import distinct
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "request-content-length-mismatch",
    Severity.ERROR,
    legs=("frontend",),
    statuses=(400,),
    outranks=(
        "malformed-request",
        "client-closed-before-request",
        "backend-response-timeout",
        "backend-error-status",
    ),
    mistaken_for=(
        ("client-closed-before-request", "the client ended its side in order, just short of the length"),
        ("request-timeout", "the client had ended its side; nothing more could come"),
        ("malformed-request", "each byte is valid; only their number is not what was announced"),
    ),
    either_leg=True,
)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    short, beyond = _short(traffic), _beyond(traffic)
    rows = distinct(np.concatenate([short, beyond])).astype("i8")
    if not len(rows):
        return
    exchanges = traffic.exchanges[rows]
    harmless = endings.response_whole(traffic, rows) & (exchanges["status"] < 400)
    missing = traffic.exchanges["request_missing"][short]
    names = claims.involved(traffic, rows, t.LEG_FRONTEND)
    how = (
        f"{int(np.median(missing)):,} bytes short of the length announced (median)"
        if len(missing)
        else "with bytes beyond the length announced"
    )
    ways = (
        (len(short), "{} ended by the client's FIN short of the Content-Length"),
        (len(beyond), "after {} the client sent bytes that begin no valid request"),
    )
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_FRONTEND,
        title=(
            f"{claims.of_requests(traffic, t.LEG_FRONTEND)} of {claims.who(names, 'clients')} "
            f"had a body {how}"
        ),
        explanation=f"Of these requests, {words.happened(ways)}.",
        remedy=(
            "Correct the client: let its HTTP library compute Content-Length from the bytes it sends.",
            "Compare characters and bytes of a body that is not plain ASCII; look for proxies that rewrite "
            "bodies.",
        ),
        exchanges=rows,
        severity=Severity.WARNING if harmless.all() else None,
        facts={
            "ended_short": len(short),
            "sent_beyond": len(beyond),
            "median_missing_bytes": int(np.median(missing)) if len(missing) else 0,
        },
        note="the request, and where its body ended",
    )


def _short(traffic: Traffic) -> np.ndarray:
    """Rows of requests whose client ended its side in order before their announced end."""
    rows = endings.unfinished(traffic, t.LEG_FRONTEND)
    rows = rows[~endings.request_whole(traffic, rows) & (endings.closed_by(traffic, rows) == endings.CLIENT)]
    return rows[endings.ended_short_in_order(traffic, rows) & ~endings.answered_before_close(traffic, rows)]


def _beyond(traffic: Traffic) -> np.ndarray:
    """Rows of requests followed by bytes that begin none; or of the refusal that those bytes got."""
    rows = endings.flagged(traffic, t.REQ_EXTRA, t.LEG_FRONTEND)
    # A client that asked for another protocol may go on in it before it reads the refusal.
    rows = rows[~endings.has_flag(traffic, rows, t.REQ_UPGRADE)]
    rows = rows[endings.readable(traffic, rows)]
    following = traffic.exchanges["next"][rows]
    refused = np.zeros(len(rows), "?")
    has_next = np.flatnonzero(following != t.NONE)
    refused[has_next] = endings.has_flag(traffic, following[has_next], t.REQ_GARBLED)
    return np.where(refused, following, rows)
