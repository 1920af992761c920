"""The path between load balancer and backend is long."""

from captures.lab.bench import FAULTY
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

FAR_S, NEAR_S = 0.15, 0.01


def _ask(lab: Lab, balancer: str, one_way_s: float) -> None:
    lab.site()
    lab.faulty()
    lab.balance(balancer)
    lab.network.shape(lab.backend(FAULTY), delay_s=one_way_s)
    client = lab.client()

    def browse() -> None:
        connection = client.connect()
        for _ in range(3):
            connection.request("/faulty/works", note="far")
        connection.close()

    with lab.recording(), lab.healthy_traffic():
        lab.at_once(3, browse)


@scenario("a backend 300 ms away, in another region; the other is near", "alb")
def nginx_far_backend(lab: Lab) -> None:
    """A user-space wire delays its packets by 150 ms each way.

    Count: requests to it, from the client's log.
    """
    _ask(lab, "nginx", FAR_S)
    count = lab.count(status=200, note="far")
    lab.expect(
        "backend-high-rtt", count, severity="warning", median_rtt_ms=(2000 * FAR_S, 20), count_within=count
    )


@scenario("a backend 20 ms away: an ordinary distance")
def near_miss_ordinary(lab: Lab) -> None:
    """A user-space wire delays its packets by 10 ms each way."""
    _ask(lab, "haproxy", NEAR_S)
