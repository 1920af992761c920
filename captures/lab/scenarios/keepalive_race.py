"""The backend closes an idle connection as the load balancer's next request sets out."""

import time

from captures.lab.backends import PORT, Peer, Request
from captures.lab.bench import FAULTY
from captures.lab.client import Client
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

BACKEND_IDLE_S = 1.0
ONE_WAY_S = 0.02


def _race(lab: Lab, idle_s: float = BACKEND_IDLE_S, races: int = 3) -> None:
    """Send each request so that it crosses, on a 20 ms path, the FIN of a connection idle for so long."""
    lab.network.shape(lab.backend(FAULTY), delay_s=ONE_WAY_S)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(races):
            first = client.connect()
            first.request("/faulty/works")
            # The answer left 20 ms ago; the FIN will leave one idle time after it and arrive 20 ms later.
            time.sleep(idle_s - ONE_WAY_S)
            client.get("/faulty/races", note="fault")
            first.close()
            time.sleep(0.1)


def _measured_idle_s(lab: Lab) -> float:
    """How long the backend really keeps an idle connection."""
    prober = Client(lab.alb, (FAULTY, PORT))
    connection = prober.connect()
    connection.request("/")
    start = time.monotonic()
    connection.sock.recv(1)
    return time.monotonic() - start


@scenario(
    "a backend that closes after 1 s idle: its FIN and the next request cross; 502", "alb backend client"
)
def haproxy_crossing_fin(lab: Lab) -> None:
    """HAProxy reuses connections at once and does not retry; count: 502s in the client's log."""
    lab.site()
    lab.faulty(idle_s=BACKEND_IDLE_S)
    lab.haproxy(reuse="always")
    _race(lab)
    failed = lab.count(status=502, note="fault")
    lab.expect("keepalive-race", failed, at="alb backend", backend_idle_timeout_s=(BACKEND_IDLE_S, 0.1))
    lab.check(f"tcp.flags.reset == 1 && ip.src == {FAULTY}", 3)


@scenario("a real node server with a keepAliveTimeout of 1 s (its default is 5 s)", "alb backend")
def haproxy_node(lab: Lab) -> None:
    """Newer node waits a second more, so the timeout is measured first; count: 502s in the client's log."""
    lab.site()
    lab.node(idle_s=BACKEND_IDLE_S)
    lab.haproxy(reuse="always")
    idle_s = _measured_idle_s(lab)
    _race(lab, idle_s)
    failed = lab.count(status=502, note="fault")
    lab.expect("keepalive-race", failed, at="alb backend", backend_idle_timeout_s=(round(idle_s, 1), 0.1))


@scenario("nginx, with retries off, meets the FIN of a backend that closes after 1 s idle; 502")
def nginx_crossing_fin(lab: Lab) -> None:
    """proxy_next_upstream is off; count: 502s in the client's log."""
    lab.site()
    lab.faulty(idle_s=BACKEND_IDLE_S)
    lab.nginx()
    _race(lab)
    lab.expect(
        "keepalive-race", lab.count(status=502, note="fault"), backend_idle_timeout_s=(BACKEND_IDLE_S, 0.1)
    )


@scenario("Apache, which keeps backend connections for good, meets the FIN of one idle for 1 s; 502")
def apache_crossing_fin(lab: Lab) -> None:
    """mod_proxy looks whether the connection is open, but the FIN is on its way.

    Count: 502s in the client's log.
    """
    lab.site()
    lab.faulty(idle_s=BACKEND_IDLE_S)
    lab.balance("apache")
    _race(lab)
    lab.expect(
        "keepalive-race", lab.count(status=502, note="fault"), backend_idle_timeout_s=(BACKEND_IDLE_S, 0.1)
    )


@scenario("Apache passes the race on: it closes a kept-alive client connection without a word")
def apache_closes_too(lab: Lab) -> None:
    """Each race is a client's second request on its connection, so Apache leaves the retry to the client.

    Count: disconnects in the client's log.
    """
    lab.site()
    lab.faulty(idle_s=BACKEND_IDLE_S)
    lab.balance("apache")
    lab.network.shape(lab.backend(FAULTY), delay_s=ONE_WAY_S)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(3):
            connection = client.connect()
            connection.request("/faulty/works")
            time.sleep(BACKEND_IDLE_S - ONE_WAY_S)
            connection.request("/faulty/races", note="fault")
            connection.close()
            time.sleep(0.1)
    lab.expect(
        "keepalive-race",
        lab.count(error="RemoteDisconnected", note="fault"),
        backend_idle_timeout_s=(BACKEND_IDLE_S, 0.1),
    )
    lab.never("http.response.code >= 500")


@scenario("Varnish heals the race by asking again on a new connection: every client gets 200")
def varnish_healed_by_retry(lab: Lab) -> None:
    """Count: races, from the script (each is checked to have met an RST)."""
    lab.site()
    lab.faulty(idle_s=BACKEND_IDLE_S)
    lab.balance("varnish")
    _race(lab)
    lab.expect("keepalive-race", lab.count(status=200, note="fault"), severity="warning")
    lab.check(f"tcp.flags.reset == 1 && ip.src == {FAULTY}", 3)


@scenario(
    "the FIN never arrives: an idle connection looks alive, and RST answers the next request", "alb backend"
)
def haproxy_fin_lost(lab: Lab) -> None:
    """The network loses the backend's FINs, as a stateful firewall does; count: 502s in the client's log."""
    lab.site()
    lab.faulty(idle_s=BACKEND_IDLE_S)
    lab.haproxy(reuse="always")
    lab.network.drop_from(lab.backend(FAULTY), "tcp flags & fin != 0")
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(3):
            first = client.connect()
            first.request("/faulty/works")
            time.sleep(BACKEND_IDLE_S + 0.1)
            client.get("/faulty/races", note="fault")
            first.close()
    lab.expect("keepalive-race", lab.count(status=502, note="fault"), at="alb backend")
    lab.check(f"tcp.flags.reset == 1 && ip.src == {FAULTY}", 3)
    lab.never(f"tcp.flags.fin == 1 && ip.src == {FAULTY}")


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
    """After 1 s idle the server reads the next request for 50 ms, then resets.

    Count: 502s in the client's log.
    """

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
