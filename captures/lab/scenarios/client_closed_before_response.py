"""The client leaves after its whole request, before the whole response."""

import time

from captures.lab.backends import Peer, Request, after, head
from captures.lab.bench import CLIENT
from captures.lab.client import Connection, build_request
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

PATIENCE_S = 0.5


def _lose_patience(lab: Lab, balancer: str, end: str, think_s: float = 1.2) -> None:
    lab.site()
    lab.faulty({"/faulty/report": after(think_s)})
    lab.balance(balancer)
    client = lab.client()

    def give_up() -> None:
        connection = client.connect(timeout_s=PATIENCE_S)
        connection.request("/faulty/report", note="fault")
        getattr(Connection, end)(connection)

    with lab.recording(), lab.healthy_traffic():
        for _ in range(2):
            lab.at_once(2, give_up)
        time.sleep(think_s)
    lab.expect(
        "client-closed-before-response",
        lab.count(error="TimeoutError", note="fault"),
        at=" ".join(lab.scenario.vantages),
        median_wait_s=(PATIENCE_S, 0.1),
    )


@scenario("clients with a 0.5 s timeout meet a backend that needs 1.2 s: FIN, logged 499", "alb client")
def nginx_timeout_fin(lab: Lab) -> None:
    """The client closes after 0.5 s; count: time-outs in the client's log."""
    _lose_patience(lab, "nginx", "close")


@scenario(
    "clients with a 0.5 s timeout reset their connections to HAProxy; the backend needs 1.2 s", "alb client"
)
def haproxy_timeout_reset(lab: Lab) -> None:
    """The client resets after 0.5 s; count: time-outs in the client's log."""
    _lose_patience(lab, "haproxy", "reset")
    lab.check(f"tcp.flags.reset == 1 && ip.src == {CLIENT}", 4, 4)


@scenario("clients leave in the middle of a slow download")
def nginx_mid_response(lab: Lab) -> None:
    """The server sends 2,000 of 8,000 body bytes, then the rest 0.6 s later; the client resets 0.3 s in."""

    def in_two_parts(peer: Peer, _request: Request) -> None:
        peer.send(head("200 OK", "Content-Length: 8000") + b"x" * 2000)
        time.sleep(0.6)
        peer.send(b"x" * 6000)

    lab.site()
    lab.faulty({"/faulty/download": in_two_parts})
    lab.nginx(server="proxy_buffering off;")
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(3):
            connection = client.connect(timeout_s=0.3)
            connection.request("/faulty/download", note="fault")
            connection.reset()
            time.sleep(0.4)
    lab.expect("client-closed-before-response", lab.count(error="TimeoutError", note="fault"))


@scenario("clients that half-close after the request and still read the answer")
def near_miss_half_close(lab: Lab) -> None:
    """The client shuts its sending side after each request; the server answers 0.3 s later, in full."""
    lab.site()
    lab.faulty({"/faulty/report": after(0.3)})
    lab.haproxy()
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(4):
            connection = client.connect()
            connection.send(build_request("/faulty/report", "GET", b"", client.host_header))
            connection.half_close()
            if not connection.read(note="half-closed").ok:
                raise RuntimeError("the load balancer took a half-close for an end")
            connection.close()
