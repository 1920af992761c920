"""Only a part of a request came, then silence, until the load balancer gave up.

What the wire shows
    The head stays unfinished, or the body short of its length; the client keeps the connection open and
    sends nothing more. The load balancer answers 408, or closes without a word.

Why it happens
    A slow or stuck client (a phone that lost its network, an upload whose source dried up), a client that
    announced a longer body than it has, a scanner that holds connections open (slowloris). Alibaba Cloud
    waits 60 s for the request; AWS until nothing came for the whole idle time-out.

What to do
    Look at the clients: who they are, and how far they got. For uploads from slow networks raise the load
    balancer's time-out, or upload in parts. Do not raise it against scanners.

What it could be mistaken for
    client-closed-before-request: there the client closed. frontend-packet-loss and mtu-blackhole: there the
    missing part was sent, and did not arrive.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag import words
from pcapdiag.causes import claims, endings
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "request-timeout",
    Severity.ERROR,
    legs=("frontend",),
    statuses=(408,),
    outranks=("backend-error-status", "backend-response-timeout", "no-backend"),
    mistaken_for=(
        ("client-closed-before-request", "the load balancer closed first; the client had only fallen silent"),
        ("frontend-packet-loss", "nothing was sent again: the client sent no more"),
    ),
)

SILENCE_S = 1.0  # a server that hangs up sooner is not tired of waiting


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    rows = endings.unfinished(traffic, t.LEG_FRONTEND)
    rows = rows[~endings.request_whole(traffic, rows) & ~endings.hidden(traffic, rows)]
    rows = rows[~endings.has_flag(traffic, rows, t.REQ_GARBLED)]
    status = traffic.exchanges["status"][rows]
    silence_s = _silence_s(traffic, rows)
    hung_up = (status == 0) & (endings.closed_by(traffic, rows) == endings.SERVER) & (silence_s >= SILENCE_S)
    # Some load balancers had asked the backend by then, and answer 503 or 504 when the body stays away.
    own = (status >= 500) & (silence_s >= SILENCE_S) & _alb_gave_up(traffic, rows)
    chosen = (status == 408) | hung_up | own
    rows, silence_s = rows[chosen], silence_s[chosen]
    if not len(rows):
        return
    in_head = int(endings.in_head(traffic, rows).sum())
    median_s = claims.median(silence_s)
    limit_s = profile.request_timeout_s
    yard = f" ({profile.title}: {words.seconds(limit_s)} by default)" if limit_s is not None else ""
    names = claims.involved(traffic, rows, t.LEG_FRONTEND)
    stopped = (
        (in_head, "{} ended within the head"),
        (len(rows) - in_head, "{} ended within the body"),
    )
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_FRONTEND,
        title=(
            f"{claims.of_requests(traffic, t.LEG_FRONTEND)} from {claims.who(names, 'clients')} stayed "
            f"unfinished: the load balancer gave up after {words.seconds(median_s)}{yard}"
        ),
        explanation=(
            f"{words.happened(stopped)}; then the client was silent, its connection open, until the load "
            "balancer answered 408 or closed."
        ),
        remedy=(
            "Look at these clients: slow networks, sources that dry up, lengths announced too large, "
            "scanners.",
            "For slow uploads that are meant, raise the load balancer's time-out or upload in parts.",
        ),
        exchanges=rows,
        facts={
            "silence_s": median_s,
            "in_head": in_head,
            "in_body": len(rows) - in_head,
            **({"request_timeout_s": limit_s} if limit_s is not None else {}),
        },
        note="the part of the request that came, and the load balancer's end of waiting",
    )


def _alb_gave_up(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether the load balancer ended each request by itself: no backend that it asked failed or closed."""
    peers = traffic.peer[rows]
    known = np.flatnonzero(peers != t.NONE)
    innocent = np.ones(len(rows), "?")
    innocent[known] = (traffic.exchanges["status"][peers[known]] < 500) & (
        endings.closed_by(traffic, peers[known]) != endings.SERVER
    )
    return innocent & (endings.closed_by(traffic, rows) == endings.SERVER)


def _silence_s(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """From the last that is known of each request to the answer, or to the close without one."""
    exchanges = traffic.exchanges[rows]
    began_ns = endings.answer_ns(traffic, rows)
    until_ns = np.where(began_ns == 0, endings.close_ns(traffic, rows), began_ns)
    known = exchanges["request_end_us"] != t.NEVER
    sent_ns = exchanges["start_ns"] + np.where(known, exchanges["request_end_us"], 0).astype("i8") * 1000
    return np.maximum(until_ns - sent_ns, 0) / 1e9
