"""HTTP over an open connection, in one line a test."""

from __future__ import annotations

from typing import Any

from tests.conversation import Conversation
from tests.reading import Reading

GET = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def opened(**options: Any) -> Conversation:
    c = Conversation(**options)
    c.handshake()
    return c


def post(body: str, *fields: str, announced: int | None = None) -> str:
    length = len(body) if announced is None else announced
    lines = ["POST /form HTTP/1.1", "Host: a", f"Content-Length: {length}", *fields, "", body]
    return "\r\n".join(lines)


def response(body: str = "", *fields: str, status: str = "200 OK", length: int | None = None) -> str:
    fields = fields if length is None else (f"Content-Length: {length}", *fields)
    return "\r\n".join([f"HTTP/1.1 {status}", *fields, "", body])


def talk(*turns: str | bytes, **options: Any) -> Reading:
    """The client and the server in turn, the client first; then the connection closes."""
    c = opened(**options)
    for k, turn in enumerate(turns):
        (c.server if k % 2 else c.client).send(turn)
    c.close()
    return Reading(c)
