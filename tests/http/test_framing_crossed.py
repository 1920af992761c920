"""Answers that the capture holds before what they answer: several queues, mirrors, `-i any`."""

from __future__ import annotations

import pytest

from pcapdiag import tables as t
from pcapdiag.tables import END_COMPLETE
from tests.conversation import Conversation
from tests.http.talk import GET, OK, opened, post, response
from tests.reading import CLIENT, SERVER, Gap, Reading


def crossed(c: Conversation, question: str, answer: str) -> None:
    """The answer, which acknowledges the question, is stored before it."""
    c.auto_ack = False
    c.request(question)
    c.response(answer)
    c.reorder()
    c.auto_ack = True
    c.client.ack()


def get(path: str) -> str:
    return GET.replace(" / ", f" {path} ")


@pytest.mark.parametrize("turned", [(0,), (1,), (2,), (0, 1, 2)])
def test_each_answer_keeps_its_request(turned: tuple[int, ...]) -> None:
    c = opened()
    for k in range(3):
        status = response("", status=f"{200 + k} OK", length=0)
        if k in turned:
            crossed(c, get(f"/{k}"), status)
        else:
            c.request(get(f"/{k}"))
            c.response(status)
        c.wait(0.1)
    c.close()
    seen = Reading(c)
    assert [int(x["status"]) for x in seen.exchanges] == [200, 201, 202]
    assert all(x["flags"] & t.REQ_SEEN for x in seen.exchanges)
    assert all(x["request_ended"] == x["response_ended"] == END_COMPLETE for x in seen.exchanges)
    assert seen.tracker.kernel.crossed == len(turned)


def test_a_fin_stored_before_the_request_it_answers() -> None:
    """The server reads the request and closes: the request was not asked of a closed server."""
    c = opened(auto_ack=False)
    c.request(GET)
    c.server.fin()
    c.reorder()
    c.client.ack()
    seen = Reading(c)
    assert seen.said(0, CLIENT) == [GET.encode()]
    assert seen.exchange["response_ended"] == t.END_FIN
    assert seen.connection["server_close_acked"] == len(GET)


def test_a_reset_stored_before_the_request_it_answers() -> None:
    c = opened(auto_ack=False)
    c.request(GET)
    c.server.rst()
    c.reorder()
    seen = Reading(c)
    assert seen.exchange["response_ended"] == t.END_RST_SENDER
    assert seen.connection["server_close_acked"] == len(GET)


def test_a_reset_stored_before_the_answer_it_follows() -> None:
    c = opened(auto_ack=False)
    c.request(GET)
    c.response(OK)
    c.server.rst()
    c.reorder()
    assert Reading(c).exchange["response_ended"] == END_COMPLETE


def test_a_request_that_never_comes_is_not_waited_for_long() -> None:
    c = opened()
    c.client.send(post("lost"), unseen=True)
    c.response(OK)
    c.wait(0.02)
    c.request(get("/2"))
    c.response(response("", status="404 Not Found", length=0))
    c.close()
    seen = Reading(c)
    assert seen.tracker.kernel.crossed == 0
    assert [int(x["status"]) for x in seen.exchanges] == [200, 404]
    assert not seen.exchanges[0]["flags"] & t.REQ_SEEN
    assert any(isinstance(said, Gap) for said in seen.said(0, CLIENT))


def test_a_large_answer_does_not_wait_whole() -> None:
    c = opened()
    c.client.send(GET, unseen=True)
    c.response("HTTP/1.1 200 OK\r\nContent-Length: 300000\r\n\r\n" + "x" * 300_000)
    seen = Reading(c)
    assert sum(len(said) for said in seen.said(0, SERVER) if isinstance(said, bytes)) > 300_000


def test_one_side_alone_is_handed_on_as_it_comes() -> None:
    c = opened()
    for k in range(20):
        c.client.send(get(f"/{k}"), unseen=True)
        c.response(OK)
        c.wait(0.001)
    seen = Reading(c)
    assert len([x for x in seen.exchanges if x["status"] == 200]) == 20


def test_bytes_that_came_late_are_no_gap() -> None:
    """The ACK of each request is stored before it, over longer than a missing piece is waited for."""
    c = opened(auto_ack=False)
    for _ in range(4):
        c.client.send("GET" if not c.client.sent else "x")
        c.server.ack()
        c.reorder()
        c.wait(0.15)
    assert not any(isinstance(said, Gap) for said in Reading(c).said(0, CLIENT))
