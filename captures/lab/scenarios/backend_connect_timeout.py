"""The load balancer's SYNs to a backend are never answered."""

from typing import Any

from captures.lab.backends import PORT
from captures.lab.bench import ALB_BACK, FAULTY
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

GIVE_UP_S = 2.5


def _call(lab: Lab, balancer: str, **options: Any) -> None:
    lab.site()
    lab.faulty()
    lab.balance(balancer, connect_timeout_s=GIVE_UP_S, **options)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        lab.at_once(4, lambda: client.get("/faulty/unreachable", note="fault"))
    lab.note(f"The load balancer's connect timeout was {GIVE_UP_S:g} s.")
    failed = lab.count(status=504, note="fault")
    lab.expect("backend-connect-timeout", failed, waited_s=(GIVE_UP_S, 0.2))
    if "backend" in lab.scenario.vantages:
        # The backend's host cannot see when the load balancer gave up, only that SYNs ceased.
        lab.expect("backend-connect-timeout", failed, at="backend")
    lab.check(f"tcp.flags == 0x002 && tcp.analysis.retransmission && ip.dst == {FAULTY}", 8)


@scenario("a security group drops the SYNs: repeated, unanswered, 504", "alb client", retransmits=True)
def nginx_syn_dropped(lab: Lab) -> None:
    """The network drops all that goes to port 8080 of 10.0.1.22; count: 504s in the client's log."""
    lab.network.drop_to(lab.backend(FAULTY), f"tcp dport {PORT}")
    _call(lab, "nginx")


@scenario(
    "the backend's own firewall eats the SYNs of HAProxy: they arrive, and nothing answers",
    "alb backend",
    retransmits=True,
)
def haproxy_firewall(lab: Lab) -> None:
    """nftables on 10.0.1.22 drops SYNs; count: 504s in the client's log."""
    lab.backend(FAULTY).firewall("input", f"tcp dport {PORT} drop")
    _call(lab, "haproxy", connect_failure=504)


@scenario(
    "the SYN-ACKs are lost on their way back: the backend answers, the balancer never hears",
    "alb backend",
    retransmits=True,
)
def nginx_return_path(lab: Lab) -> None:
    """The network drops what 10.0.1.22 sends to the load balancer; count: 504s in the client's log."""
    lab.network.drop_from(lab.backend(FAULTY), f"ip daddr {ALB_BACK}")
    _call(lab, "nginx")


@scenario("a lossy path: some SYNs are repeated, all are answered in the end, no time-out", retransmits=True)
def near_miss_lossy_path(lab: Lab) -> None:
    """The network loses 1 in 3 packets to the backend; count: slow requests in the client's log."""
    lab.site()
    lab.faulty()
    lab.nginx(pool_options={"faulty": ""}, connect_timeout_s=8, response_timeout_s=8)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        lab.network.drop_to(lab.backend(FAULTY), f"ip saddr {ALB_BACK} numgen inc mod 3 == 1")
        for _ in range(3):
            lab.at_once(3, lambda: client.get("/faulty/works"))
        lab.network.heal()
    slow = [o for o in client.outcomes if o.seconds > 0.15]
    lab.expect("backend-packet-loss", len(slow), severity="warning", count_within=4)
    lab.check(f"tcp.flags == 0x002 && tcp.analysis.retransmission && ip.dst == {FAULTY}", 1)
    lab.check(f"tcp.len > 0 && tcp.analysis.retransmission && ip.dst == {FAULTY}", 2)
