"""A TLS ClientHello to a port that speaks HTTP in clear."""

import ssl

from captures.lab import certificates
from captures.lab.bench import ALB_FRONT
from captures.lab.lab import Lab
from captures.lab.scenario import scenario


def _greet_in_tls(lab: Lab, balancer: str) -> None:
    lab.site()
    lab.balance(balancer)
    client = lab.client()
    context = ssl.create_default_context()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(4):
            connection = client.connect()
            with connection.exchange(b"ClientHello", "fault"):
                context.wrap_socket(connection.sock, server_hostname=client.host_header)
    failed = [o for o in lab.outcomes(note="fault") if o.error]
    lab.expect("tls-on-plaintext-port", len(failed), at=" ".join(lab.scenario.vantages))
    lab.check("http.response.code == 400", 4, 4)


@scenario("https:// to port 80: nginx answers the ClientHello with 400", "alb client")
def nginx_answers_400(lab: Lab) -> None:
    """Count: failed handshakes in the client's log."""
    _greet_in_tls(lab, "nginx")


@scenario("https:// to port 80: HAProxy answers the ClientHello with 400")
def haproxy_answers_400(lab: Lab) -> None:
    """Count: failed handshakes in the client's log."""
    _greet_in_tls(lab, "haproxy")


@scenario("TLS on port 8080, where the balancer does speak TLS")
def near_miss_tls_listener(lab: Lab) -> None:
    """HAProxy serves TLS on 8080 and clear HTTP on 80."""
    # tshark takes port 8080 for clear HTTP, and sees no TLS there.
    lab.partial = True
    lab.site()
    certificate = certificates.make(lab.folder, "shop.example.com")
    lab.haproxy(listen=[f"{ALB_FRONT}:80", f"{ALB_FRONT}:8080 ssl crt {certificate}"])
    client = lab.client((ALB_FRONT, 8080))
    with lab.recording(), lab.healthy_traffic():
        for _ in range(4):
            connection = client.connect(tls=certificates.trusting(lab.folder))
            connection.request("/api/items")
            connection.close()
