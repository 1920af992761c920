"""Why a message is malformed, in words: llhttp's verdict, and what llhttp lets pass but HTTP/1.1 forbids."""

from __future__ import annotations

REASON_LIMIT = 200
_SHOWN = 60
CRLF = b"\r\n"

_BOTH_LENGTHS = "both Content-Length and Transfer-Encoding are given"

#: What llhttp says, and what an engineer would say.
PLAIN = {
    "Invalid header token": "a header field name holds a character that RFC 9110 does not allow",
    "Invalid header value char": "a header field value holds a control character",
    "Invalid HTTP version": "the HTTP version is none that exists",
    "Invalid method encountered": "the method is none that is known",
    "Invalid status code": "the status code is not a three-digit number",
    "Duplicate Content-Length": "Content-Length stands twice",
    "Content-Length can't be present with Transfer-Encoding": _BOTH_LENGTHS,
    "Transfer-Encoding can't be present with Content-Length": _BOTH_LENGTHS,
    "Invalid character in Content-Length": "Content-Length is not a number",
    "Content-Length overflow": "Content-Length is larger than any number a parser holds",
    "Invalid character in chunk size": "a chunk does not begin with its size in hexadecimal",
    "Chunk size overflow": "a chunk size is larger than any number a parser holds",
    "Expected LF after chunk data": "a chunk is longer than its size says",
    "Unexpected whitespace after header value": "a header field goes on in a second line (obsolete folding)",
    "Expected CRLF after version": "the start line does not end in CRLF",
    "Missing expected CR after header value": "a header line does not end in CRLF",
    "Missing expected LF after header value": "a header line ends in a bare CR",
    "Expected HTTP/, RTSP/ or ICE/": "the start line is not HTTP's",
}


def why_malformed(stream: bytes, direction: int) -> str:
    """What is wrong with a message and the bytes after it; "" when nothing is.

    `stream` begins with the message's first byte; direction 0 is a request, 1 a response.
    """
    if not stream:
        return ""
    import httptools

    listener = _Listener(direction)
    parser = (httptools.HttpResponseParser if direction else httptools.HttpRequestParser)(listener)
    head, end, body = stream.partition(b"\r\n\r\n")
    part = b""
    try:
        for part in [*(head + end).splitlines(keepends=True), body]:
            parser.feed_data(part)
    except httptools.HttpParserUpgrade:
        return ""
    except (httptools.HttpParserError, httptools.HttpParserCallbackError) as error:
        if listener.complete:
            return f"bytes follow the message that begin no other: {_quoted(part[-_SHOWN:])}"
        where = "in the body, which begins " if listener.in_body else ""
        return f"{_plain(str(error))}: {where}{_quoted(part.strip(CRLF))}"[:REASON_LIMIT]
    return listener.leniently_accepted(parser)


def _plain(error: str) -> str:
    return PLAIN.get(error, error[:1].lower() + error[1:])


def _quoted(text: bytes) -> str:
    shown = text[:_SHOWN].decode("ascii", "backslashreplace")
    shown = "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in shown)
    return f"'{shown}'" + ("…" if len(text) > _SHOWN else "")


class _Listener:
    """Follows llhttp's events, to tell where it was when it stopped."""

    def __init__(self, direction: int) -> None:
        self.direction = direction
        self.in_body = False
        self.complete = False
        self.hosts: list[bytes] = []
        self.encodings: list[bytes] = []

    def on_header(self, name: bytes, value: bytes) -> None:
        if name.lower() == b"host":
            self.hosts.append(value)
        elif name.lower() == b"transfer-encoding":
            self.encodings.append(value)

    def on_headers_complete(self) -> None:
        self.in_body = True

    def on_message_complete(self) -> None:
        self.complete = True

    def leniently_accepted(self, parser) -> str:  # type: ignore[no-untyped-def]
        """What llhttp accepts and RFC 9112 does not."""
        if not self.in_body:
            return ""
        if self.direction == 0:
            if parser.get_http_version() == "0.9":
                return "the request line names no HTTP version"
            if parser.get_http_version() == "1.1" and not self.hosts:
                return "an HTTP/1.1 request without Host (RFC 9112, 3.2)"
            if len(self.hosts) > 1:
                return f"Host stands {len(self.hosts)} times (RFC 9112, 3.2)"
            if self.encodings and not self.encodings[-1].lower().rstrip().endswith(b"chunked"):
                last = _quoted(self.encodings[-1])
                return f"Transfer-Encoding ends in {last}, not in chunked (RFC 9112, 6.1)"
            return ""
        status = parser.get_status_code()
        return "" if 100 <= status <= 599 else f"status {status} is outside 100 to 599 (RFC 9110, 15)"
