"""SYNs to the load balancer's listener are never answered."""

import time

from captures.lab.bench import ALB_FRONT
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

PATIENCE_S = 3.5
ADMIN = (ALB_FRONT, 8443)


def _call(lab: Lab) -> None:
    lab.site()
    lab.haproxy(listen=[f"{ALB_FRONT}:80", f"{ALB_FRONT}:8443"])
    client = lab.client(ADMIN)
    with lab.recording(), lab.healthy_traffic():
        lab.at_once(3, lambda: client.once(b"GET /admin HTTP/1.1\r\n\r\n", "fault", timeout_s=PATIENCE_S))
    lab.note(f"The clients gave up after {PATIENCE_S:g} s.")
    failed = lab.count(error="TimeoutError", note="fault")
    lab.expect("frontend-connect-timeout", failed, at=" ".join(lab.scenario.vantages))
    lab.check("tcp.flags == 0x002 && tcp.dstport == 8443", 9)
    lab.never("tcp.srcport == 8443")


@scenario(
    "a security group at the balancer eats SYNs to 8443 while 80 is served", "alb client", retransmits=True
)
def haproxy_security_group(lab: Lab) -> None:
    """nftables on the ALB's host drops port 8443.

    Count: connection attempts that timed out, from the client's log.
    """
    lab.alb.firewall("input", "tcp dport 8443 drop")
    _call(lab)


@scenario(
    "the network loses SYNs to 8443 before they arrive: only the client's side shows them",
    "client",
    retransmits=True,
)
def haproxy_lost_on_the_way(lab: Lab) -> None:
    """The network drops what the client sends to port 8443.

    Count: attempts that timed out, from the client's log.
    """
    lab.network.drop_from(lab.client_host, "tcp dport 8443")
    _call(lab)


@scenario("the first SYN is lost, the second answered: slow, and no time-out", "alb client", retransmits=True)
def near_miss_second_syn_answered(lab: Lab) -> None:
    """The network loses three first SYNs; count: requests over 0.9 s in the client's log."""
    lab.site()
    lab.haproxy()
    client = lab.client()
    with lab.recording():
        with lab.healthy_traffic():
            pass
        lab.network.drop_from(lab.client_host, "tcp flags syn numgen inc mod 6 < 3")
        lab.at_once(3, lambda: client.get("/api/items"))
        lab.network.heal()
        time.sleep(0.1)
    lab.expect(
        "frontend-packet-loss",
        len([o for o in client.outcomes if o.seconds > 0.9]),
        at="client",
        severity="warning",
    )
    lab.note("The ALB's own capture shows three connections in good order: the lost SYNs never reached it.")
