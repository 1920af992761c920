"""A client spoke TLS to a port of the load balancer that expects HTTP in clear.

What the wire shows
    A TLS ClientHello where a request was due, answered 400 in clear, or hung up on.

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
    if not len(rows):
        return
    port = int(attempts.port_keys(traffic, traffic.exchanges["connection"][rows[:1]])[0])
    listener = endpoint(traffic.addresses[port >> 16], port & 0xFFFF)
    names = claims.involved(traffic, rows, t.LEG_FRONTEND)
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_FRONTEND,
        title=(
            f"{claims.of_requests(traffic, t.LEG_FRONTEND)} of {claims.who(names, 'clients')} were TLS to "
            f"{listener}, which expects HTTP in clear"
        ),
        explanation="The client began a TLS handshake, and was answered as a malformed HTTP request is.",
        remedy=(
            f"Use http:// with {listener}, or the port of an HTTPS listener.",
            "Or make this listener HTTPS and give it a certificate.",
        ),
        exchanges=rows,
        note="the ClientHello, and the answer in clear",
    )
