"""Receive windows, keep-alives and probes."""

from __future__ import annotations

from pcapdiag import tables as t
from tests.conversation import Conversation
from tests.reading import CLIENT, SERVER, Reading


def opened(**options: object) -> Conversation:
    c = Conversation(step_s=0, wscale=None, **options)  # type: ignore[arg-type]
    c.handshake()
    c.client.send("GET")
    return c


def test_zero_windows_are_counted_and_timed() -> None:
    c = opened()
    for shut_s in (2, 0.5):
        c.client.ack(window=0)
        c.wait(shut_s)
        c.client.ack(window=500)
        c.wait(1)
    seen = Reading(c)
    trouble = seen.trouble(CLIENT)
    assert trouble["zero_windows"] == 2
    assert (trouble["zero_window_us"], trouble["longest_zero_us"]) == (2_500_000, 2_000_000)
    reopened = seen.events_of_kind(t.EVENT_WINDOW_REOPENED)
    assert reopened["a"].tolist() == [2_000_000, 500_000]
    assert reopened["b"].tolist() == [500, 500]
    assert (t.ZERO_WINDOW in seen.flags, t.WINDOW_UPDATE in seen.flags) == (True, True)


def test_window_said_zero_again_is_the_same_episode() -> None:
    c = opened()
    for _ in range(5):
        c.client.ack(window=0)
        c.wait(1)
    assert Reading(c).trouble(CLIENT)["zero_windows"] == 1


def test_window_shut_until_the_end_lasts_until_the_last_packet() -> None:
    c = opened()
    c.client.ack(window=0)
    c.wait(3)
    c.server.send("x", dropped=True)
    assert Reading(c).trouble(CLIENT)["zero_window_us"] == 3_000_000


def test_reset_and_fin_announce_no_zero_window() -> None:
    c = opened()
    c.client.window = 0
    c.client.fin()
    c.server.rst()
    assert "zero_windows" not in Reading(c).trouble(CLIENT)


def test_keep_alives_are_no_data() -> None:
    c = opened()
    for data in (b"", b"\0", b""):
        c.wait(10)
        c.client.keep_alive(data)
    seen = Reading(c)
    assert seen.said(0, CLIENT) == [b"GET"]
    assert seen.trouble(CLIENT) == {"keep_alives": 3}
    assert seen.trouble(SERVER) == {}
    assert [f for f in seen.flags if f] == [t.KEEP_ALIVE, t.KEEP_ALIVE_ACK] * 3
    assert len(seen.events_of_kind(t.EVENT_KEEP_ALIVE)) == 3


def test_zero_window_probe_is_answered_and_no_retransmission() -> None:
    c = opened(auto_ack=False)
    c.server.send("x" * 500)
    c.client.ack(window=0)
    for _ in range(3):
        c.wait(1)
        c.server._say(c.server.next, t.ACK, b"y", False, True, False)
        c.server.next -= 1
        c.client.ack()
    c.client.ack(window=500)
    c.server.send("yz")
    c.client.ack()
    seen = Reading(c)
    assert seen.flags.count(t.ZERO_WINDOW_PROBE) == 3
    assert seen.flags.count(t.ZERO_WINDOW | t.ZERO_WINDOW_PROBE_ACK) == 3
    assert seen.said(0, SERVER) == [b"x" * 500 + b"yz"]
    assert "spurious" not in seen.trouble(SERVER)


def test_window_filled_to_its_last_byte_is_marked() -> None:
    c = opened()
    c.client.ack(window=1000)
    c.server.send("x" * 1000)
    assert t.WINDOW_FULL in Reading(c).flags


def test_window_that_only_shrinks_is_no_trouble() -> None:
    c = opened()
    for window in (400, 300, 1):
        c.client.ack(window=window)
    assert Reading(c).trouble(CLIENT) == {}
