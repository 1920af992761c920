"""The TRACE method, which load balancers refuse."""

from captures.lab.backends import answers
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

TRACE = b"TRACE /api/items HTTP/1.1\r\nHost: shop.example.com\r\nUser-Agent: lab-client/1.0\r\n\r\n"


def _trace(lab: Lab) -> None:
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(3):
            client.once(TRACE, "fault")
            client.get("/api/items")
    lab.expect("trace-not-supported", lab.count(status=405, note="fault"), at=" ".join(lab.scenario.vantages))


@scenario("TRACE: 405 by nginx itself", "alb client")
def nginx_405(lab: Lab) -> None:
    """Count: 405s in the client's log."""
    lab.site()
    lab.nginx()
    _trace(lab)


@scenario("TRACE: 405 by a rule of HAProxy")
def haproxy_405(lab: Lab) -> None:
    """Count: 405s in the client's log."""
    lab.site()
    lab.haproxy(frontend="http-request deny deny_status 405 if METH_TRACE")
    _trace(lab)


@scenario("405 made by the backend for DELETE: its own answer, passed on")
def near_miss_backend_405(lab: Lab) -> None:
    """Count: 405s in the client's log."""
    lab.site()
    lab.faulty({"/faulty/item": answers("405 Method Not Allowed", b"no\n", "Allow: GET")})
    lab.haproxy()
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(3):
            client.once(b"DELETE /faulty/item HTTP/1.1\r\nHost: shop.example.com\r\n\r\n", "fault")
    lab.expect("backend-error-status", lab.count(status=405, note="fault"), severity="warning")
