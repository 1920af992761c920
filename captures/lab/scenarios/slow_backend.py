"""The backend takes far longer for some requests than for its others."""

import time

from captures.lab.backends import PORT, after
from captures.lab.bench import FAULTY
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

SLOW_S = 1.8


def _ask(lab: Lab, balancer: str) -> None:
    """Many quick requests to 10.0.1.22, and a few slow ones, all answered 200."""
    lab.site()
    lab.faulty({"/faulty/report": after(SLOW_S)})
    lab.balance(balancer)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        connection = client.connect()
        for _ in range(15):
            connection.request("/faulty/works")
            time.sleep(0.02)
        lab.at_once(4, lambda: client.get("/faulty/report", note="slow"))
        connection.close()
    lab.expect(
        "slow-backend",
        lab.count(status=200, note="slow"),
        at=" ".join(lab.scenario.vantages),
        severity="info",  # one path that is always slow might be a long poll
        slowest_s=(SLOW_S, 0.2),
    )


@scenario("four requests take 1.8 s at a backend whose others take a millisecond", "alb backend")
def nginx_report(lab: Lab) -> None:
    """The server thinks; nothing is lost on the path; count: the client's script."""
    _ask(lab, "nginx")


@scenario("four requests through HAProxy take 1.8 s at a backend whose others take a millisecond")
def haproxy_report(lab: Lab) -> None:
    """The server thinks; nothing is lost on the path; count: the client's script."""
    _ask(lab, "haproxy")


@scenario("slow because the answer was lost twice on its way: the backend itself was quick", retransmits=True)
def near_miss_loss(lab: Lab) -> None:
    """The network loses three answers for a second; count: requests over 0.5 s in the client's log."""
    lab.site()
    lab.faulty()
    lab.haproxy()
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        connection = client.connect()
        for _ in range(8):
            connection.request("/faulty/works")
        connections = [client.connect() for _ in range(3)]
        for one in connections:
            one.request("/faulty/works")
        lab.network.drop_from(lab.backend(FAULTY), f"tcp sport {PORT} ip length > 60")

        def ask_all() -> None:
            waiting = [*connections]
            lab.at_once(3, lambda: waiting.pop().request("/faulty/works", note="slow"))

        with lab.in_background(ask_all):
            time.sleep(0.55)
            lab.network.heal()
    slow = [o for o in lab.outcomes(note="slow") if o.seconds > 0.5]
    lab.expect("backend-packet-loss", len(slow), severity="warning", count_within=1)
