"""Only a part of the request arrives; the load balancer waits, and closes."""

import time

from captures.lab.bench import ALB_FRONT
from captures.lab.client import build_request
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

GIVE_UP_S = 1.5
HALF_A_HEAD = b"GET /api/items HTTP/1.1\r\nHost: shop.example.com\r\nUser-Agent: lab-cl"
HALF_A_BODY = build_request("/api/items", "POST", b"", "shop.example.com", Content_Length="2000") + b"a" * 700


def _fall_silent(lab: Lab, balancer: str, part: bytes) -> None:
    lab.site()
    # AWS's ALB has one timeout for a silent client, its idle timeout.
    lab.balance(balancer, request_timeout_s=GIVE_UP_S, idle_s=GIVE_UP_S)
    client = lab.client()

    def start_only() -> None:
        connection = client.connect()
        connection.raw(part, note="fault")
        connection.close()

    with lab.recording(), lab.healthy_traffic():
        lab.at_once(3, start_only)
    lab.note(f"The load balancer's request timeout was {GIVE_UP_S:g} s.")
    failed = [o for o in lab.outcomes(note="fault") if not o.ok]
    lab.expect("request-timeout", len(failed), at=" ".join(lab.scenario.vantages), silence_s=(GIVE_UP_S, 0.2))


@scenario("half a head, then silence: 408", "alb client")
def haproxy_head(lab: Lab) -> None:
    """Count: 408s in the client's log."""
    _fall_silent(lab, "haproxy", HALF_A_HEAD)
    lab.check("http.response.code == 408", 3, 3)


@scenario("half a body, then silence: nginx logs 408 and closes without a word")
def nginx_body(lab: Lab) -> None:
    """Count: requests without an answer, from the client's log."""
    _fall_silent(lab, "nginx", HALF_A_BODY)
    lab.check(f"tcp.flags.fin == 1 && ip.src == {ALB_FRONT}", 3)


@scenario("half a head, then silence: nginx logs 408 and closes without a word")
def nginx_head(lab: Lab) -> None:
    """Count: requests without an answer, from the client's log."""
    _fall_silent(lab, "nginx", HALF_A_HEAD)
    lab.check(f"tcp.flags.fin == 1 && ip.src == {ALB_FRONT}", 3)


@scenario("slow clients that do finish: a head in six pieces, a body in five, each pause under the timeout")
def near_miss_slow_but_whole(lab: Lab) -> None:
    """Pauses of 0.2 s; all are answered 200. One connection is never used, and closed by nginx."""
    lab.site()
    lab.nginx(request_timeout_s=GIVE_UP_S)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        unused = client.connect()
        for method, path, body in (("GET", "/", b""), ("POST", "/api/items", b"b" * 900)):
            data = build_request(path, method, body, client.host_header)
            connection = client.connect()
            step = len(data) // 5
            for start in range(0, len(data), step):
                connection.send(data[start : start + step])
                time.sleep(0.2)
            if not connection.read(method).ok:
                raise RuntimeError("the load balancer lost patience")
            connection.close()
        unused.close()
