"""One of the load balancer's addresses does not answer, so some connections time out."""

from captures.lab.bench import ALB_FRONT
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

NODES = (ALB_FRONT, "10.0.0.11", "10.0.0.12")
DEAD = "10.0.0.12"
PATIENCE_S = 3.5


def _go_round(lab: Lab) -> None:
    """Resolve the name and use each of its addresses in turn, as clients behind round-robin DNS do."""
    lab.site()
    lab.haproxy(listen=[f"{node}:80" for node in NODES])
    lab.name_server({"shop.example.com": NODES})
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for address in lab.resolve("shop.example.com"):
            for _ in range(2):
                if address != DEAD:
                    client.get("/api/items", target=(address, 80))
        request = b"GET /api/items HTTP/1.1\r\nHost: shop.example.com\r\n\r\n"
        lab.at_once(3, lambda: client.once(request, "fault", (DEAD, 80), PATIENCE_S))
    lab.extra["alb"] = list(NODES)
    failed = lab.count(error="TimeoutError", note="fault")
    lab.expect("alb-node-unreachable", failed, at=" ".join(lab.scenario.vantages))
    lab.check(f"tcp.flags == 0x002 && ip.dst == {DEAD}", 9)
    lab.never(f"tcp && ip.src == {DEAD}")


@scenario(
    "one of three addresses never answers, the others do; DNS gives all three", "client alb", retransmits=True
)
def haproxy_one_of_three(lab: Lab) -> None:
    """nftables on the ALB's host drops what is for 10.0.0.12.

    Count: attempts that timed out, from the client's log.
    """
    lab.alb.firewall("input", f"ip daddr {DEAD} tcp dport 80 drop")
    _go_round(lab)


@scenario("three addresses, all of which answer", "client")
def near_miss_all_answer(lab: Lab) -> None:
    """DNS gives three addresses; the client uses each."""
    lab.site()
    lab.haproxy(listen=[f"{node}:80" for node in NODES])
    lab.name_server({"shop.example.com": NODES})
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for address in lab.resolve("shop.example.com") * 2:
            client.get("/api/items", target=(address, 80))
    lab.extra["alb"] = list(NODES)
