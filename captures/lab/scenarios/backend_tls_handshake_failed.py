"""TLS between the load balancer and the backend ends before its handshake does."""

import time

from captures.lab import certificates
from captures.lab.backends import PORT, FaultyServer, Peer
from captures.lab.bench import FAULTY, SITE
from captures.lab.lab import Lab
from captures.lab.scenario import scenario


def _ask(lab: Lab, requests: int = 4) -> None:
    client = lab.client()
    with lab.recording():
        for _ in range(requests):
            client.get("/faulty/private", note="fault")
            for _ in range(3):
                client.get("/api/items", note="healthy")
            time.sleep(0.05)
    if any(not o.ok for o in lab.outcomes(note="healthy")):
        raise RuntimeError("the healthy pool failed")


def _expect(lab: Lab) -> None:
    failed = [o for o in lab.outcomes(note="fault") if not o.ok]
    lab.expect("backend-tls-handshake-failed", len(failed), at=" ".join(lab.scenario.vantages))


def _nginx(lab: Lab, options: str = "") -> None:
    """nginx speaks TLS to the faulty backend only."""
    lab.nginx(
        {"site": [f"10.0.1.21:{PORT}"], "faulty-tls": [f"{FAULTY}:{PORT}"]},
        server=f"{options} location /faulty/ {{ proxy_pass https://faulty-tls; }}",
    )


@scenario(
    "the backend's port speaks plain HTTP: it answers the ClientHello with 400, the client gets 502",
    "alb backend",
)
def nginx_plain_backend(lab: Lab) -> None:
    """nginx's upstream is https, the backend is a real nginx without TLS; count: 502s in the client's log."""
    lab.site()
    lab.site(address=FAULTY)
    _nginx(lab)
    _ask(lab)
    _expect(lab)


@scenario("no version in common: the backend's alert protocol_version, 502", "alb backend")
def nginx_version(lab: Lab) -> None:
    """nginx offers TLS 1.2 only, the backend speaks 1.3 only; count: 502s in the client's log."""
    lab.site()
    certificate = certificates.make(lab.folder, "backend.example.com")
    tls = certificates.for_nginx(certificate, "TLSv1.3")
    lab.site(address=FAULTY, listen=f"{PORT} ssl", extra=tls)
    _nginx(lab, "proxy_ssl_protocols TLSv1.2;")
    _ask(lab)
    _expect(lab)
    # tshark does not look for TLS on this port: an alert record is type 21, its description the last byte.
    lab.check(f"ip.src == {FAULTY} && tcp.len == 7 && tcp.payload[0] == 15 && tcp.payload[6] == 46", 4, 4)


def _say_nothing(peer: Peer) -> bool:
    time.sleep(4)
    peer.close()
    return False


@scenario("the backend accepts the connection and never answers the ClientHello", "alb backend")
def haproxy_silence(lab: Lab) -> None:
    """HAProxy's connect timeout of 1.5 s covers the handshake; its 503 is sent as 504.

    Count: 504s in the client's log.
    """

    lab.site()
    FaultyServer(lab.backend(FAULTY), on_accept=_say_nothing)
    lab.haproxy(
        {"site": [f"10.0.1.21:{PORT}"], "faulty": [f"{FAULTY}:{PORT} ssl verify none"]},
        connect_timeout_s=1.5,
        connect_failure=504,
    )
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        lab.at_once(3, lambda: client.get("/faulty/private", note="fault"))
    _expect(lab)


@scenario("a backend that never answers the ClientHello, TLS to all of them from HAProxy's other address")
def haproxy_two_armed(lab: Lab) -> None:
    """Clients ask in clear, and HAProxy marks no request as forwarded: time alone joins its legs.

    Count: 504s in the client's log.
    """
    certificate = certificates.make(lab.folder, "backend.example.com")
    lab.site(listen=f"{PORT} ssl", extra=certificates.for_nginx(certificate))
    FaultyServer(lab.backend(FAULTY), on_accept=_say_nothing)
    lab.haproxy(
        {
            name: [f"{address}:{PORT} ssl verify none"]
            for name, address in (("site", SITE), ("faulty", FAULTY))
        },
        connect_timeout_s=1.5,
        connect_failure=504,
        forwards=False,
    )
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        lab.at_once(3, lambda: client.get("/faulty/private", note="fault"))
    _expect(lab)


@scenario("TLS to the backend that works, under two versions")
def near_miss_works(lab: Lab) -> None:
    """The backend is a real nginx with TLS 1.2 and 1.3."""
    lab.site()
    certificate = certificates.make(lab.folder, "backend.example.com")
    tls = certificates.for_nginx(certificate)
    lab.site(address=FAULTY, listen=f"{PORT} ssl", extra=tls + "location /faulty { return 200 'ok\\n'; }")
    _nginx(lab)
    _ask(lab)
    if any(not o.ok for o in lab.outcomes()):
        raise RuntimeError("TLS to the backend failed")
