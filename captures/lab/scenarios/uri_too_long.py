"""The request's target is longer than the load balancer or the backend takes."""

from captures.lab.lab import Lab
from captures.lab.scenario import scenario


def _ask(lab: Lab, query_bytes: int, requests: int = 3) -> None:
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(requests):
            client.get("/api/items?q=" + "q" * query_bytes, note="fault")
            client.get("/api/items?q=short")


@scenario("a target of 34,000 bytes meets Alibaba's limit of 32 KB: 414 by the load balancer", "alb client")
def nginx_by_balancer(lab: Lab) -> None:
    """Count: 414s in the client's log."""
    lab.site()
    lab.nginx(http="large_client_header_buffers 4 32k;")
    _ask(lab, 34_000)
    lab.extra["profile"] = "alibaba"
    lab.expect("uri-too-long", lab.count(status=414, note="fault"), at="alb client")


@scenario(
    "a target of 9,000 bytes passes the balancer and meets the backend's own 8 KB: 414 by the backend",
    "alb backend",
)
def haproxy_by_backend(lab: Lab) -> None:
    """The backend is nginx with its default buffers; count: 414s in the client's log."""
    lab.site(address="10.0.1.22")
    lab.site()
    lab.haproxy({"site": ["10.0.1.21:8080"], "faulty": ["10.0.1.22:8080"]})
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(3):
            client.get("/faulty/items?q=" + "q" * 9_000, note="fault")
            client.get("/faulty/items?q=short")
    lab.expect("uri-too-long", lab.count(status=414, note="fault"), at="alb backend")


@scenario("a target of 7,000 bytes: long, and taken by all")
def near_miss_long(lab: Lab) -> None:
    """Every answer is 200."""
    lab.site()
    lab.nginx(http="large_client_header_buffers 4 32k;")
    _ask(lab, 7_000)
    if bad := [o for o in lab.outcomes() if not o.ok]:
        raise RuntimeError(f"a target within the limit failed: {bad}")
