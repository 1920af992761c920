"""Two files of one analysis come from hosts whose clocks disagree."""

import time

from captures.lab import rewrite
from captures.lab.backends import after, resets
from captures.lab.bench import FAULTY
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

AHEAD_S = 2.5
BEHIND_S = -3600.0


def _from_two_hosts(lab: Lab, ahead_s: float) -> None:
    """The client's side and the backend's side, as on AWS, where the balancer itself cannot be captured."""
    lab.site()
    lab.faulty({"/faulty/crash": after(0.05, resets)})
    lab.haproxy({"site": ["10.0.1.21:8080"], "faulty": [f"{FAULTY}:8080"]})
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for n in range(12):
            client.get(f"/faulty/items/{n}")
            time.sleep(0.05)
            if n % 4 == 3:
                client.get("/faulty/crash", note="fault")
    second = lab.recorded("backend")
    if ahead_s:
        rewrite.shift_clock(second, ahead_s)
    lab.extra["alb"] = ["10.0.0.10", "10.0.1.10"]
    lab.partner = "backend"
    lab.expect("backend-reset", lab.count(status=502, note="fault"), at="client backend")


@scenario(
    "a client's file and a backend's file whose clock is 2.5 s ahead: analysed together", "client backend"
)
def haproxy_backend_ahead(lab: Lab) -> None:
    """A script added 2.5 s to the backend's times; count: 502s in the client's log."""
    _from_two_hosts(lab, AHEAD_S)
    lab.expect("capture-clock-skew", None, offset_s=(AHEAD_S, 0.02))


@scenario("a client's file and a backend's file from one clock: analysed together", "client backend")
def near_miss_one_clock(lab: Lab) -> None:
    """Both hosts share this machine's clock; count: 502s in the client's log."""
    _from_two_hosts(lab, 0)


@scenario(
    "a client's and a backend's file, an hour apart, of a balancer that marks nothing", "client backend"
)
def haproxy_unmarked(lab: Lab) -> None:
    """A script took an hour from the backend's times; no header and no address joins the legs, and nobody
    names the load balancer; count: 502s in the client's log."""
    lab.site()
    lab.faulty({"/faulty/crash": after(0.05, resets)})
    lab.haproxy({"site": ["10.0.1.21:8080"], "faulty": [f"{FAULTY}:8080"]}, forwards=False)
    client = lab.client()
    with lab.recording():
        for n in range(24):
            client.get(f"/faulty/items/{n % 5}")
            time.sleep(0.03 + 0.02 * (n % 3))
            if n % 6 == 5:
                client.get("/faulty/crash", note="fault")
    rewrite.shift_clock(lab.recorded("backend"), BEHIND_S)
    lab.partner = "backend"
    lab.partner_tells = True
    lab.expect("backend-reset", lab.count(status=502, note="fault"), at="client backend")
    lab.expect("capture-clock-skew", None, offset_s=(BEHIND_S, 0.02))
