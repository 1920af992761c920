"""The load balancer's health checks of a backend fail."""

import time

from captures.lab.backends import PORT, answers
from captures.lab.bench import FAULTY, SITE
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

CHECKS = (
    "option httpchk\n  http-check send meth GET uri /health ver HTTP/1.1 "
    "hdr User-Agent ELB-HealthChecker/2.0 hdr Host {host}\n  http-check expect status 200"
)
PERIOD_S = 0.5


def _watch(lab: Lab, seconds: float = 4) -> None:
    """HAProxy checks two servers twice a second; clients use what it thinks is healthy."""
    lab.haproxy(
        {"site": [f"{SITE}:{PORT}"], "faulty": [f"{SITE}:{PORT}", f"{FAULTY}:{PORT}"]},
        backend=CHECKS.format(host=f"{FAULTY}:{PORT}"),
        server_options=f"check inter {int(PERIOD_S * 1000)}ms fall 2 rise 2",
        retries=2,
    )
    time.sleep(2 * PERIOD_S)
    with lab.recording():
        with lab.healthy_traffic():
            time.sleep(seconds)
        time.sleep(0.2)


@scenario("checks with AWS's user agent get 500 from one of two backends", "alb backend")
def haproxy_500(lab: Lab) -> None:
    """The server answers 500 to /health; count: checks after the recording began, from the server's log."""
    lab.site()
    server = lab.faulty({"/health": answers("500 Internal Server Error", b"database down\n")})
    _watch(lab)
    lab.note(f"A check every {PERIOD_S:g} s.")
    lab.expect("health-check-failing", len(server.requests) - 2, at="alb backend", count_within=2)


@scenario("checks meet a port where nothing listens")
def haproxy_refused(lab: Lab) -> None:
    """10.0.1.22 is stopped; count: one check each 0.5 s of the recording."""
    lab.site()
    lab.backend(FAULTY)
    _watch(lab)
    lab.expect("health-check-failing", int(4 / PERIOD_S), count_within=2)


@scenario("checks as Alibaba's ALB makes them (HEAD, the backend's IP as Host) get 503", "alb backend")
def nginx_503(lab: Lab) -> None:
    """A prober on the ALB's host, one check each 0.5 s; count: the prober's log."""
    lab.site()
    lab.faulty({"/health": answers("503 Service Unavailable", b"")})
    lab.nginx()
    with lab.recording(), lab.healthy_traffic(), lab.health_checks(PERIOD_S) as probers:
        time.sleep(4)
    failed = [o for prober in probers for o in prober.outcomes if o.status == 503]
    lab.extra["profile"] = "alibaba"
    lab.expect("health-check-failing", len(failed), at="alb backend")


@scenario("checks pass while the application fails: its 500s are its own")
def near_miss_checks_pass(lab: Lab) -> None:
    """/health is answered 200, /faulty/report 500; count: 500s in the client's log."""
    lab.site()
    lab.faulty({"/faulty/report": answers("500 Internal Server Error", b"no\n")})
    lab.nginx()
    client = lab.client()
    with lab.recording(), lab.healthy_traffic(), lab.health_checks(PERIOD_S):
        for _ in range(4):
            client.get("/faulty/report", note="fault")
            time.sleep(0.3)
    lab.extra["profile"] = "alibaba"
    lab.expect("backend-error-status", lab.count(status=500, note="fault"))
