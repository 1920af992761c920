"""An HTTP request in clear on a port that speaks TLS."""

from captures.lab import certificates
from captures.lab.bench import ALB_FRONT
from captures.lab.lab import Lab
from captures.lab.scenario import scenario


def _balance_tls(lab: Lab, balancer: str) -> None:
    lab.site()
    certificate = certificates.make(lab.folder, "shop.example.com")
    if balancer == "nginx":
        server = certificates.for_nginx(certificate)
        lab.nginx(listen=[f"{ALB_FRONT}:80", f"{ALB_FRONT}:443 ssl"], server=server)
    else:
        lab.haproxy(listen=[f"{ALB_FRONT}:80", f"{ALB_FRONT}:443 ssl crt {certificate}"])


def _browse_tls(lab: Lab, times: int = 2) -> None:
    client = lab.client((ALB_FRONT, 443))
    for _ in range(times):
        connection = client.connect(tls=certificates.trusting(lab.folder))
        connection.request("/api/items")
        connection.close()


def _speak_clear(lab: Lab, balancer: str) -> None:
    _balance_tls(lab, balancer)
    client = lab.client((ALB_FRONT, 443))
    with lab.recording(), lab.healthy_traffic():
        for _ in range(4):
            client.get("/api/items", note="fault")
            _browse_tls(lab, 1)
    failed = [o for o in lab.outcomes(note="fault") if not o.ok]
    lab.expect("plaintext-on-tls-port", len(failed), at=" ".join(lab.scenario.vantages))


@scenario("GET in clear to port 443: nginx answers 400 in clear", "alb client")
def nginx_answers_400(lab: Lab) -> None:
    """Others use TLS on that port meanwhile; count: 400s in the client's log."""
    _speak_clear(lab, "nginx")
    lab.check("http.response.code == 400 && tcp.srcport == 443", 4, 4)


@scenario("GET in clear to port 443: HAProxy hangs up without a word")
def haproxy_hangs_up(lab: Lab) -> None:
    """Others use TLS on that port meanwhile; count: failures in the client's log."""
    _speak_clear(lab, "haproxy")


@scenario("HTTP in clear on port 443 of a balancer that listens there in clear: odd, and it works")
def near_miss_clear_listener(lab: Lab) -> None:
    """nginx listens on 443 without TLS."""
    lab.site()
    lab.nginx(listen=[f"{ALB_FRONT}:80", f"{ALB_FRONT}:443"])
    client = lab.client((ALB_FRONT, 443))
    with lab.recording(), lab.healthy_traffic():
        for _ in range(4):
            client.get("/api/items")
