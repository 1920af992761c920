"""The path between client and load balancer loses packets."""

import time

from captures.lab.bench import ALB_FRONT
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

LONE_REQUEST = "tcp dport 80 tcp flags & (syn|fin) == 0 ip length > 60 numgen inc mod 3 == 1"


@scenario(
    "requests lost on their way in: each stalls for a retransmission timeout", "alb client", retransmits=True
)
def haproxy_requests_lost(lab: Lab) -> None:
    """nftables loses every third segment with data; count: requests over 0.15 s in the client's log."""
    lab.site()
    lab.haproxy()
    client = lab.client()
    connection = client.connect()
    with lab.recording():
        with lab.healthy_traffic():
            pass
        lab.network.drop_from(lab.client_host, LONE_REQUEST)
        for _ in range(16):
            connection.request("/api/items")
            time.sleep(0.03)
        lab.network.heal()
    slow = len([o for o in client.outcomes if o.seconds > 0.15])
    lab.expect("frontend-packet-loss", slow, at="client", severity="warning", count_within=2)
    # A lone request lost before it came here only looks late: this side sees some of the losses.
    lab.expect("frontend-packet-loss", slow, severity="warning", count_within=slow - 1)
    lab.check("tcp.analysis.retransmission", 4, at="client")
    lab.check("http.response.code == 200", 40, at="alb")


@scenario(
    "responses lost on their way out, fast retransmissions and timeouts among them",
    "alb client",
    retransmits=True,
)
def nginx_responses_lost(lab: Lab) -> None:
    """nftables loses 1 in 9 full segments towards the client; count: all downloads while it did."""
    lab.site()
    lab.nginx()
    client = lab.client()
    with lab.recording():
        with lab.healthy_traffic(12):
            pass
        lab.network.drop_to(
            lab.client_host, f"ip saddr {ALB_FRONT} tcp sport 80 ip length > 900 numgen inc mod 9 == 4"
        )
        for _ in range(6):
            client.get("/page.html")
            time.sleep(0.03)
        lab.network.heal()
    lab.expect(
        "frontend-packet-loss", len(client.outcomes), at="alb client", severity="warning", count_within=4
    )
    lab.check("tcp.analysis.retransmission && ip.src == 10.0.0.10", 4)


@scenario(
    "reordering that looks like loss: out-of-order segments and duplicate ACKs, nothing lost",
    retransmits=True,
)
def near_miss_reordering(lab: Lab) -> None:
    """A user-space wire holds every eighth large segment back for 1 ms; it loses nothing."""
    lab.site()
    lab.nginx()
    client = lab.client()
    wire = lab.network.shape(lab.client_host, swap_every=8, swap_s=0.001, delay_s=0.004)
    with lab.recording(), lab.healthy_traffic(12):
        for _ in range(5):
            client.get("/page.html")
    if wire.lost:
        raise RuntimeError("the wire lost packets")


@scenario("keep-alive probes on an idle connection: they repeat a byte, and nothing is lost")
def near_miss_keepalive_probes(lab: Lab) -> None:
    """The client's socket probes each second while idle for 3.5 s."""
    lab.site()
    lab.haproxy()
    client = lab.client()
    connection = client.connect()
    connection.probe_every(1)
    with lab.recording(), lab.healthy_traffic():
        connection.request("/")
        time.sleep(3.5)
        connection.request("/")
        connection.close()
    lab.check("tcp.analysis.keep_alive", 3)
