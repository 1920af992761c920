"""Clients keep to one of the load balancer's addresses although DNS answers with others."""

import time

from captures.lab.bench import ALB_FRONT
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

NODES = (ALB_FRONT, "10.0.0.11", "10.0.0.12")
CURRENT = NODES[1:]


def _use(lab: Lab, addresses: tuple[str, ...], host: str, requests: int = 8) -> int:
    """Resolve often, and connect to these addresses all the same; how many requests were made."""
    lab.site()
    lab.haproxy(listen=[f"{node}:80" for node in NODES])
    lab.name_server({"shop.example.com": CURRENT})
    client = lab.client(host_header=host)
    modern = lab.client()
    with lab.recording():
        for n in range(requests):
            for address in lab.resolve("shop.example.com"):
                modern.get("/", target=(address, 80))
            client.get("/api/items", target=(addresses[n % len(addresses)], 80), note="stale")
            time.sleep(0.05)
    lab.extra["alb"] = list(NODES)
    return lab.count(status=200, note="stale")


@scenario("a client uses 10.0.0.10 though DNS says 10.0.0.11 and .12 for its name", "client")
def haproxy_kept_address(lab: Lab) -> None:
    """DNS no longer gives 10.0.0.10; count: requests made to it, from the client's log."""
    lab.expect("stale-dns", _use(lab, (ALB_FRONT,), "shop.example.com"), severity="warning")


@scenario("a client that was given an IP address in place of the name: Host is 10.0.0.10", "client")
def haproxy_literal_address(lab: Lab) -> None:
    """All its requests carry the address as Host; count: those requests, from the client's log."""
    lab.expect("stale-dns", _use(lab, (ALB_FRONT,), ALB_FRONT), severity="warning")


@scenario("a client that follows DNS over two addresses", "client")
def near_miss_follows_dns(lab: Lab) -> None:
    """All requests go to the addresses that DNS gives."""
    _use(lab, CURRENT, "shop.example.com")
