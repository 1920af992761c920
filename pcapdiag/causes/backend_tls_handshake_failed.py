"""TLS between the load balancer and a backend failed before it was agreed on.

What the wire shows
    The load balancer sends a ClientHello to the backend, and gets no session: a fatal alert (from either
    side), an answer that is not TLS, FIN or RST, or silence until it gives up (AWS after 10 s).

Why it happens
    The target group says HTTPS and the backend's port speaks plain HTTP; no version or cipher in common (an
    old server, or one that takes TLS 1.3 only); a certificate that the load balancer checks and rejects
    (nginx proxy_ssl_verify, HAProxy verify required; AWS and Alibaba Cloud check none); a server that wants
    another name (SNI) or a client certificate; a server too busy to answer. The client gets 502, or 504
    after silence.

What to do
    Try it from the load balancer's subnet: openssl s_client -connect BACKEND:PORT -servername NAME. If
    the port speaks HTTP, correct the protocol of the target group. An alert names what the other side
    disliked: protocol_version and handshake_failure are versions and ciphers, unrecognized_name is SNI,
    unknown_ca and certificate_expired are the certificate.

What it could be mistaken for
    backend-connect-refused and backend-connect-timeout: there no TCP connection came about. backend-reset:
    there TLS was agreed on and a request outstanding. backend-error-status: a 400 in clear that answers a
    ClientHello answers no request.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag import words
from pcapdiag.causes import claims, endings, hellos, outcome, reading
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "backend-tls-handshake-failed",
    Severity.ERROR,
    legs=("backend",),
    statuses=(502, 504),
    outranks=(
        "no-backend",
        "backend-error-status",
        "malformed-response",
        "backend-reset",
        "backend-closed-before-response",
        "status-rewritten",
        "health-check-failing",
    ),
    mistaken_for=(
        ("backend-connect-timeout", "the TCP handshake was done"),
        ("backend-reset", "TLS had not been agreed on"),
        ("backend-error-status", "what the backend answered was the ClientHello"),
    ),
)

PLAIN, SILENT, CLOSED, RESET = "an answer in clear", "no answer", "FIN", "RST"
KINDS_READ = 40  # connections alike in their sizes are taken to be alike; one of each kind is read
HANDSHAKE_BYTES = 16_384  # read of each direction: hellos, certificates, and what ends them


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    rows, reasons = _failed(traffic)
    if not len(rows):
        return
    failed = outcome.of_attempts(traffic, rows)
    exchanges, connections = failed.exchanges, failed.connections
    if len(connections):
        # An answer in clear stands in the tables as an exchange of its own.
        first = traffic.connections["first_exchange"][connections]
        exchanges, connections = first[first != t.NONE].astype("i8"), connections[first == t.NONE]
    names = claims.peers(traffic, rows, t.LEG_BACKEND)
    ways = Counter(reasons)
    hello = _hello(traffic, rows)
    offered = ", ".join(hello.versions)
    silent = [row for row, reason in zip(rows.tolist(), reasons, strict=True) if reason == SILENT]
    waited_s = claims.median(_lasted_s(traffic, np.array(silent, "i8")))
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_BACKEND,
        title=(
            f"{claims.who(names)} and the load balancer did not agree on TLS: the ClientHello met "
            f"{ways.most_common(1)[0][0]} ({{count}} failed)"
        ),
        explanation=(
            f"{words.counted(len(rows), 'connection')} ended within the TLS handshake: "
            + "; ".join(f"{way} ({n:,})" for way, n in ways.most_common())
            + "."
            + (f" The load balancer offered {offered}" if offered else "")
            + (
                f" and asked for the name {hello.server_name}."
                if offered and hello.server_name
                else "." * bool(offered)
            )
        ),
        remedy=(
            f"Try openssl s_client -connect {names[0]} from the load balancer's subnet.",
            "Correct the target group's protocol, if that port speaks plain HTTP."
            if ways[PLAIN]
            else "Make versions, ciphers, server name and certificate of both sides fit, as the alert says.",
        ),
        exchanges=exchanges,
        connections=connections,
        severity=failed.severity,
        facts={
            "handshakes_failed": len(rows),
            "ways": list(ways),
            "server_name": hello.server_name,
            "versions_offered": list(hello.versions),
            **({"waited_s": waited_s} if silent else {}),
            **({"alb_tls_timeout_s": profile.backend_tls_timeout_s} if profile.backend_tls_timeout_s else {}),
        },
        shown_by=rows,
        note="the ClientHello, and what came in place of a session",
    )


def _failed(traffic: Traffic) -> tuple[np.ndarray, list[str]]:
    """Backend connections whose TLS handshake failed, and how each did."""
    suspects = _suspects(traffic)
    kinds = _alike(traffic, suspects)
    rows: list[int] = []
    reasons: list[str] = []
    for members in kinds[:KINDS_READ]:
        if reason := _how(traffic, members[0]):
            rows += members
            reasons += [reason] * len(members)
    order = np.argsort(rows, kind="stable")
    return np.array(rows, "i8")[order], [reasons[i] for i in order.tolist()]


def _suspects(traffic: Traffic) -> np.ndarray:
    """Closed backend connections that began with a TLS record and carried little more than a handshake."""
    connections = traffic.connections
    rows = np.flatnonzero((connections["protocol"] == t.PROTOCOL_TLS) & (traffic.leg == t.LEG_BACKEND))
    row = connections[rows]
    begun = (row["flags"] & (t.CONN_SYN | t.CONN_DATA_CLIENT)) == (t.CONN_SYN | t.CONN_DATA_CLIENT)
    lost = (row["flags"] & (t.CONN_GAP | t.CONN_EVICTED)) != 0
    # The ClientHello must have arrived: else TCP failed, not TLS.
    arrived = (row["client_acked"] > 0) & (row["closed_by"] != endings.NOBODY) & ~lost
    small = (row["client_bytes"] < HANDSHAKE_BYTES) & (row["server_bytes"] < HANDSHAKE_BYTES)
    return rows[begun & arrived & small]


def _alike(traffic: Traffic, rows: np.ndarray) -> list[list[int]]:
    """The connections grouped by server, bytes of both sides and how they closed.

    Those come first in which the load balancer said least: who has agreed on TLS says more than a hello.
    """
    groups: dict[tuple[int, ...], list[int]] = {}
    fields = ("client_bytes", "server_bytes", "server", "server_port", "closed_by", "exchanges")
    for row in rows.tolist():
        connection = traffic.connections[row]
        groups.setdefault(tuple(int(connection[name]) for name in fields), []).append(row)
    return [groups[kind] for kind in sorted(groups)]


def _how(traffic: Traffic, connection: int) -> str:
    """How a connection's TLS handshake failed, in words; "" when it did not, or nobody can know."""
    row = traffic.connections[connection]
    if not row["server_bytes"]:
        if row["closed_by"] == endings.CLIENT:
            return SILENT
        return RESET if row["flags"] & t.CONN_RST_SERVER and not row["server_fin_ns"] else CLOSED
    reader = reading.wire(traffic)
    if reader is None:
        return ""
    answer = hellos.flight(reader.stream(connection, 1, limit_bytes=HANDSHAKE_BYTES))
    if not answer.is_tls:
        return PLAIN
    asked = hellos.flight(reader.stream(connection, 0, limit_bytes=HANDSHAKE_BYTES))
    refusal = next((a for a in answer.alerts if a != hellos.CLOSE_NOTIFY), None)
    if refusal is not None and not answer.encrypted:
        return f"the backend's alert {hellos.alert_name(refusal)}"
    refusal = next((a for a in asked.alerts if a != hellos.CLOSE_NOTIFY), None)
    if refusal is not None and asked.encrypted <= 1:
        return f"the load balancer's alert {hellos.alert_name(refusal)}"
    return ""


def _hello(traffic: Traffic, rows: np.ndarray) -> hellos.Hello:
    """What the first of these connections offered."""
    reader = reading.wire(traffic)
    if reader is None:
        return hellos.Hello()
    return hellos.flight(reader.stream(int(rows[0]), 0, limit_bytes=HANDSHAKE_BYTES)).hello or hellos.Hello()


def _lasted_s(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    row = traffic.connections[rows]
    return (row["last_ns"] - row["first_ns"]) / 1e9
