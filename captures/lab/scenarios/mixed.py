"""Several faults in one capture: each must be found where it is, and no other."""

import time

from captures.lab.backends import PORT, after, answers, head, resets, sends
from captures.lab.bench import FAULTY
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

STOPPED = "10.0.1.23"
FAULTS = {
    "/faulty/crash": after(0.05, resets),
    "/faulty/bug": answers("500 Internal Server Error", b"a bug\n"),
    "/faulty/cut": sends(head("200 OK", "Content-Length: 5000") + b"x" * 3000, "close"),
    "/faulty/garbage": sends(b"HTTP/1.1 200 OK\r\nX Bad: 1\r\nContent-Length: 3\r\n\r\nok\n", "close"),
    "/faulty/missing": answers("404 Not Found", b"no\n"),
}
ROUNDS = 3


@scenario(
    "five faults through HAProxy, mingled with healthy requests to the same servers", "alb client backend"
)
def haproxy_five_faults(lab: Lab) -> None:
    """Resets, 500s, cut and malformed answers, and a stopped server; counts: the client's log."""
    _mingle(lab, "haproxy")


@scenario("five faults through nginx, mingled with healthy requests to the same servers")
def nginx_five_faults(lab: Lab) -> None:
    """Resets, 500s, cut and malformed answers, and a stopped server; counts: the client's log."""
    _mingle(lab, "nginx")


def _mingle(lab: Lab, balancer: str) -> None:
    lab.site()
    lab.faulty(FAULTS)
    lab.backend(STOPPED)
    pools = {"site": [f"10.0.1.21:{PORT}"], "faulty": [f"{FAULTY}:{PORT}"], "stopped": [f"{STOPPED}:{PORT}"]}
    lab.balance(balancer, pools=pools)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(ROUNDS):
            for path in (*FAULTS, "/stopped/service"):
                client.get(path, note=path)
                client.get("/faulty/works")
                time.sleep(0.02)
    for path, cause, at in (
        ("/faulty/crash", "backend-reset", "alb backend"),
        ("/faulty/bug", "backend-error-status", "alb client backend"),
        ("/faulty/cut", "response-content-length-mismatch", "alb client backend"),
        ("/faulty/garbage", "malformed-response", "alb backend"),
        ("/stopped/service", "backend-connect-refused", "alb"),
    ):
        failed = [o for o in lab.outcomes(note=path) if not o.ok]
        lab.expect(cause, len(failed), at=" ".join(v for v in at.split() if v in lab.scenario.vantages))
