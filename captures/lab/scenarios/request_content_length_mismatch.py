"""The request's body is not as long as its Content-Length says."""

import time
from typing import Any

from captures.lab.client import build_request
from captures.lab.lab import Lab
from captures.lab.scenario import scenario


def _post(length: int, body: bytes) -> bytes:
    return build_request("/api/items", "POST", b"", "shop.example.com", Content_Length=str(length)) + body


def _end_short(lab: Lab, balancer: str, **options: Any) -> None:
    """The load balancer waits for the whole body, so the site cannot have answered before the end."""
    lab.site()
    lab.balance(balancer, **options)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(3):
            connection = client.connect()
            connection.send(_post(1000, b"x" * 400))
            connection.half_close()
            connection.read("POST", note="fault")
            connection.close()
    cut = [o for o in lab.outcomes(note="fault") if not o.ok]
    lab.expect("request-content-length-mismatch", len(cut), at=" ".join(lab.scenario.vantages))


@scenario("the client ends its side in order, 600 bytes short; HAProxy closes, and logs 400", "alb client")
def haproxy_half_closed_short(lab: Lab) -> None:
    """400 of 1,000 bytes, then the client shuts its sending side; count: failures in the client's log."""
    _end_short(lab, "haproxy", frontend="option http-buffer-request")


@scenario("the client ends its side in order, 600 bytes short; nginx closes, and logs 400")
def nginx_half_closed_short(lab: Lab) -> None:
    """400 of 1,000 bytes, then the client shuts its sending side; count: failures in the client's log."""
    _end_short(lab, "nginx")


@scenario("bytes beyond the announced body, read as a next request and refused: 400")
def haproxy_sent_more(lab: Lab) -> None:
    """60 bytes behind a Content-Length of 10: the request succeeds, its tail gets 400; count: those."""
    lab.site()
    lab.haproxy()
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(3):
            connection = client.connect()
            connection.raw(_post(10, b'{"id": 1, "name": "a long name that was not counted in bytes"}'))
            connection.read("POST", note="fault")
            connection.close()
    lab.expect("request-content-length-mismatch", lab.count(status=400, note="fault"))


@scenario("bytes after the body: the next, pipelined request; and a stray CRLF that RFC 9112 forgives")
def near_miss_pipelined(lab: Lab) -> None:
    """A POST with a GET right behind it, and a POST followed by CRLF before the next request."""
    lab.site()
    lab.haproxy()
    client = lab.client()
    following = build_request("/", "GET", b"", client.host_header)
    with lab.recording(), lab.healthy_traffic():
        for separator in (b"", b"\r\n") * 2:
            connection = client.connect()
            connection.raw(_post(10, b"0123456789" + separator + following))
            connection.read("GET")
            time.sleep(0.05)
            connection.close()
    if bad := [o for o in lab.outcomes() if not o.ok]:
        raise RuntimeError(f"a legal request failed: {bad}")
