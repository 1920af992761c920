"""A client sent bytes that are not a request by HTTP/1.1's rules, and was refused.

What the wire shows
    A start line or header field that RFC 9112 forbids, no Host in HTTP/1.1, Content-Length and
    Transfer-Encoding that contradict each other, a chunk whose size is no number, or bytes of another
    protocol; then 400, or a close without a word.

Why it happens
    Hand-made requests, old or embedded clients, a space or a control character in a URL that was not
    encoded, a proxy that mixes two lengths, scanners and request-smuggling probes.

What to do
    Correct the client: let its HTTP library build the request, and encode URLs. Refusing is right: AWS's
    desync mitigation does so on purpose.

What it could be mistaken for
    client-closed-before-request: there the request broke off. request-header-too-large: there only its size
    is wrong. tls-on-plaintext-port: there the bytes are TLS.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import claims, endings, malformed, reading
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "malformed-request",
    Severity.ERROR,
    legs=("frontend",),
    statuses=(400,),
    outranks=(
        "backend-error-status",
        "alb-policy-response",
        "request-timeout",
        "response-content-length-mismatch",
    ),
    mistaken_for=(
        ("client-closed-before-request", "the request did not break off: it is wrong"),
        ("request-header-too-large", "a byte of it is wrong, not its size"),
        ("tls-on-plaintext-port", "the bytes are no TLS"),
    ),
    either_leg=True,
)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    rows = malformed.refused(traffic)
    rows = rows[~reading.are_tls(traffic, rows) & ~_beyond_a_body(traffic, rows)]
    if not len(rows):
        return
    reasons = reading.reasons(traffic, rows, direction=0)
    no_host = int(endings.has_flag(traffic, rows, t.REQ_NO_HOST).sum())
    names = claims.involved(traffic, rows, t.LEG_FRONTEND)
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_FRONTEND,
        title=(
            f"{claims.of_requests(traffic, t.LEG_FRONTEND)} of {claims.who(names, 'clients')} were malformed"
            + claims.first_reason(reasons)
        ),
        explanation=(
            "HTTP/1.1 does not allow what these clients sent"
            + claims.all_reasons(reasons)
            + " They were refused, and rightly so."
        ),
        remedy=(
            "Correct the client: let its HTTP library build requests, and encode what goes into URLs and "
            "fields.",
            "If these come from scanners, nothing needs doing.",
        ),
        exchanges=rows,
        facts={"reasons": reasons, "without_host": no_host},
        note="the malformed request, and its refusal",
    )


def _beyond_a_body(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether the refused bytes are what a request before them said too little of."""
    if not len(rows):
        return np.zeros(0, "?")
    previous = traffic.previous(rows)
    known = np.flatnonzero(previous != t.NONE)
    result = np.zeros(len(rows), "?")
    result[known] = endings.has_flag(traffic, previous[known], t.REQ_EXTRA)
    return result
