"""A response's body was not as long as its head announced.

What the wire shows
    The backend closes before the Content-Length it gave is reached, or before the last chunk of a chunked
    body; or it stops short and keeps the connection open until the load balancer gives up; or it sends more
    than it announced. On the frontend alone: the load balancer ends a response short of its length.

Why it happens
    The length was counted in characters and sent in bytes, or before a filter (compression, templates)
    changed the body; the application failed in the middle of the body and closed; a file grew or shrank
    while it was sent. The client has a status 200 and a cut body when the head had been relayed, else 502;
    AWS answers 504 when the connection stays open.

What to do
    Let the server compute the length, or send the body chunked. Look in the backend's log for an error
    in the middle of these responses. Check filters that change bodies.

What it could be mistaken for
    backend-reset: there an RST, not a FIN, cuts the response. client-closed-before-response: there the
    client left. A body without a length, ended by FIN, and HEAD or 304 answers that announce a length and
    have no body, are no faults.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag import words
from pcapdiag.causes import claims, endings, outcome, own_answers
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.columns import among, distinct
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "response-content-length-mismatch",
    Severity.ERROR,
    legs=("backend", "frontend"),
    statuses=(200, 502, 504),
    outranks=("backend-error-status", "status-rewritten", "slow-backend"),
    mistaken_for=(
        ("backend-reset", "the response was ended in order, by FIN or by silence"),
        ("client-closed-before-response", "the server of this leg fell short; the client had not closed"),
        ("malformed-response", "the framing is valid, only its length is not kept"),
    ),
)

SILENT_S = 1.0  # longer than a server at work on a body pauses, or a path without loss


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    short, left_open, beyond = _short(traffic), _left_open(traffic), _beyond(traffic)
    rows = distinct(np.concatenate([short, left_open, beyond])).astype("i8")
    if len(rows):
        yield _on_backend(traffic, rows, len(short), len(left_open), len(beyond))
    silent = _silent(traffic)
    if len(silent):
        yield _fallen_silent(traffic, silent)
    cut = _cut_on_frontend(traffic)
    if len(cut):
        yield _on_frontend(traffic, cut)


def _on_backend(traffic: Traffic, rows: np.ndarray, short: int, left_open: int, beyond: int) -> Finding:
    # What was whole, with bytes behind it, reached the client: only a failure seen there makes it one.
    whole = endings.response_whole(traffic, rows) & (traffic.peer[rows] == t.NONE)
    healed = outcome.healed(traffic, rows) | whole
    severity = Severity.WARNING if healed.all() else None
    rows = rows if severity else rows[~healed]
    missing = traffic.exchanges["response_missing"][rows]
    largest = int(missing.max())
    names = claims.involved(traffic, rows, t.LEG_BACKEND)
    ways = (
        (short, "closed in order before the end it had announced ({})"),
        (left_open, "stopped short and kept the connection open ({})"),
        (beyond, "sent bytes beyond the end ({})"),
    )
    return claims.finding(
        traffic,
        CAUSE,
        t.LEG_BACKEND,
        title=(
            f"{claims.of_requests(traffic, t.LEG_BACKEND)} got a body of another length than "
            f"{claims.who(names)} announced"
            + (f": up to {largest:,} bytes short" if largest else "")
            + ("; no client saw it" if severity else "")
        ),
        explanation=f"The backend {words.happened(ways)}.",
        remedy=(
            "Let the server compute Content-Length from the bytes it sends, or send the body chunked.",
            f"Look in the log of {names[0]} for an error in the middle of these responses.",
            "Check filters that change bodies after the length was set: compression, templates, proxies.",
        ),
        exchanges=rows,
        severity=severity,
        facts={
            "closed_short": short,
            "left_open_short": left_open,
            "sent_beyond": beyond,
            "largest_missing_bytes": largest,
            "healed_requests": int(healed.sum()),
        },
        note="the response, and where it ended",
    )


def _fallen_silent(traffic: Traffic, rows: np.ndarray) -> Finding:
    missing = traffic.exchanges["response_missing"][rows]
    silent_s = claims.median(_silence_s(traffic, rows))
    names = claims.involved(traffic, rows, t.LEG_BACKEND)
    return claims.finding(
        traffic,
        CAUSE,
        t.LEG_BACKEND,
        title=(
            f"{claims.of_requests(traffic, t.LEG_BACKEND)} got up to {int(missing.max()):,} bytes less than "
            f"{claims.who(names)} announced: silent for {words.seconds(silent_s)} when the load balancer "
            "closed"
        ),
        explanation=(
            "The backend began each response, stopped short of its Content-Length and kept the connection "
            "open, with all it had sent acknowledged. Whether the load balancer gave up or its client left "
            "is not seen without the frontend."
        ),
        remedy=(
            "Let the server compute Content-Length from the bytes it sends, or send the body chunked.",
            f"Look in the log of {names[0]} for what these responses waited for.",
        ),
        exchanges=rows,
        severity=Severity.WARNING,
        facts={
            "left_open_short": len(rows),
            "largest_missing_bytes": int(missing.max()),
            "silent_s": silent_s,
        },
        note="the response, and where it stopped",
    )


def _on_frontend(traffic: Traffic, rows: np.ndarray) -> Finding:
    missing = traffic.exchanges["response_missing"][rows]
    largest = int(missing.max())
    end = f"up to {largest:,} bytes before its announced end" if largest else "before its last chunk"
    return claims.finding(
        traffic,
        CAUSE,
        t.LEG_FRONTEND,
        title=(
            f"{claims.of_requests(traffic, t.LEG_FRONTEND)} got a cut response: the connection was "
            f"closed {end}"
        ),
        explanation=(
            "The load balancer relayed the head of each response and closed before the end it announces: "
            "what it got from the backend ended early. The backend leg of these is not in the capture."
        ),
        remedy=(
            "Capture the backend leg: it tells a backend that closed short from one that reset.",
            "Look in the backends' logs for errors in the middle of these responses.",
        ),
        exchanges=rows,
        facts={"closed_short": len(rows), "largest_missing_bytes": largest},
        note="the response, and where it ended",
    )


def _short(traffic: Traffic) -> np.ndarray:
    """Rows of backend exchanges whose response the backend ended by FIN before its end."""
    rows = _begun(traffic, t.LEG_BACKEND)
    by_fin = traffic.exchanges["response_ended"][rows] == t.END_FIN
    rows = rows[by_fin & (endings.closed_by(traffic, rows) == endings.SERVER)]
    return rows[~outcome.client_left(traffic, rows)]


def _left_open(traffic: Traffic) -> np.ndarray:
    """Rows of backend exchanges short of their end that the load balancer gave up, its client waiting."""
    rows = _begun(traffic, t.LEG_BACKEND)
    rows = rows[
        (endings.closed_by(traffic, rows) == endings.CLIENT) & ~endings.unread_response(traffic, rows)
    ]
    rows = rows[traffic.peer[rows] != t.NONE]
    # Given up within its head, a response has no body yet.
    in_body = (traffic.exchanges["response_missing"][rows] > 0) | endings.has_flag(
        traffic, rows, t.RSP_CHUNKED
    )
    rows = rows[in_body]
    return rows[~outcome.client_left(traffic, rows)]


def _silent(traffic: Traffic) -> np.ndarray:
    """Rows of backend exchanges, of a capture without the frontend, short of their Content-Length that the
    backend had long been silent on when the load balancer closed, though nothing kept it from sending."""
    if (traffic.leg == t.LEG_FRONTEND).any():
        return np.zeros(0, "i8")
    rows = _begun(traffic, t.LEG_BACKEND)
    rows = rows[
        (endings.closed_by(traffic, rows) == endings.CLIENT) & ~endings.unread_response(traffic, rows)
    ]
    # One sent in chunks may be a stream, in which silence is no fault.
    rows = rows[(traffic.exchanges["response_missing"][rows] > 0) & (_silence_s(traffic, rows) >= SILENT_S)]
    held_up = traffic.troubles["connection"][
        (traffic.troubles["direction"] == endings.CLIENT) & (traffic.troubles["zero_windows"] > 0)
    ]
    return rows[~among(traffic.exchanges["connection"][rows], held_up)]


def _silence_s(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """From the last byte of each response, as far as it came, to the close of its connection."""
    return (endings.close_ns(traffic, rows) - endings.response_end_ns(traffic, rows)) / 1e9


def _beyond(traffic: Traffic) -> np.ndarray:
    """Rows of backend exchanges with bytes behind the response that begin no other.

    A body behind HEAD, 204 or 304 is not among them: load balancers drop it without a word.
    """
    rows = endings.flagged(traffic, t.RSP_EXTRA, t.LEG_BACKEND)
    rows = rows[~endings.has_flag(traffic, rows, t.RSP_BAD | t.RSP_NO_BODY)]
    return rows[endings.readable(traffic, rows)]


def _cut_on_frontend(traffic: Traffic) -> np.ndarray:
    """Rows of frontend exchanges cut by the load balancer whose backend leg is not here to say more."""
    rows = _begun(traffic, t.LEG_FRONTEND)
    rows = rows[(traffic.peer[rows] == t.NONE) & (endings.closed_by(traffic, rows) == endings.SERVER)]
    # Captured beside, the backend leg would say more, were it not for packets that are missing.
    rows = rows[~(own_answers.backend_beside(traffic, rows) & endings.misses_packets(traffic))]
    cut = among(traffic.exchanges["response_ended"][rows], (t.END_FIN, t.END_RST_SENDER))
    return rows[cut & endings.has_flag(traffic, rows, t.RSP_LENGTH | t.RSP_CHUNKED)]


def _begun(traffic: Traffic, leg: int) -> np.ndarray:
    """Rows of exchanges with a sound head of a response and not all of its body."""
    rows = endings.unfinished(traffic, leg)
    rows = rows[endings.response_begun(traffic, rows) & ~endings.response_whole(traffic, rows)]
    return rows[~endings.has_flag(traffic, rows, t.RSP_BAD) & (traffic.exchanges["status"][rows] != 0)]
