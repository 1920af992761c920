"""Only one direction of the connections was captured."""

from captures.lab.lab import Lab
from captures.lab.scenario import scenario


@scenario(
    "only what goes to the load balancer's host: requests and responses without their ACKs and other halves"
)
def nginx_inbound_only(lab: Lab) -> None:
    """tcpdump -Q in on both of its interfaces."""
    lab.site()
    lab.nginx()
    with lab.recording("-Q", "in"), lab.healthy_traffic():
        pass
    lab.extra["alb"] = ["10.0.0.10", "10.0.1.10"]
    lab.partial = True
    lab.expect("capture-one-sided", None)
    lab.never("ip.src == 10.0.0.10 || ip.src == 10.0.1.10")


@scenario(
    "both directions, and one client that never gets an answer: silence is not one-sidedness",
    retransmits=True,
)
def near_miss_silent_port(lab: Lab) -> None:
    """nftables on the ALB's host drops port 8443; count: attempts that timed out, from the client's log."""
    lab.site()
    lab.nginx(listen=["10.0.0.10:80", "10.0.0.10:8443"])
    lab.alb.firewall("input", "tcp dport 8443 drop")
    client = lab.client(("10.0.0.10", 8443))
    with lab.recording(), lab.healthy_traffic():
        lab.at_once(3, lambda: client.once(b"GET / HTTP/1.1\r\n\r\n", timeout_s=3.5))
    lab.expect("frontend-connect-timeout", lab.count(error="TimeoutError"))
