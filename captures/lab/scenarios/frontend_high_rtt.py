"""The path between client and load balancer is long."""

from captures.lab.lab import Lab
from captures.lab.scenario import scenario

FAR_S, NEAR_S = 0.18, 0.02


def _visit(lab: Lab, balancer: str, one_way_s: float) -> None:
    lab.site()
    lab.balance(balancer)
    client = lab.far_client(delay_s=one_way_s)

    def browse() -> None:
        connection = client.connect()
        for path in ("/api/items", "/style.css", "/api/items"):
            connection.request(path, note="far")
        connection.close()

    with lab.recording(), lab.healthy_traffic():
        lab.at_once(3, browse)


@scenario("one client 360 ms away, others near: its every round trip costs that much")
def haproxy_far_client(lab: Lab) -> None:
    """A user-space wire delays its packets by 180 ms each way; count: its requests, from the client's log."""
    _visit(lab, "haproxy", FAR_S)
    count = lab.count(status=200, note="far")
    lab.expect(
        "frontend-high-rtt", count, severity="warning", median_rtt_ms=(2000 * FAR_S, 20), count_within=count
    )


@scenario("one client 360 ms away from nginx, others near")
def nginx_far_client(lab: Lab) -> None:
    """A user-space wire delays its packets by 180 ms each way; count: its requests, from the client's log."""
    _visit(lab, "nginx", FAR_S)
    count = lab.count(status=200, note="far")
    lab.expect(
        "frontend-high-rtt", count, severity="warning", median_rtt_ms=(2000 * FAR_S, 20), count_within=count
    )


@scenario("a client 40 ms away: an ordinary distance")
def near_miss_ordinary(lab: Lab) -> None:
    """A user-space wire delays its packets by 20 ms each way."""
    _visit(lab, "haproxy", NEAR_S)
