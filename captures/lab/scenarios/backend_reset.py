"""The backend resets a connection on which a request is outstanding."""

import time

from captures.lab.backends import FaultyServer, Peer, Request, Route, after, head, resets
from captures.lab.bench import FAULTY
from captures.lab.lab import Lab
from captures.lab.scenario import scenario


def _crash_in_mid_answer(peer: Peer, _request: Request) -> None:
    peer.send(head("200 OK", "Content-Length: 5000") + b"x" * 1200)
    after(0.05, resets)(peer, _request)


def _record(lab: Lab, balancer: str, routes: dict[str, Route], requests: int) -> FaultyServer:
    """Requests that meet the fault, between others to the same server that do not."""
    lab.site()
    server = lab.faulty(routes)
    lab.balance(balancer)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(requests):
            client.get("/faulty/works")
            client.get("/faulty/crash", note="fault")
    return server


@scenario(
    "a server process dies on some requests: RST in place of an answer, 502 from HAProxy",
    "alb client backend",
)
def haproxy_before_response(lab: Lab) -> None:
    """The server resets after reading the request and 50 ms; count: 502s in the client's log."""
    _record(lab, "haproxy", {"/faulty/crash": after(0.05, resets)}, 4)
    lab.expect("backend-reset", lab.count(status=502, note="fault"), at="alb backend")
    lab.check(f"tcp.flags.reset == 1 && ip.src == {FAULTY}", 4, 4)
    lab.check("http.response.code == 502", 4, 4)


@scenario("a server process dies on some requests: RST in place of an answer, 502 from nginx")
def nginx_before_response(lab: Lab) -> None:
    """The server resets after reading the request and 50 ms; count: 502s in the client's log."""
    _record(lab, "nginx", {"/faulty/crash": after(0.05, resets)}, 3)
    lab.expect("backend-reset", lab.count(status=502, note="fault"))
    lab.check(f"tcp.flags.reset == 1 && ip.src == {FAULTY}", 3, 3)


@scenario("a server process dies on some requests: RST in place of an answer, 503 from Varnish")
def varnish_before_response(lab: Lab) -> None:
    """The server resets after reading the request and 50 ms; count: 503s in the client's log."""
    _record(lab, "varnish", {"/faulty/crash": after(0.05, resets)}, 3)
    lab.expect("backend-reset", lab.count(status=503, note="fault"))
    lab.check(f"tcp.flags.reset == 1 && ip.src == {FAULTY}", 3)


@scenario("RST in the middle of the body: the client got 200 and a cut body")
def nginx_mid_response(lab: Lab) -> None:
    """The server sends 1,200 of 5,000 body bytes and resets; count: cut responses in the client's log."""
    _record(lab, "nginx", {"/faulty/crash": _crash_in_mid_answer}, 3)
    cut = [o for o in lab.outcomes(note="fault") if o.error]
    lab.expect("backend-reset", len(cut))
    lab.check(f"tcp.flags.reset == 1 && ip.src == {FAULTY}", 3, 3)


def _unmarked(lab: Lab, balancer: str, **options: str) -> None:
    """The backend's host alone, without a forwarding header: nothing names the load balancer."""
    lab.site()
    lab.faulty({"/faulty/crash": after(0.05, resets)})
    lab.balance(balancer, forwards=False, **options)
    lab.extra["alb"] = []
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for n in range(4):
            client.get(f"/faulty/{n}", User_Agent="curl/8.5.0")
            client.get("/faulty/crash", note="fault")
            time.sleep(0.5)
    lab.expect("backend-reset", lab.count(status=502, note="fault"))
    lab.check(f"tcp.flags.reset == 1 && ip.src == {FAULTY}", 4, 4)
    lab.never("http.x_forwarded_for")


@scenario("the backend's host alone: HAProxy marks no request, and checks the port every 300 ms", "backend")
def haproxy_unmarked(lab: Lab) -> None:
    """The server resets after reading the request and 50 ms; count: 502s in the client's log."""
    _unmarked(lab, "haproxy", server_options="check inter 300ms")


@scenario("the backend's host alone: nginx marks its requests with X-Real-IP only", "backend")
def nginx_real_ip(lab: Lab) -> None:
    """The server resets after reading the request and 50 ms; count: 502s in the client's log."""
    _unmarked(lab, "nginx", server="proxy_set_header X-Real-IP $remote_addr;")


@scenario("RSTs that harm nobody: after a whole response, and on an idle connection")
def near_miss_reset_after_response(lab: Lab) -> None:
    """After a whole answer the server resets: 50 ms later on some connections, 0.3 s on others."""

    def reset_when_idle(peer: Peer, request: Request) -> None:
        peer.answer()
        after(0.05 if request.path.endswith("soon") else 0.3, resets)(peer, request)

    lab.site()
    lab.faulty({"/faulty": reset_when_idle})
    lab.haproxy()
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for path in ("/faulty/soon", "/faulty/idle") * 2:
            connection = client.connect()
            connection.request(path)
            time.sleep(0.5)
            connection.close()
    lab.check(f"tcp.flags.reset == 1 && ip.src == {FAULTY}", 4)
    lab.check("http.response.code == 502", 0, 0)
