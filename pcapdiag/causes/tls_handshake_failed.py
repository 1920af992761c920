"""A TLS handshake between client and load balancer failed.

What the wire shows
    A connection that begins with a ClientHello and ends, by a fatal alert, FIN or RST, before the client has
    finished its handshake; no request could be made on it. The alert, the server name asked for and the
    versions offered are told; or that nothing at all answered.

Why it happens
    The client offers no TLS version or cipher that the listener's security policy takes
    (protocol_version, handshake_failure), it does not trust the certificate (unknown_ca, certificate_expired,
    bad_certificate), the name it asks for has no certificate, a client certificate is missing, or a scanner
    says hello and hangs up. A server that never answers is stuck or overloaded, or speaks no TLS there.

What to do
    Read the alert: who sent it says who objected. Compare the versions offered with the listener's security
    policy. For certificates see whether the whole chain is served and whether the name is in it
    (openssl s_client -connect, with -servername).

What it could be mistaken for
    tls-on-plaintext-port: there the port answers in clear. A close_notify alert ends a session in order, and
    a client that closes after its handshake failed nothing. A client that hangs up sooner than the server's
    answer could reach it changed its mind, as browsers do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import attempts, claims, endings, hellos, reading
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.columns import without
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic
from pcapdiag.wire import Span, in_order

CAUSE = Cause(
    "tls-handshake-failed",
    Severity.ERROR,
    legs=("frontend",),
    outranks=("client-closed-before-request",),
    mistaken_for=(
        ("tls-on-plaintext-port", "the port speaks TLS"),
        ("client-closed-before-request", "no request could be made: TLS was not agreed on"),
    ),
    either_leg=True,
    on_backend="backend-tls-handshake-failed",
)

HANDSHAKE_BYTES = 16_384  # whoever said more has finished a handshake
MAX_READ = 300  # connections whose handshakes are read, those that said least first

UNANSWERED = "no answer to the ClientHello came until the client closed"

CHANGE_CIPHER_SPEC, HANDSHAKE, APPLICATION_DATA = 20, 22, 23  # RFC 8446, 5.1

Streams = tuple[bytes, bytes]


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    streams = _streams(traffic, _suspects(traffic))
    ends = {row: end for row, both in streams.items() if (end := _how(traffic, row, both))}
    if not ends:
        return
    rows = np.array(sorted(ends), "i8")
    ways = Counter(ends.values())
    hello = hellos.flight(streams[int(rows[0])][0]).hello or hellos.Hello()
    names = claims.peers(traffic, rows, t.LEG_FRONTEND)
    way, _ = ways.most_common(1)[0]
    asked = f" for {hello.server_name}" if hello.server_name else ""
    offered = f", offering {' and '.join(hello.versions)}" if hello.versions else ""
    servers = claims.who(claims.peers(traffic, rows, t.LEG_BACKEND), "listeners")
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_FRONTEND,
        title=(
            f"{{count}} TLS handshake{'s' if len(rows) > 1 else ''} of {claims.who(names, 'clients')} "
            f"with {servers} failed: {way}"
        ),
        explanation=(
            f"The clients asked{asked}{offered}. How the handshakes ended: "
            f"{'; '.join(f'{how} ({n})' for how, n in ways.most_common())}."
        ),
        remedy=(
            *((f"See whether {servers} speaks TLS, and is not stuck.",) if UNANSWERED in ways else ()),
            "Compare the versions and ciphers these clients offer with the listener's security policy.",
            "See whether the listener serves a certificate for that name, in date, with its whole chain "
            "(openssl s_client -connect HOST:PORT -servername NAME).",
        ),
        connections=rows,
        facts={
            "ways": [f"{how} ({n})" for how, n in ways.most_common()],
            "server_name": hello.server_name,
            "versions_offered": list(hello.versions),
        },
        note="the ClientHello, and how the handshake ended",
    )


def _suspects(traffic: Traffic) -> np.ndarray:
    """Closed client connections that speak TLS and said no more than a handshake; the shortest first."""
    connections = traffic.connections
    mask = endings.connections_on(traffic, t.LEG_FRONTEND)
    mask &= connections["protocol"] == t.PROTOCOL_TLS
    rows = np.flatnonzero(mask)
    row = connections[rows]
    begun = (row["flags"] & (t.CONN_SYN | t.CONN_ESTABLISHED)) == (t.CONN_SYN | t.CONN_ESTABLISHED)
    lost = (row["flags"] & (t.CONN_GAP | t.CONN_TRUNCATED | t.CONN_EVICTED)) != 0
    small = (row["client_bytes"] < HANDSHAKE_BYTES) & (row["server_bytes"] < HANDSHAKE_BYTES)
    rows = rows[begun & ~lost & small & (row["closed_by"] != endings.NOBODY)]
    rows = without(rows, attempts.hellos_in_clear(traffic, t.LEG_FRONTEND)).astype("i8")
    return rows[np.argsort(connections["client_bytes"][rows], kind="stable")][:MAX_READ]


def _streams(traffic: Traffic, rows: np.ndarray) -> dict[int, Streams]:
    """What client and server said on each connection."""
    reader = reading.wire(traffic)
    if reader is None or not len(rows):
        return {}
    ends = traffic.connections[rows]
    spans = [
        Span(row, int(first), int(last))
        for row, first, last in zip(rows.tolist(), ends["first_frame"], ends["last_frame"], strict=True)
    ]
    packets = reader.collect(spans)
    return {
        row: (
            in_order((p for p in packets[row] if p.direction == 0 and p.icmp is None), HANDSHAKE_BYTES),
            in_order((p for p in packets[row] if p.direction == 1 and p.icmp is None), HANDSHAKE_BYTES),
        )
        for row in rows.tolist()
    }


def _how(traffic: Traffic, connection: int, streams: Streams) -> str:
    """How a handshake ended before it was finished, in words; "" when it was finished, or was none."""
    asked, answered = (hellos.flight(stream) for stream in streams)
    if asked.hello is None or (streams[1] and not answered.is_tls) or _finished(streams[0]):
        return ""
    # Who has heard nothing objects to nothing: an alert then tells that the other side closed, or is silent.
    said = (("the load balancer's", answered), ("the client's", asked)) if streams[1] else ()
    for who, flight in said:
        refusal = next((alert for alert in flight.alerts if alert != hellos.CLOSE_NOTIFY), None)
        if refusal is not None and not (who.startswith("the load") and refusal < 0):
            return f"{who} alert {hellos.alert_name(refusal)}"
    row = traffic.connections[connection]
    if attempts.left_at_once(row):
        return ""
    if row["closed_by"] == endings.CLIENT and not streams[1]:
        return UNANSWERED
    closer = "the client" if row["closed_by"] == endings.CLIENT else "the load balancer"
    by_reset = row["rst_ns"] and not (row["client_fin_ns"] or row["server_fin_ns"])
    return f"{closer} {'reset' if by_reset else 'closed'} before its end"


def _finished(stream: bytes) -> bool:
    """Whether a client's stream holds the Finished message of a handshake, which is always encrypted."""
    at, ciphered = 0, False
    while at + 5 <= len(stream):
        kind, length = stream[at], int.from_bytes(stream[at + 3 : at + 5], "big")
        if kind == APPLICATION_DATA and length != hellos.ENCRYPTED_ALERT_BYTES:
            return True
        if kind == HANDSHAKE and ciphered:
            return True
        ciphered |= kind == CHANGE_CIPHER_SPEC
        at += 5 + length
    return False
