"""A client spoke TLS to a port of the load balancer that expects HTTP in clear.

What the wire shows
    A TLS ClientHello where a request was due, answered 400 in clear, or hung up on without a byte by a port
    that answers others in clear.

Why it happens
    https:// with the port of the HTTP listener (https://host:80), a client or proxy configured for TLS
    towards a listener that has none, a health checker or scanner that tries TLS everywhere.

What to do
    Use http:// or the HTTPS listener's port; or give that listener a certificate and the protocol HTTPS.

What it could be mistaken for
    malformed-request: there the bytes are no TLS. tls-handshake-failed: there the port does speak TLS.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import attempts, claims, malformed, reading
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic, endpoint

CAUSE = Cause(
    "tls-on-plaintext-port",
    Severity.ERROR,
    legs=("frontend",),
    statuses=(400,),
    outranks=("malformed-request", "client-closed-before-request"),
    mistaken_for=(
        ("malformed-request", "what was sent is a TLS ClientHello"),
        ("tls-handshake-failed", "the port answers in clear"),
    ),
    either_leg=True,
)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    rows = malformed.refused(traffic)
    rows = rows[reading.are_tls(traffic, rows)]
    unanswered = attempts.hellos_in_clear(traffic, t.LEG_FRONTEND)
    on = np.concatenate([traffic.exchanges["connection"][rows], unanswered]).astype("i8")
    if not len(on):
        return
    port = int(attempts.port_keys(traffic, on[:1])[0])
    listener = endpoint(traffic.addresses[port >> 16], port & 0xFFFF)
    names = claims.peers(traffic, on, t.LEG_FRONTEND)
    what = claims.of_requests(traffic, t.LEG_FRONTEND) if len(rows) else "{count} of the connections"
    met = (
        *(("was answered as a malformed HTTP request is",) if len(rows) else ()),
        *(("got no byte from a port that answers others in clear",) if len(unanswered) else ()),
    )
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_FRONTEND,
        title=(
            f"{what} of {claims.who(names, 'clients')} were TLS to {listener}, which expects HTTP in clear"
        ),
        explanation=f"The client began a TLS handshake, and {' or '.join(met)}.",
        remedy=(
            f"Use http:// with {listener}, or the port of an HTTPS listener.",
            "Or make this listener HTTPS and give it a certificate.",
        ),
        exchanges=rows,
        connections=unanswered,
        note="the ClientHello, and the answer in clear, or none",
    )
