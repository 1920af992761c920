"""The load balancer has no server to ask, and says so itself."""

import time

from captures.lab.backends import answers
from captures.lab.lab import Lab
from captures.lab.scenario import scenario


def _ask(lab: Lab) -> None:
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(4):
            client.get("/faulty/empty-pool", note="fault")


@scenario("a pool without servers: 503 by the load balancer, no SYN to any backend for it", "alb")
def haproxy_empty_pool(lab: Lab) -> None:
    """Other paths are served meanwhile; count: 503s in the client's log."""
    lab.site()
    lab.haproxy({"site": ["10.0.1.21:8080"], "faulty": []}, connect_failure=503)
    _ask(lab)
    lab.expect("no-backend", lab.count(status=503, note="fault"))
    lab.never("ip.dst == 10.0.1.22")


@scenario("every server of the pool is marked down: nginx says 502, no live upstreams")
def nginx_all_down(lab: Lab) -> None:
    """Other paths are served meanwhile; count: 502s in the client's log."""
    lab.site()
    lab.nginx({"site": ["10.0.1.21:8080"], "faulty": ["10.0.1.22:8080 down"]})
    _ask(lab)
    lab.expect("no-backend", lab.count(status=502, note="fault"))
    lab.never("ip.dst == 10.0.1.22")


@scenario("503 made by the backend: there is one, and it was asked")
def near_miss_backend_503(lab: Lab) -> None:
    """Count: 503s in the client's log."""
    lab.site()
    lab.faulty({"/faulty": answers("503 Service Unavailable", b"in maintenance\n")})
    lab.haproxy()
    _ask(lab)
    lab.expect("backend-error-status", lab.count(status=503, note="fault"))


@scenario("nginx's limit_req says 503 between requests that it hands on: the pool is whole")
def near_miss_limited(lab: Lab) -> None:
    """Every third request or so is within the limit; count: 503s in the client's log."""
    lab.site()
    lab.faulty({"/faulty/limited": answers("200 OK", b"within the limit\n")})
    limit = "limit_req_zone $binary_remote_addr zone=each:1m rate=20r/s; limit_req_status 503;"
    lab.nginx(http=limit, server="limit_req zone=each;")
    client = lab.client()
    with lab.recording():
        for _ in range(30):
            client.get("/faulty/limited", note="fault")
            time.sleep(0.015)
    lab.extra["unexplained"] = {"503": lab.count(status=503)}
