"""Ordinary behaviour is not a fault: each kind of it, on either leg, from packets to findings."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest

import pcapdiag
from pcapdiag import Severity
from tests.conversation import Conversation, capture

OK = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
LEGS = {"frontend": ("10.0.0.1:40000", "10.0.0.10:80"), "backend": ("10.0.0.10:50000", "10.0.3.1:8080")}
ALB = ["10.0.0.10"]


def get(path: str = "/", method: str = "GET", more: str = "") -> str:
    return f"{method} {path} HTTP/1.1\r\nHost: shop.example\r\n{more}\r\n"


def half_close(c: Conversation) -> None:
    c.request(get(more="Connection: close\r\n"))
    c.client.fin()
    c.wait(0.2)
    c.response(OK)
    c.server.fin()


def rst_after_the_whole_response(c: Conversation) -> None:
    c.request(get())
    c.response(OK)
    c.client.rst()


def idle_close_with_nothing_in_flight(c: Conversation) -> None:
    c.request(get())
    c.response(OK)
    c.wait(5)
    c.close(c.server)


def keep_alive_probes(c: Conversation) -> None:
    c.request(get())
    for _ in range(8):
        c.wait(1)
        c.server.keep_alive()
        c.client.keep_alive()
    c.response(OK)
    c.close()


def health_checks_that_pass(c: Conversation) -> None:
    for _ in range(5):
        c.request(get("/health", more="User-Agent: ELB-HealthChecker/2.0\r\n"))
        c.response(OK)
        c.wait(5)
    c.close()


def a_head_s_content_length(c: Conversation) -> None:
    c.request(get(method="HEAD"))
    c.response("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n")
    c.close(c.server)


def no_content(c: Conversation) -> None:
    c.request(get(method="DELETE"))
    c.response("HTTP/1.1 204 No Content\r\n\r\n")
    c.close(c.server)


def not_modified(c: Conversation) -> None:
    c.request(get())
    c.response("HTTP/1.1 304 Not Modified\r\nContent-Length: 5000\r\n\r\n")
    c.close(c.server)


def interim_responses(c: Conversation) -> None:
    c.request("POST / HTTP/1.1\r\nHost: shop.example\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n")
    c.response("HTTP/1.1 100 Continue\r\n\r\n")
    c.request("hi")
    c.response("HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n")
    c.wait(0.1)
    c.response(OK)
    c.close()


def pipelining(c: Conversation) -> None:
    c.request(get("/1") + get("/2") + get("/3"))
    c.response(OK + OK)
    c.response(OK)
    c.close()


def an_upgrade(c: Conversation) -> None:
    c.request(get("/ws", more="Connection: Upgrade\r\nUpgrade: websocket\r\n"))
    c.response("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    c.request(b"\x81\x82abcd\x09\x0b")
    c.wait(120)
    c.response(b"\x81\x02hi")
    c.client.rst()


def a_long_poll(c: Conversation) -> None:
    c.request(get("/poll?timeout=50"))
    c.wait(50)
    c.response(OK)
    c.close()


def open_when_the_capture_ends(c: Conversation) -> None:
    c.request(get("/report"))
    c.wait(30)
    c.client.keep_alive()


def half_a_request_when_the_capture_ends(c: Conversation) -> None:
    c.request("POST / HTTP/1.1\r\nHost: shop.example\r\nContent-Length: 9000\r\n\r\nbegun")


ORDINARY: list[Callable[[Conversation], None]] = [
    half_close, rst_after_the_whole_response, idle_close_with_nothing_in_flight, keep_alive_probes,
    health_checks_that_pass, a_head_s_content_length, no_content, not_modified, interim_responses, pipelining,
    an_upgrade, a_long_poll, open_when_the_capture_ends, half_a_request_when_the_capture_ends,
]  # fmt: skip


def judged(*conversations: Conversation) -> pcapdiag.Analysis:
    return pcapdiag.analyze(io.BytesIO(capture(*conversations)), alb=ALB)


def accused(analysis: pcapdiag.Analysis) -> list[str]:
    return [finding.cause.name for finding in analysis.findings if finding.severity > Severity.INFO]


@pytest.mark.parametrize("leg", LEGS)
@pytest.mark.parametrize("ordinary", ORDINARY, ids=lambda story: story.__name__)
def test_ordinary_behaviour_is_no_fault(ordinary: Callable[[Conversation], None], leg: str) -> None:
    c = Conversation(*LEGS[leg])
    c.handshake()
    ordinary(c)
    analysis = judged(c)
    assert accused(analysis) == [] and analysis.account.failed == 0


@pytest.mark.parametrize("leg", LEGS)
@pytest.mark.parametrize("ordinary", ORDINARY, ids=lambda story: story.__name__)
def test_nor_on_a_connection_that_was_open_when_the_capture_began(
    ordinary: Callable[[Conversation], None], leg: str
) -> None:
    c = Conversation(*LEGS[leg])
    c.handshake()
    c.packets.clear()
    ordinary(c)
    analysis = judged(c)
    assert accused(analysis) == [] and analysis.account.failed == 0


@pytest.mark.parametrize("leg", LEGS)
def test_a_response_whose_request_came_before_the_capture_is_not_judged(leg: str) -> None:
    c = Conversation(*LEGS[leg])
    c.handshake()
    c.request(get())
    c.packets.clear()
    c.wait(20)
    c.response(OK)
    c.close()
    assert accused(judged(c)) == []


@pytest.mark.parametrize(
    ("status", "severity"),
    [("500", "error"), ("503", "error"), ("400", "warning"), ("405", "warning"), ("408", "warning"),
     ("413", "warning"), ("414", "warning"), ("401", "info"), ("404", "info"), ("409", "info")],
)  # fmt: skip
def test_a_backend_s_own_error_weighs_by_its_status(status: str, severity: str) -> None:
    front, back = Conversation(*LEGS["frontend"]), Conversation(*LEGS["backend"], start_s=0.001)
    answer = f"HTTP/1.1 {status} Said\r\nServer: app\r\nContent-Length: 2\r\n\r\nno"
    front.handshake()
    front.request(get("/a"))
    back.handshake()
    back.request(get("/a", more="X-Forwarded-For: 10.0.0.1\r\n"))
    back.response(answer)
    front.wait(0.02)
    front.response(answer)
    (finding,) = judged(front, back).findings
    assert finding.severity.word == severity


def test_a_request_has_one_root_cause() -> None:
    """A 502 because of a reset because of a keep-alive race is one keep-alive race."""
    front, back = Conversation(*LEGS["frontend"]), Conversation(*LEGS["backend"], start_s=0.001)
    front.handshake()
    back.handshake()
    front.request(get("/a"))
    back.request(get("/a", more="X-Forwarded-For: 10.0.0.1\r\n"))
    back.response(OK)
    front.wait(0.01)
    front.response(OK)
    front.wait(5)
    back.now_ns = front.now_ns
    back.server.fin(dropped=True)
    front.request(get("/b"))
    back.client.send(get("/b", more="X-Forwarded-For: 10.0.0.1\r\n"), dropped=True)
    back.server.rst(ack=False)
    front.wait(0.02)
    front.response("HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")
    analysis = judged(front, back)
    (finding,) = [finding for finding in analysis.findings if finding.severity is Severity.ERROR]
    assert (finding.cause.name, finding.count) == ("keepalive-race", 1)
    assert analysis.account.failed == analysis.account.explained == 1
