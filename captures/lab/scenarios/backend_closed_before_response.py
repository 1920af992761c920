"""The backend closes in order while a request is outstanding, without a byte of response."""

from captures.lab.backends import Peer, Request, after, closes
from captures.lab.bench import FAULTY
from captures.lab.lab import Lab
from captures.lab.scenario import scenario


def _ask(lab: Lab, balancer: str) -> None:
    lab.site()
    lab.faulty({"/faulty/crash": after(0.05, closes)})
    lab.balance(balancer)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(4):
            client.get("/faulty/works")
            client.get("/faulty/crash", note="fault")
    at = " ".join(v for v in lab.scenario.vantages if v != "client")
    lab.expect("backend-closed-before-response", lab.count(status=502, note="fault"), at=at)
    lab.never(f"tcp.flags.reset == 1 && ip.src == {FAULTY}")


@scenario("FIN in place of an answer: 502 by HAProxy", "alb client backend")
def haproxy_fin(lab: Lab) -> None:
    """The server reads the request and closes 50 ms later; count: 502s in the client's log."""
    _ask(lab, "haproxy")


@scenario("FIN in place of an answer: 502 by nginx")
def nginx_fin(lab: Lab) -> None:
    """The server reads the request and closes 50 ms later; count: 502s in the client's log."""
    _ask(lab, "nginx")


@scenario("a backend that closes after each whole answer, saying Connection: close or not")
def near_miss_closes_after_answer(lab: Lab) -> None:
    """No request is outstanding when the FIN comes."""

    def answer_and_close(peer: Peer, request: Request) -> None:
        peer.answer("200 OK", b"ok\n", *(["Connection: close"] if request.path.endswith("said") else []))
        closes(peer, request)

    lab.site()
    lab.faulty({"/faulty": answer_and_close})
    lab.haproxy(reuse="never")
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for path in ("/faulty/said", "/faulty/unsaid") * 3:
            client.get(path)
