"""The client's request is not HTTP/1.1."""

from captures.lab.lab import Lab
from captures.lab.scenario import scenario

HOST = b"Host: shop.example.com\r\n"
BROKEN = (
    b"GET /api items HTTP/1.1\r\n" + HOST + b"\r\n",
    b"GET /api/items HTTQ/1.1\r\n" + HOST + b"\r\n",
    b"GET /api/items HTTP/1.1\r\n" + HOST + b"X Trace: 1\r\n\r\n",
    b"GET /api/items HTTP/1.1\r\n\r\n",
    b"POST /api/items HTTP/1.1\r\n" + HOST + b"Content-Length: 3\r\nContent-Length: 5\r\n\r\nabc",
    b"POST /api/items HTTP/1.1\r\n" + HOST + b"Content-Length: abc\r\n\r\nabc",
    b"POST /api/items HTTP/1.1\r\n" + HOST + b"Transfer-Encoding: chunked\r\n\r\nxyz\r\nabc\r\n0\r\n\r\n",
)


def _ask(lab: Lab, balancer: str, requests: tuple[bytes, ...]) -> None:
    lab.site()
    lab.balance(balancer)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for request in requests:
            client.once(request, note="fault")
            client.get("/api/items")


@scenario(
    "bad target, version or header name, no Host, bad lengths, a bad chunk: 400",
    "alb client",
)
def nginx_seven(lab: Lab) -> None:
    """Seven kinds, of which nginx refuses those counted: 400s in the client's log."""
    _ask(lab, "nginx", BROKEN)
    lab.expect("malformed-request", lab.count(status=400, note="fault"), at="alb client")


@scenario("seven kinds of malformed request through HAProxy, each answered 400")
def haproxy_seven(lab: Lab) -> None:
    """Seven kinds, of which HAProxy refuses those counted: 400s in the client's log."""
    _ask(lab, "haproxy", BROKEN)
    lab.expect("malformed-request", lab.count(status=400, note="fault"))


@scenario("a bad chunk, which Varnish meets when it has begun to pass the request on: 503")
def varnish_bad_chunk(lab: Lab) -> None:
    """The server's answer comes when Varnish has closed; count: 503s in the client's log."""
    _ask(lab, "varnish", BROKEN[-1:] * 3)
    lab.expect("malformed-request", lab.count(status=503, note="fault"))
    lab.check("http.response.code == 503", 3, 3)


@scenario(
    "unusual and allowed: absolute form, OPTIONS *, HTTP/1.0 without Host, odd methods and field values"
)
def near_miss_unusual(lab: Lab) -> None:
    """All are legal; the balancer and the site answer each in their way."""
    _ask(
        lab,
        "haproxy",
        (
            b"GET http://shop.example.com/api/items HTTP/1.1\r\n" + HOST + b"\r\n",
            b"GET /api/items HTTP/1.0\r\n\r\n",
            b"\r\nGET /api/items?q=a+b HTTP/1.1\r\n" + HOST + b"X-Empty:\r\nX-Tabs:\t a\t\r\n\r\n",
            b"POST /api/items HTTP/1.1\r\n"
            + HOST
            + b"Transfer-Encoding: chunked\r\n\r\n3;n=v\r\nabc\r\n0\r\nX-T: 1\r\n\r\n",
        ),
    )
    if bad := [o for o in lab.outcomes() if not o.ok]:
        raise RuntimeError(f"a legal request failed: {bad}")
