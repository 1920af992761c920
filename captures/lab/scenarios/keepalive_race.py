"""The backend closes an idle connection as the load balancer's next request sets out."""

import time

from captures.lab.backends import Peer, Request
from captures.lab.scenario import FAULTY, Lab, scenario

BACKEND_IDLE_S = 1.0
ONE_WAY_S = 0.02


def _race(lab: Lab, races: int = 3) -> None:
    """Send each request so that it crosses, on a 20 ms path, the FIN of a connection idle for one second."""
    lab.network.shape(lab.backend(FAULTY), delay_s=ONE_WAY_S)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(races):
            first = client.connect()
            first.request("/faulty/works")
            # The answer left 20 ms ago; the FIN will leave one idle time after it and arrive 20 ms later.
            time.sleep(BACKEND_IDLE_S - ONE_WAY_S)
            client.get("/faulty/races", note="fault")
            first.close()
            time.sleep(0.1)


@scenario("a backend that closes after 1 s idle: its FIN and the next request cross; 502", "alb backend client")
def haproxy_crossing_fin(lab: Lab) -> None:
    """HAProxy reuses connections at once and does not retry; count: 502s in the client's log."""
    lab.site()
    lab.faulty(idle_s=BACKEND_IDLE_S)
    lab.haproxy(reuse="always")
    _race(lab)
    facts = {"backend_idle_timeout_s": (BACKEND_IDLE_S, 0.1)}
    lab.expect("keepalive-race", lab.count(status=502, note="fault"), at="alb backend", **facts)
    lab.check(f"tcp.flags.reset == 1 && ip.src == {FAULTY}", 3)


@scenario("the same through nginx with retries off")
def nginx_crossing_fin(lab: Lab) -> None:
    """proxy_next_upstream is off; count: 502s in the client's log."""
    lab.site()
    lab.faulty(idle_s=BACKEND_IDLE_S)
    lab.nginx()
    _race(lab)
    lab.expect("keepalive-race", lab.count(status=502, note="fault"), backend_idle_timeout_s=(BACKEND_IDLE_S, 0.1))


@scenario("nginx heals the race by trying again on a new connection: every client gets 200")
def nginx_healed_by_retry(lab: Lab) -> None:
    """proxy_next_upstream is on; count: races, from the script (each is checked to have met an RST)."""
    lab.site()
    lab.faulty(idle_s=BACKEND_IDLE_S)
    lab.nginx(retry="error timeout")
    _race(lab)
    lab.expect("keepalive-race", lab.count(status=200, note="fault"), severity="warning")
    lab.check(f"tcp.flags.reset == 1 && ip.src == {FAULTY}", 3)


@scenario("the backend had no wish to close: it reads a request on an idle connection, and crashes")
def near_miss_crash_after_idle(lab: Lab) -> None:
    """After 1 s idle the server reads the next request for 50 ms, then resets; count: 502s in the client's log."""

    def crash(peer: Peer, _request: Request) -> None:
        time.sleep(0.05)
        peer.reset()

    lab.site()
    lab.faulty({"/faulty/crash": crash})
    lab.haproxy(reuse="always")
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(2):
            first = client.connect()
            first.request("/faulty/works")
            time.sleep(BACKEND_IDLE_S)
            client.get("/faulty/crash", note="fault")
            first.close()
    lab.expect("backend-reset", lab.count(status=502, note="fault"))
