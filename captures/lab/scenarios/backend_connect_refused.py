"""Nothing listens on the backend's port, or a firewall there says no."""

import time

from captures.lab.backends import PORT, FaultyServer, Peer
from captures.lab.bench import FAULTY, SITE
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

REFUSALS = f"tcp.flags.reset == 1 && tcp.seq == 1 && ip.src == {FAULTY}"


def _ask(lab: Lab, balancer: str, requests: int = 4, status: int = 502) -> None:
    lab.balance(balancer)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(requests):
            client.get("/faulty/stopped", note="fault")
            time.sleep(0.1)
    lab.expect(
        "backend-connect-refused",
        lab.count(status=status, note="fault"),
        at="alb backend" if "backend" in lab.scenario.vantages else "alb",
    )


@scenario("the service is stopped: RST answers each SYN, 502", "alb client backend")
def nginx_not_listening(lab: Lab) -> None:
    """No server runs on 10.0.1.22; count: 502s in the client's log."""
    lab.site()
    lab.backend(FAULTY)
    _ask(lab, "nginx")
    lab.check(REFUSALS, 4, 4)


@scenario("the service is stopped: RST answers each SYN, and HAProxy sends 502 as AWS does")
def haproxy_not_listening(lab: Lab) -> None:
    """No server runs on 10.0.1.22; HAProxy does not retry; count: 502s in the client's log."""
    lab.site()
    lab.backend(FAULTY)
    _ask(lab, "haproxy")
    lab.check(REFUSALS, 4, 4)


@scenario("the service is stopped: RST answers each SYN, and Apache sends a 503 of its own")
def apache_not_listening(lab: Lab) -> None:
    """No server runs on 10.0.1.22; Apache tries it each time; count: 503s in the client's log."""
    lab.site()
    lab.backend(FAULTY)
    _ask(lab, "apache", status=503)
    lab.check(REFUSALS, 4, 4)


@scenario("the service is stopped: Varnish sends 503, and for some requests does not even try")
def varnish_not_listening(lab: Lab) -> None:
    """No server runs on 10.0.1.22; after a refusal Varnish rests a while; count: 503s in the client's log."""
    lab.site()
    lab.backend(FAULTY)
    _ask(lab, "varnish", 6, status=503)
    lab.check(REFUSALS, 2, 5)


@scenario("the backend's firewall rejects with ICMP administratively prohibited")
def nginx_icmp_prohibited(lab: Lab) -> None:
    """nftables on 10.0.1.22 rejects the port by ICMP type 3 code 13; count: 502s in the client's log."""
    lab.site()
    lab.backend(FAULTY).firewall("input", f"tcp dport {PORT} reject with icmp type admin-prohibited")
    _ask(lab, "nginx")
    lab.check("icmp.type == 3 && icmp.code == 13", 4, 4)


@scenario("one of two servers refuses; nginx tries the next, so every request succeeds")
def nginx_healed_by_retry(lab: Lab) -> None:
    """proxy_next_upstream is on and 10.0.1.22 is stopped; count: refused attempts, from the access log."""
    lab.site()
    lab.backend(FAULTY)
    lab.nginx({"site": [f"{SITE}:{PORT}", f"{FAULTY}:{PORT}"]}, retry="error timeout")
    client = lab.client()
    with lab.recording():
        for _ in range(12):
            client.get("/api/items")
            time.sleep(0.05)
    retried = sum(f"{FAULTY}:{PORT}" in line for line in (lab.folder / "access.log").read_text().splitlines())
    lab.expect("backend-connect-refused", retried, severity="warning")
    lab.check(REFUSALS, retried, retried)


@scenario("the server accepts, reads the request and resets: no refusal, for the handshake was done")
def near_miss_accepted_then_reset(lab: Lab) -> None:
    """The server resets 50 ms after accepting; count: 502s in the client's log."""

    def slam(peer: Peer) -> bool:
        peer.read_request()
        time.sleep(0.05)
        peer.reset()
        return False

    lab.site()
    FaultyServer(lab.backend(FAULTY), on_accept=slam)
    lab.nginx()
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(4):
            client.get("/faulty/slammed", note="fault")
    lab.expect("backend-reset", lab.count(status=502, note="fault"))
