"""The client ends its connection having sent only a part of a request."""

import time

from captures.lab.bench import CLIENT
from captures.lab.client import Connection
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

HALF_A_HEAD = b"GET /api/items HTTP/1.1\r\nHost: shop.example.com\r\nUser-Agent: lab-cl"
HALF_A_BODY = (
    b"POST /api/items HTTP/1.1\r\nHost: shop.example.com\r\nContent-Length: 2000\r\n\r\n" + b"a" * 700
)


def _break_off(lab: Lab, balancer: str, part: bytes, end: str) -> None:
    lab.site()
    lab.balance(balancer)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(4):
            connection = client.connect()
            with connection.exchange(part, note="fault") as outcome:
                connection.send(part)
                time.sleep(0.1)
                getattr(Connection, end)(connection)
                outcome.error = f"broke off by {end}"
    lab.expect("client-closed-before-request", lab.count(note="fault"), at=" ".join(lab.scenario.vantages))


@scenario("FIN in the middle of the request's head", "alb client")
def haproxy_fin_in_head(lab: Lab) -> None:
    """The client closes 0.1 s after half a head; count: the client's script."""
    _break_off(lab, "haproxy", HALF_A_HEAD, "close")


@scenario("RST in the middle of the request's head")
def nginx_reset_in_head(lab: Lab) -> None:
    """The client resets 0.1 s after half a head; count: the client's script."""
    _break_off(lab, "nginx", HALF_A_HEAD, "reset")
    lab.check(f"tcp.flags.reset == 1 && ip.src == {CLIENT}", 4, 4)


@scenario("RST in the middle of the request's body")
def haproxy_reset_in_body(lab: Lab) -> None:
    """The client resets after 700 of 2,000 body bytes; count: the client's script."""
    _break_off(lab, "haproxy", HALF_A_BODY, "reset")
    lab.check(f"tcp.flags.reset == 1 && ip.src == {CLIENT}", 4, 4)


@scenario("connections opened and closed with no byte sent, as browsers and port checks do")
def near_miss_never_used(lab: Lab) -> None:
    """Six connections end unused, three by FIN and three by RST; no request was begun on them."""
    lab.site()
    lab.haproxy()
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for end in (Connection.close, Connection.reset) * 3:
            connection = client.connect()
            time.sleep(0.05)
            end(connection)
