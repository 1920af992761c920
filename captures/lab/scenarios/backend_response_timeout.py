"""The request was delivered; no response came before the load balancer gave up."""

import time

from captures.lab.backends import after
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

GIVE_UP_S = 2.0


def _wait(lab: Lab, balancer: str, status: int = 504) -> None:
    lab.site()
    lab.faulty({"/faulty/stuck": after(GIVE_UP_S + 1)})
    lab.balance(balancer, response_timeout_s=GIVE_UP_S)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        client.get("/faulty/works")
        lab.at_once(3, lambda: client.get("/faulty/stuck", note="fault"))
        client.get("/faulty/works")
        time.sleep(1)
    lab.note(f"The load balancer's response timeout was {GIVE_UP_S:g} s.")
    at = " ".join(v for v in lab.scenario.vantages if v != "client")
    lab.expect(
        "backend-response-timeout", lab.count(status=status, note="fault"), at=at, waited_s=(GIVE_UP_S, 0.2)
    )


@scenario("a backend that never answers some requests: 504 after 2 s", "alb client backend")
def nginx_stuck(lab: Lab) -> None:
    """The server thinks for 3 s; count: 504s in the client's log."""
    _wait(lab, "nginx")


@scenario("a backend that never answers some requests: 504 by HAProxy after 2 s")
def haproxy_stuck(lab: Lab) -> None:
    """The server thinks for 3 s; count: 504s in the client's log."""
    _wait(lab, "haproxy")


@scenario("a backend that never answers some requests: 502 by Apache after 2 s")
def apache_stuck(lab: Lab) -> None:
    """The server thinks for 3 s; count: 502s in the client's log."""
    _wait(lab, "apache", status=502)


@scenario("a backend that never answers some requests: 503 by Varnish after 2 s")
def varnish_stuck(lab: Lab) -> None:
    """The server thinks for 3 s; count: 503s in the client's log."""
    _wait(lab, "varnish", status=503)


@scenario("a backend whose every answer takes 1.2 s, under the timeout: slow by nature, and it answers")
def near_miss_slow_by_nature(lab: Lab) -> None:
    """All requests to 10.0.1.22 take 1.2 s, so none is slower than the others."""
    lab.site()
    lab.faulty({"/faulty": after(1.2)})
    lab.haproxy(response_timeout_s=GIVE_UP_S)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(2):
            lab.at_once(3, lambda: client.get("/faulty/report"))
