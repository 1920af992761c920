"""TLS between client and load balancer ends before its handshake does."""

import contextlib
import ssl
import time

from captures.lab import certificates
from captures.lab.bench import ALB_FRONT
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

TLS_1_2 = ssl.TLSVersion.TLSv1_2


def _balance(lab: Lab, balancer: str, protocols: str) -> None:
    lab.site()
    certificate = certificates.make(lab.folder, "shop.example.com")
    listen = f"{ALB_FRONT}:443 ssl"
    if balancer == "nginx":
        server = certificates.for_nginx(certificate, protocols)
        lab.nginx(listen=[f"{ALB_FRONT}:80", listen], server=server)
    else:
        lab.haproxy(listen=[f"{ALB_FRONT}:80", f"{listen} crt {certificate} {protocols}"])


def _shake(lab: Lab, failing: ssl.SSLContext, times: int = 4) -> None:
    """Handshakes that fail, between others that do not."""
    client = lab.client((ALB_FRONT, 443))
    with lab.recording(), lab.healthy_traffic():
        for _ in range(times):
            connection = client.connect()
            with connection.exchange(b"TLS handshake", "fault"):
                failing.wrap_socket(connection.sock, server_hostname=client.host_header)
            good = client.connect(tls=certificates.trusting(lab.folder))
            good.request("/api/items")
            good.close()
    failed = [o for o in lab.outcomes(note="fault") if o.error]
    lab.expect("tls-handshake-failed", len(failed), at=" ".join(lab.scenario.vantages))


@scenario("a client that knows only TLS 1.2 meets a policy of TLS 1.3: alert protocol_version", "alb client")
def nginx_version(lab: Lab) -> None:
    """Count: failed handshakes in the client's log."""
    _balance(lab, "nginx", "TLSv1.3")
    _shake(lab, certificates.trusting(lab.folder, TLS_1_2))
    lab.check("tls.alert_message.desc == 70", 4, 4)


@scenario("a client that does not trust the certificate: its alert unknown_ca ends the handshake")
def haproxy_unknown_ca(lab: Lab) -> None:
    """TLS 1.2, where alerts are in clear; count: failed handshakes in the client's log."""
    _balance(lab, "haproxy", "ssl-max-ver TLSv1.2")
    _shake(lab, ssl.create_default_context())
    lab.check("tls.alert_message.desc == 48", 4, 4)


@scenario("clients that say hello and hang up: RST before the handshake ends")
def haproxy_reset_after_hello(lab: Lab) -> None:
    """The client resets as soon as the server's first flight arrives; count: the client's script."""
    _balance(lab, "haproxy", "")
    client = lab.client((ALB_FRONT, 443))
    with lab.recording(), lab.healthy_traffic():
        for _ in range(4):
            connection = client.connect()
            with connection.exchange(b"ClientHello", "fault") as outcome:
                connection.send(_client_hello())
                time.sleep(0.1)
                outcome.error = "reset after ClientHello"
                connection.reset()
    lab.expect("tls-handshake-failed", lab.count(note="fault"))


def _client_hello() -> bytes:
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="shop.example.com")
    try:
        tls.do_handshake()
    except ssl.SSLWantReadError:
        return outgoing.read()
    raise RuntimeError("a handshake cannot end without an answer")


@scenario("alerts that mean nothing bad: close_notify at the end of TLS 1.2 sessions, and a resumed session")
def near_miss_close_notify(lab: Lab) -> None:
    """Each client ends its session as RFC 5246 asks, and comes back with its session ticket."""
    _balance(lab, "nginx", "TLSv1.2")
    client = lab.client((ALB_FRONT, 443))
    context = certificates.trusting(lab.folder, TLS_1_2)
    session = None
    with lab.recording(), lab.healthy_traffic():
        for _ in range(4):
            connection = client.connect()
            connection.sock = context.wrap_socket(
                connection.sock, server_hostname=client.host_header, session=session
            )
            connection.rebind()
            connection.request("/api/items")
            session = connection.sock.session
            # nginx may hang up without a close_notify of its own.
            with contextlib.suppress(OSError):
                connection.sock.unwrap()
            connection.close()
