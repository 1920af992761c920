"""The path between load balancer and backend loses packets."""

import time

from captures.lab.backends import PORT, answers
from captures.lab.bench import FAULTY
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

PAGE = answers("200 OK", b"a line of a page of some length\n" * 400)


def _lose(lab: Lab, balancer: str, requests: int = 8) -> None:
    """Small and large exchanges with 10.0.1.22 while the network loses, then without a fault."""
    lab.faulty({"/faulty/page": PAGE})
    lab.site()
    lab.balance(balancer)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic(12):
        client.get("/faulty/works")
        lab.network.drop_from(lab.backend(FAULTY), f"tcp sport {PORT} ip length > 100 numgen inc mod 7 == 3")
        lab.network.drop_to(lab.backend(FAULTY), f"tcp dport {PORT} ip length > 100 numgen inc mod 5 == 2")
        for n in range(requests):
            client.get("/faulty/page" if n % 2 else "/faulty/works", note="lossy")
            time.sleep(0.03)
        lab.network.heal()
        client.get("/faulty/works")
    slow = [o for o in lab.outcomes(note="lossy") if o.seconds > 0.15]
    lab.expect(
        "backend-packet-loss",
        len(slow),
        at=" ".join(lab.scenario.vantages),
        severity="warning",
        count_within=5,
    )


@scenario(
    "both directions lose packets of all sizes; requests are slow and succeed",
    "alb backend",
    retransmits=True,
)
def haproxy_both_ways(lab: Lab) -> None:
    """nftables loses 1 in 5 requests and 1 in 7 response segments.

    Count: requests over 0.15 s in the client's log.
    """
    _lose(lab, "haproxy")
    lab.check("tcp.analysis.retransmission && ip.dst == 10.0.1.22", 1)
    lab.check("tcp.analysis.retransmission && ip.src == 10.0.1.22", 1, at="backend")


@scenario(
    "both directions between nginx and a backend lose packets; requests are slow and succeed",
    retransmits=True,
)
def nginx_both_ways(lab: Lab) -> None:
    """nftables loses 1 in 5 requests and 1 in 7 response segments.

    Count: requests over 0.15 s in the client's log.
    """
    _lose(lab, "nginx")
    lab.check("tcp.analysis.retransmission && ip.dst == 10.0.1.22", 1)


@scenario("reordering between load balancer and backend: nothing is lost", retransmits=True)
def near_miss_reordering(lab: Lab) -> None:
    """A user-space wire holds every sixth large segment back for 1 ms; it loses nothing."""
    lab.site()
    lab.faulty({"/faulty/page": PAGE})
    lab.haproxy()
    client = lab.client()
    wire = lab.network.shape(lab.backend(FAULTY), swap_every=6, swap_s=0.001, delay_s=0.004)
    with lab.recording(), lab.healthy_traffic(12):
        for _ in range(5):
            client.get("/faulty/page")
    if wire.lost:
        raise RuntimeError("the wire lost packets")
