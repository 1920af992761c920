"""The backend answers with bytes that HTTP/1.1 does not allow."""

from captures.lab.backends import Route, head, sends
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

BROKEN = {
    "no-status": b"HTTP/1.1 OK\r\nContent-Length: 3\r\n\r\nok\n",
    "space-in-name": b"HTTP/1.1 200 OK\r\nX Powered By: shop\r\nContent-Length: 3\r\n\r\nok\n",
    "no-colon": b"HTTP/1.1 200 OK\r\nServer shop\r\nContent-Length: 3\r\n\r\nok\n",
    "two-lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 30\r\n\r\nok\n",
    "ssh": b"SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3\r\n",
}
BAD_CHUNK = head("200 OK", "Transfer-Encoding: chunked") + b"5\r\nhello\r\nzz\r\nworld\r\n0\r\n\r\n"


def _ask_each(lab: Lab, balancer: str, routes: dict[str, Route]) -> None:
    lab.site()
    lab.faulty(routes)
    lab.balance(balancer)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for path in routes:
            client.get(path, note="fault")
            client.get("/faulty/works")


@scenario("five malformed heads, each answered 502 by HAProxy", "alb backend")
def haproxy_heads(lab: Lab) -> None:
    """No status code, a space in a name, a line without colon, two lengths, and SSH.

    Count: 502s in the client's log.
    """
    _ask_each(lab, "haproxy", {f"/faulty/{name}": sends(data, "close") for name, data in BROKEN.items()})
    lab.expect("malformed-response", lab.count(status=502, note="fault"), at="alb backend")


@scenario("malformed heads through nginx: 502, or a 200 relayed with the wrong length and cut")
def nginx_heads(lab: Lab) -> None:
    """Conflicting lengths (relayed, and cut) and a bad header line, three times each.

    Count: failures in the client's log.
    """
    names = ("two-lengths", "space-in-name")
    routes = {f"/faulty/{name}-{n}": sends(BROKEN[name], "close") for n in range(3) for name in names}
    _ask_each(lab, "nginx", routes)
    lab.expect("malformed-response", len([o for o in lab.outcomes(note="fault") if not o.ok]))


@scenario("a chunk size that is no number")
def haproxy_bad_chunk(lab: Lab) -> None:
    """Chunk size "zz"; count: failures in the client's log."""
    _ask_each(lab, "haproxy", {f"/faulty/chunk-{n}": sends(BAD_CHUNK, "close") for n in range(3)})
    lab.expect("malformed-response", len([o for o in lab.outcomes(note="fault") if not o.ok]))


@scenario(
    "unusual but allowed: no reason phrase, chunk extensions, trailers, odd case and spacing, an unknown 2xx"
)
def near_miss_unusual(lab: Lab) -> None:
    """Every answer is legal HTTP/1.1, and every request succeeds."""
    legal = {
        "no-reason": b"HTTP/1.1 200 \r\nContent-Length: 3\r\n\r\nok\n",
        "trailers": head("200 OK", "Transfer-Encoding: chunked", "Trailer: X-Sum")
        + b"5;name=value\r\nhello\r\n0\r\nX-Sum: 5d41\r\n\r\n",
        "spacing": b"HTTP/1.1 200 OK\r\ncontent-LENGTH:3\r\nX-Empty:\r\nX-Tab:\ta\tb \t\r\n"
        + b"X-Latin: caf\xe9\r\n\r\nok\n",
        "same-length-twice": b"HTTP/1.1 299 Fine\r\nContent-Length: 3\r\n\r\nok\n",
    }
    _ask_each(lab, "haproxy", {f"/faulty/{name}": sends(data) for name, data in legal.items()})
    if bad := [o for o in lab.outcomes() if not o.ok]:
        raise RuntimeError(f"the load balancer refused a legal answer: {bad}")
