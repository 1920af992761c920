"""The response's header is larger than the load balancer takes."""

from typing import Any

from captures.lab.backends import answers
from captures.lab.lab import Lab
from captures.lab.scenario import scenario


def _cookies(total_bytes: int) -> tuple[str, ...]:
    return tuple(f"Set-Cookie: part{n}={'c' * 2000}" for n in range(total_bytes // 2000))


def _ask(lab: Lab, balancer: str, header_bytes: int, **options: Any) -> None:
    lab.site()
    lab.faulty({"/faulty/login": answers("200 OK", b"welcome\n", *_cookies(header_bytes))})
    lab.balance(balancer, **options)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(3):
            client.get("/faulty/login", note="fault")
            client.get("/faulty/works")


@scenario("36,000 bytes of cookies in the response: 502 by HAProxy", "alb backend")
def haproxy_cookies(lab: Lab) -> None:
    """HAProxy's buffer is 33 KB, so that AWS's limit of 32 KB holds; count: 502s in the client's log."""
    _ask(lab, "haproxy", 36_000, tuning="tune.bufsize 33792")
    lab.extra["profile"] = "aws"
    lab.expect("response-header-too-large", lab.count(status=502, note="fault"), at="alb backend")


@scenario("36,000 bytes of cookies in the response: 502 by nginx (upstream sent too big header)")
def nginx_cookies(lab: Lab) -> None:
    """proxy_buffer_size is 32 KB; count: 502s in the client's log."""
    _ask(
        lab,
        "nginx",
        36_000,
        server="proxy_buffer_size 32k; proxy_buffers 8 32k; proxy_busy_buffers_size 64k;",
    )
    lab.extra["profile"] = "aws"
    lab.expect("response-header-too-large", lab.count(status=502, note="fault"))


@scenario("36,000 bytes of cookies in the response: 503 by Varnish, which hangs up in the middle of them")
def varnish_cookies(lab: Lab) -> None:
    """Varnish takes 32 KB (http_resp_size); count: 503s in the client's log."""
    _ask(lab, "varnish", 36_000)
    lab.expect("response-header-too-large", lab.count(status=503, note="fault"))
    lab.check("http.response.code == 503", 3, 3)


@scenario("14,000 bytes of cookies: large, and taken")
def near_miss_large_cookies(lab: Lab) -> None:
    """Every answer is 200."""
    _ask(lab, "haproxy", 14_000)
    lab.extra["profile"] = "aws"
    if bad := [o for o in lab.outcomes() if not o.ok]:
        raise RuntimeError(f"a header within the limit failed: {bad}")
