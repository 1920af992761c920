"""The request's header is larger than the load balancer takes."""

from captures.lab.lab import Lab
from captures.lab.scenario import scenario

# Alibaba documents 32 KB a header, AWS 16 KB.
ALIBABA_LIMITS = "large_client_header_buffers 4 32k; client_header_buffer_size 4k;"
AWS_LIMITS = "tune.bufsize 17408"


def _ask(lab: Lab, cookie_bytes: int, requests: int = 3) -> None:
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(requests):
            client.get("/api/items", note="fault", Cookie="session=" + "c" * cookie_bytes)
            client.get("/api/items", Cookie="session=" + "c" * 400)


@scenario("a 36,000 byte cookie meets Alibaba's limit of 32 KB: 400", "alb client")
def nginx_cookie(lab: Lab) -> None:
    """Count: 400s in the client's log."""
    lab.site()
    lab.nginx(http=ALIBABA_LIMITS)
    _ask(lab, 36_000)
    lab.extra["profile"] = "alibaba"
    lab.expect("request-header-too-large", lab.count(status=400, note="fault"), at="alb client")


@scenario("an 18,000 byte cookie meets AWS's limit of 16 KB: 400")
def haproxy_cookie(lab: Lab) -> None:
    """Count: 400s in the client's log."""
    lab.site()
    lab.haproxy(tuning=AWS_LIMITS)
    _ask(lab, 18_000)
    lab.extra["profile"] = "aws"
    lab.expect("request-header-too-large", lab.count(status=400, note="fault"))


@scenario("a 12,000 byte cookie, large and within both clouds' limits, is taken")
def near_miss_large_cookie(lab: Lab) -> None:
    """The site's own header limit is raised, so every answer is 200."""
    lab.site(extra="large_client_header_buffers 4 32k;")
    lab.haproxy()
    _ask(lab, 12_000)
    lab.extra["profile"] = "aws"
    if bad := [o for o in lab.outcomes() if not o.ok]:
        raise RuntimeError(f"a cookie within the limit failed: {bad}")
