"""The load balancer closes an idle client connection as the client's next request sets out."""

import time

from captures.lab.lab import Lab
from captures.lab.scenario import scenario

IDLE_S = 1.0
ONE_WAY_S = 0.02


def _race(lab: Lab, balancer: str, races: int = 3) -> None:
    """Send each second request so that it crosses, on a 20 ms path, the balancer's FIN."""
    lab.site()
    lab.balance(balancer, idle_s=IDLE_S)
    client = lab.far_client(delay_s=ONE_WAY_S)
    with lab.recording(), lab.healthy_traffic():
        for _ in range(races):
            connection = client.connect()
            connection.request("/api/items")
            # The answer left 20 ms ago, and the FIN leaves one idle time after it.
            time.sleep(IDLE_S - ONE_WAY_S)
            connection.request("/api/items", note="fault")
            connection.close()
            time.sleep(0.1)
    failed = [o for o in lab.outcomes(note="fault") if o.error]
    lab.note(f"The load balancer's idle timeout was {IDLE_S:g} s.")
    lab.expect("frontend-keepalive-race", len(failed), alb_idle_timeout_s=(IDLE_S, 0.1))


@scenario("nginx closes after 1 s idle: its FIN and the next request cross, and the client gets nothing")
def nginx_crossing_fin(lab: Lab) -> None:
    """Count: requests without an answer, from the client's log."""
    _race(lab, "nginx")


@scenario("HAProxy closes after 1 s idle: its FIN and the client's next request cross")
def haproxy_crossing_fin(lab: Lab) -> None:
    """Count: requests without an answer, from the client's log."""
    _race(lab, "haproxy")


@scenario("idle connections closed in order by the balancer; the clients notice and connect anew")
def near_miss_closed_in_order(lab: Lab) -> None:
    """nginx closes after 1 s idle; no request is in flight."""
    lab.site()
    lab.nginx(idle_s=IDLE_S)
    client = lab.far_client(delay_s=ONE_WAY_S)
    with lab.recording(), lab.healthy_traffic():
        for _ in range(2):
            connection = client.connect()
            connection.request("/api/items")
            time.sleep(IDLE_S + 0.3)
            connection.close()
