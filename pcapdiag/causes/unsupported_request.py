"""The request needs a protocol that this load balancer, or this target group, does not speak.

What the wire shows
    464: gRPC or an HTTP version that does not match the target group (AWS). 501: a Transfer-Encoding other
    than chunked and identity. 505, or another refusal: HTTP/2's preface (PRI * HTTP/2.0) in clear on a
    connection that speaks HTTP/1.1.

Why it happens
    AWS target groups have a protocol version: HTTP1 takes no gRPC, GRPC takes no HTTP/1.1 and only POST,
    HTTP2 takes no HTTP/1.1. HTTP/2 is spoken with clients on HTTPS listeners only, on AWS and on Alibaba
    Cloud. gRPC clients set to plaintext send the preface at once ("prior knowledge"). A coding such as gzip
    belongs into Content-Encoding.

What to do
    Give the target group the version its clients speak, or a rule that sends gRPC to a group of its own.
    Let gRPC and HTTP/2 clients use the HTTPS listener. Use Transfer-Encoding for chunked only.

What it could be mistaken for
    malformed-request: there the request breaks HTTP's rules; here it keeps the rules of another version.
    tls-on-plaintext-port: there a TLS handshake comes, not HTTP/2's preface. backend-error-status: there a
    backend answered 501.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import claims, endings, outcome, own_answers, reading
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.columns import distinct
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "unsupported-request",
    Severity.ERROR,
    legs=("frontend",),
    statuses=(464, 501, 505),
    outranks=(
        "malformed-request",
        "client-closed-before-request",
        "alb-policy-response",
        "backend-error-status",
    ),
    mistaken_for=(
        ("malformed-request", "the request is valid by another version's rules"),
        ("backend-error-status", "no backend was asked"),
    ),
    either_leg=True,
)

MISMATCH, NOT_IMPLEMENTED, VERSION = 464, 501, 505
ALLOWED_CODINGS = ("chunked", "identity")
HTTP1 = b"HTTP/1."
READ_AT_ONCE = 20
PREFACE = "HTTP/2 preface in clear on an HTTP/1.1 connection"


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    rows = own_answers.refused(traffic, MISMATCH, NOT_IMPLEMENTED, VERSION)
    if len(rows):
        rows = rows[own_answers.by_itself(traffic, profile, rows)]
        status = traffic.exchanges["status"][rows]
        rows = rows[(status != NOT_IMPLEMENTED) | _has_other_coding(traffic, rows)]
    prefaced = _prefaced(traffic)
    if not len(rows) and not len(prefaced):
        return
    reasons = _reasons(traffic, rows, prefaced)
    on = np.concatenate([traffic.exchanges["connection"][rows], prefaced]).astype("i8")
    names = claims.peers(traffic, on, t.LEG_FRONTEND)
    finding = claims.finding(
        traffic,
        CAUSE,
        t.LEG_FRONTEND,
        title=(
            f"{{count}} requests of {claims.who(names, 'clients')} needed what the load balancer does not "
            f"speak: {next(iter(reasons))}{' and more' if len(reasons) > 1 else ''}"
        ),
        explanation=(
            "The load balancer refused them itself: "
            + "; ".join(f"{reason} ({n:,})" for reason, n in reasons.items())
            + "."
        ),
        remedy=(
            "Give the target group the protocol version that these clients speak, or gRPC a group of its "
            "own.",
            "Let HTTP/2 and gRPC clients use the HTTPS listener; put gzip into Content-Encoding.",
        ),
        exchanges=rows,
        connections=prefaced,
        facts={"reasons": list(reasons), "http2_prefaces": len(prefaced)},
        note="the request, and its refusal",
    )
    finding.statuses = dict(Counter(outcome.statuses(traffic, rows)) + _answers(traffic, prefaced))
    yield finding


def _has_other_coding(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether each request has a transfer coding other than chunked and identity.

    "gzip, chunked" is chunked to the tables, so those are read; of many, the others are as the first ones.
    """
    found = endings.has_flag(traffic, rows, t.REQ_TE_OTHER)
    unknown = np.flatnonzero(~found & endings.has_flag(traffic, rows, t.REQ_CHUNKED))
    heads = reading.request_heads(traffic, rows[unknown], READ_AT_ONCE)
    read = np.array([bool(_other_codings(head)) for head in heads], "?")
    found[unknown[: len(read)]] = read
    if len(read) and read.all():
        found[unknown] = True
    return found


def _other_codings(head: bytes) -> list[str]:
    return [c for c in reading.listed(head, "Transfer-Encoding") if c.lower() not in ALLOWED_CODINGS]


def _prefaced(traffic: Traffic) -> np.ndarray:
    """Frontend connections that began with HTTP/2's preface and were not answered in HTTP/2."""
    connections = traffic.connections
    rows = np.flatnonzero(connections["protocol"] == t.PROTOCOL_HTTP2)
    rows = rows[endings.connections_on(traffic, t.LEG_FRONTEND)[rows] & (connections["exchanges"][rows] == 0)]
    rows = rows[connections["closed_by"][rows] == endings.SERVER]
    refused = np.array([_refused_preface(traffic, row) for row in rows[:READ_AT_ONCE].tolist()], "?")
    return rows if len(refused) and refused.all() else rows[:READ_AT_ONCE][refused]


def _refused_preface(traffic: Traffic, connection: int) -> bool:
    """Whether the server closed without a byte, or answered in HTTP/1: who speaks HTTP/2 sends SETTINGS."""
    if traffic.connections["server_bytes"][connection] == 0:
        return bool(traffic.connections["client_acked"][connection] > 0)
    return _answer(traffic, connection).startswith(HTTP1)


def _answer(traffic: Traffic, connection: int) -> bytes:
    """The first bytes that the server sent: those of a status line, ``HTTP/1.1 400``."""
    reader = reading.wire(traffic)
    return b"" if reader is None else reader.stream(connection, 1, limit_bytes=len(HTTP1) + 5)[:12]


def _answers(traffic: Traffic, prefaced: np.ndarray) -> Counter[str]:
    """With which status each preface was refused; of many, the others as the first one."""
    read = [_answer(traffic, row) for row in prefaced[:READ_AT_ONCE].tolist()]
    statuses = [line[9:12].decode("latin-1") if line.startswith(HTTP1) else "none" for line in read]
    return Counter(statuses) + Counter(statuses[:1] * (len(prefaced) - len(read)))


def _reasons(traffic: Traffic, rows: np.ndarray, prefaced: np.ndarray) -> dict[str, int]:
    """Why these were refused, the most frequent first."""
    status = traffic.exchanges["status"][rows]
    found: Counter[str] = Counter()
    for code in distinct(status).tolist():
        alike = rows[status == code]
        heads = reading.request_heads(traffic, alike, 1)
        found[_reason(code, heads[0] if heads else b"")] += len(alike)
    if len(prefaced):
        found[PREFACE] = len(prefaced)
    return dict(found.most_common())


def _reason(status: int, head: bytes) -> str:
    """Why a request like this gets this status."""
    if status == NOT_IMPLEMENTED:
        codings = ", ".join(_other_codings(head)) or "other than chunked"
        return f"Transfer-Encoding {codings}"
    if status == VERSION:
        version = head.split(b"\r\n", 1)[0].split(b" ")[-1][:8].decode("latin-1")
        return f"an HTTP version that is not supported {version}".rstrip()
    content = next(iter(reading.fields(head, "Content-Type")), "")
    if content.startswith("application/grpc"):
        return f"gRPC ({content}) for a target group of another protocol version"
    return "a protocol version that does not match the target group's"
