from __future__ import annotations

import pytest

from pcapdiag.malformed import REASON_LIMIT, why_malformed


@pytest.mark.parametrize(
    ("request_bytes", "reason"),
    [
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", ""),
        (b"", ""),
        (b"GET / HTTP/1.1\r\nHo st: a\r\n\r\n", "a header field name holds a character"),
        (b"GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", "'X : y'"),
        (b"G@T / HTTP/1.1\r\n\r\n", "the method is none that is known"),
        (b"GET / HTTP/7.3\r\n\r\n", "the HTTP version is none that exists"),
        (b"GET /\r\n\r\n", "the request line names no HTTP version"),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "Content-Length stands twice",
        ),
        (
            b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "both Content-Length and Transfer-Encoding",
        ),
        (b"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "a chunk does not begin"),
        (b"GET / HTTP/1.1\r\n\r\n", "without Host"),
        (b"GET / HTTP/1.0\r\n\r\n", ""),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "Host stands 2 times"),
        (b"GET / HTTP/1.1\r\nHost: a\r\n\r\n\x16\x03\x01", "bytes follow the message"),
    ],
)
def test_says_what_is_wrong_with_a_request(request_bytes: bytes, reason: str) -> None:
    said = why_malformed(request_bytes, 0)
    assert (reason in said) if reason else said == ""


@pytest.mark.parametrize(
    ("response", "reason"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", ""),
        (b"HTTP/1.1 2x0 OK\r\n\r\n", "the status code is not a three-digit number"),
        (b"HTTP/1.1 999 Odd\r\nContent-Length: 0\r\n\r\n", "status 999 is outside"),
        (b"SSH-2.0-OpenSSH_9.6\r\n", "the start line is not HTTP's: 'SSH-2.0-OpenSSH_9.6'"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "Content-Length is not a number"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcdefgh\r\n", "a chunk is longer than"),
        (
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n\x81\x05",
            "",
        ),
    ],
)
def test_says_what_is_wrong_with_a_response(response: bytes, reason: str) -> None:
    said = why_malformed(response, 1)
    assert (reason in said) if reason else said == ""


def test_what_it_quotes_is_short_and_harmless() -> None:
    said = why_malformed(b"\x1b[31m" * 1000, 1)
    assert "\x1b" not in said and len(said) <= REASON_LIMIT
