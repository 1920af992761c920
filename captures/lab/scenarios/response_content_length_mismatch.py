"""The response's body is not as long as its head announced."""

from typing import Any

from captures.lab.backends import Route, head, sends
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

CUT_CHUNKS = head("200 OK", "Transfer-Encoding: chunked") + b"400\r\n" + b"x" * 1024 + b"\r\n"


def _ask(lab: Lab, balancer: str, route: Route, requests: int = 3, **options: Any) -> None:
    lab.site()
    lab.faulty({"/faulty/report": route})
    lab.balance(balancer, **options)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(requests):
            client.get("/faulty/report", note="fault")
            client.get("/faulty/works")


def _expect_cut(lab: Lab) -> None:
    failed = [o for o in lab.outcomes(note="fault") if not o.ok]
    lab.expect("response-content-length-mismatch", len(failed), at=" ".join(lab.scenario.vantages))


@scenario("the backend closes in order 2,000 bytes short: the client's 200 is cut", "alb client backend")
def nginx_closed_short(lab: Lab) -> None:
    """3,000 of 5,000 bytes, then FIN; count: cut answers in the client's log."""
    _ask(lab, "nginx", sends(head("200 OK", "Content-Length: 5000") + b"x" * 3000, "close"))
    _expect_cut(lab)


@scenario("the backend closes in order 2,000 bytes short: HAProxy's client gets a cut 200")
def haproxy_closed_short(lab: Lab) -> None:
    """3,000 of 5,000 bytes, then FIN; count: cut answers in the client's log."""
    _ask(lab, "haproxy", sends(head("200 OK", "Content-Length: 5000") + b"x" * 3000, "close"))
    _expect_cut(lab)


@scenario("a chunked body that ends without its last chunk")
def haproxy_no_last_chunk(lab: Lab) -> None:
    """One chunk of 1,024 bytes, then FIN; count: cut answers in the client's log."""
    _ask(lab, "haproxy", sends(CUT_CHUNKS, "close"))
    _expect_cut(lab)


@scenario("the backend announces 200 bytes more than it sends and keeps the connection open")
def nginx_left_open(lab: Lab) -> None:
    """800 of 1,000 bytes, then silence until nginx gives up after 1.5 s.

    Count: cut answers in the client's log.
    """
    _ask(lab, "nginx", sends(head("200 OK", "Content-Length: 1000") + b"x" * 800), response_timeout_s=1.5)
    _expect_cut(lab)


@scenario(
    "the backend sends more than it announced; the load balancer cuts the rest, the client sees a good 200"
)
def nginx_sent_more(lab: Lab) -> None:
    """1,400 bytes behind a Content-Length of 1,000: no request failed; count: the server's script."""
    _ask(lab, "nginx", sends(head("200 OK", "Content-Length: 1000") + b"x" * 1400))
    lab.expect("response-content-length-mismatch", lab.count(status=200, note="fault"), severity="warning")


@scenario("bodies that need no length, or none at all: HEAD, 304, 204, and one that ends with its connection")
def near_miss_no_body_or_until_close(lab: Lab) -> None:
    """HEAD and 304 announce a length and send no body; a body without length ends by FIN."""
    lab.site()
    lab.faulty(
        {
            "/faulty/head": sends(head("200 OK", "Content-Length: 5000")),
            "/faulty/304": sends(head("304 Not Modified", "Content-Length: 5000", 'ETag: "v1"')),
            "/faulty/204": sends(head("204 No Content")),
            "/faulty/until-close": sends(head("200 OK") + b"x" * 3000, "close"),
        }
    )
    lab.haproxy()
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(3):
            connection = client.connect()
            connection.request("/faulty/head", "HEAD")
            connection.request("/faulty/304", If_None_Match='"v1"')
            connection.request("/faulty/204")
            connection.close()
            client.get("/faulty/until-close")
    if bad := [o for o in lab.outcomes() if not o.ok]:
        raise RuntimeError(f"a legal answer failed: {bad}")
