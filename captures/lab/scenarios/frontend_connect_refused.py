"""RST answers the client's SYN: the load balancer has no such listener."""

import time

from captures.lab.bench import ALB_FRONT
from captures.lab.lab import Lab
from captures.lab.scenario import scenario


@scenario("clients use port 8081, where nothing listens: RST answers each SYN", "alb client")
def haproxy_no_listener(lab: Lab) -> None:
    """HAProxy listens on 80 only; count: refusals in the client's log."""
    lab.site()
    lab.haproxy()
    client = lab.client((ALB_FRONT, 8081))
    with lab.recording(), lab.healthy_traffic():
        for _ in range(4):
            client.get("/", note="fault")
            time.sleep(0.1)
    lab.expect("frontend-connect-refused", lab.count(error="ConnectionRefusedError"), at="alb client")
    lab.check(f"tcp.flags.reset == 1 && tcp.seq == 1 && ip.src == {ALB_FRONT}", 4, 4)


@scenario("RSTs from the balancer that refuse nothing: late packets of connections it has already forgotten")
def near_miss_late_packets(lab: Lab) -> None:
    """HAProxy closes idle connections after 1 s; an RST answers the clients' FINs, which come later."""
    lab.site()
    lab.haproxy(idle_s=1)
    lab.alb.sysctl(ipv4__tcp_fin_timeout=1)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        connections = [client.connect() for _ in range(3)]
        for connection in connections:
            connection.request("/api/items")
        time.sleep(3.5)
        for connection in connections:
            connection.close()
    lab.check(f"tcp.flags.reset == 1 && ip.src == {ALB_FRONT}", 1)
