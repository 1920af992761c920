"""A backend answered with bytes that are not a response by HTTP/1.1's rules.

What the wire shows
    In place of a response: a status line or header field that RFC 9112 forbids, Content-Length and
    Transfer-Encoding that contradict each other, a chunk whose size is no number, or bytes of another
    protocol. The load balancer drops it and answers 502, or relays what it had and cuts the rest.

Why it happens
    Hand-made responses (a script that prints its own headers, a line break inside a header's value), a
    framework that sets the length twice, a bug in a compression filter, or a port that speaks something
    else: TLS, HTTP/2, SSH, a database.

What to do
    Ask the backend directly (curl --http1.1 --raw -i) and look at the bytes named here. Correct the code
    that writes that line. If it is another protocol, correct the target group's port or protocol.

What it could be mistaken for
    response-content-length-mismatch: there the framing is valid, only its length is not kept.
    backend-closed-before-response: there no byte came. Load balancers differ in what they forgive: a request
    whose client got a whole answer all the same is a warning.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import claims, endings, reading
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.columns import union
from pcapdiag.malformed import why_malformed
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "malformed-response",
    Severity.ERROR,
    legs=("backend",),
    statuses=(502,),
    outranks=(
        "response-content-length-mismatch",
        "backend-closed-before-response",
        "backend-reset",
        "backend-error-status",
        "status-rewritten",
        "slow-backend",
    ),
    mistaken_for=(
        ("response-content-length-mismatch", "the framing itself is not valid"),
        ("backend-closed-before-response", "the backend sent bytes, which are no HTTP response"),
    ),
)

VERSION = b"HTTP/"  # what every response begins with (RFC 9112 section 4)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    rows = endings.flagged(traffic, t.RSP_BAD, t.LEG_BACKEND)
    rows = rows[endings.readable(traffic, rows)]
    passed_over = _passed_over(traffic)
    rows = union(rows, list(passed_over)).astype("i8")
    if not len(rows):
        return
    rows, severity, healed = claims.failed_or_healed(traffic, rows)
    told = [passed_over[row] for row in rows.tolist() if row in passed_over]
    reasons = list(dict.fromkeys(reading.reasons(traffic, rows, direction=1) + told[: reading.MAX_READ]))
    names = claims.involved(traffic, rows, t.LEG_BACKEND)
    in_body = int(endings.response_begun(traffic, rows).sum())
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_BACKEND,
        title=(
            f"{claims.of_requests(traffic, t.LEG_BACKEND)} got a malformed response from {claims.who(names)}"
            + claims.first_reason(reasons)
            + (" (the load balancer let it pass)" if severity else "")
        ),
        explanation=(
            "HTTP/1.1 does not allow what the backend sent"
            + claims.all_reasons(reasons)
            + " Load balancers answer 502 to it, cut what they had begun to relay, or forgive it."
        ),
        remedy=(
            f"Ask {names[0]} directly (curl --http1.1 --raw -i) and correct the code that writes these "
            "bytes.",
            "If they belong to another protocol, correct the target group's port or protocol.",
        ),
        exchanges=rows,
        severity=severity,
        facts={"reasons": reasons, "with_status": in_body, "healed_requests": healed},
        note="the malformed response",
    )


def _passed_over(traffic: Traffic) -> dict[int, str]:
    """Backend exchanges on connections begun before the capture whose answer is no response, and why not.

    A load balancer sends one request at a time, so what comes after the first seen is its answer.
    """
    exchanges = traffic.exchanges
    mask = (exchanges["flags"] & (t.REQ_SEEN | t.RSP_SEEN)) == t.REQ_SEEN
    mask &= (traffic.exchange_leg == t.LEG_BACKEND) & (exchanges["next"] == t.NONE)
    rows = np.flatnonzero(mask)
    rows = rows[traffic.is_first(rows)]
    rows = rows[~endings.connection_flag(traffic, rows, t.CONN_SYN) & endings.readable(traffic, rows)]
    rows = rows[endings.request_whole(traffic, rows)]
    rows = rows[traffic.connections["server_bytes"][exchanges["connection"][rows]] >= len(VERSION)]
    answers = reading.unrecognised_answers(traffic, rows)
    return {
        row: why_malformed(data, 1)
        for row, data in answers.items()
        if len(data) >= len(VERSION) and not data.startswith(VERSION)
    }
