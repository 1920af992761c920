"""Loss, reordering and repetition: what each direction suffered, and how long it stood still."""

from __future__ import annotations

from pcapdiag import tables as t
from tests.conversation import Conversation
from tests.reading import CLIENT, SERVER, Reading


def opened(**options: object) -> Conversation:
    c = Conversation(step_s=0, **options)  # type: ignore[arg-type]
    c.handshake()
    c.client.send("GET")
    c.wait(0.001)
    return c


def test_healthy_direction_has_no_row() -> None:
    c = opened()
    c.server.send("x" * 5000)
    c.close()
    assert len(Reading(c).troubles) == 0


def test_segment_lost_after_the_capture_is_retransmitted() -> None:
    c = opened()
    c.server.send("x" * 100, dropped=True)
    c.wait(0.3)
    c.server.retransmit()
    seen = Reading(c)
    assert seen.trouble(SERVER) == {"retransmitted": 1, "stall_us": 300_000}
    (event,) = seen.events_of_kind(t.EVENT_RETRANSMISSION)
    assert (event["frame"], event["a"], event["b"]) == (len(c.packets) - 1, 0, 100)
    assert seen.connection["server_bytes"] == 100


def test_stalls_of_every_retransmission_add_up() -> None:
    c = opened()
    for pause in (0.2, 0.4):
        c.server.send("x" * 100, dropped=True)
        c.wait(pause)
        c.server.retransmit()
    seen = Reading(c)
    assert seen.trouble(SERVER) == {"retransmitted": 2, "stall_us": 600_000}
    assert seen.events_of_kind(t.EVENT_RETRANSMISSION)["stall_us"].tolist() == [200_000, 400_000]


def test_segment_lost_before_the_capture_fills_a_hole_late() -> None:
    c = opened(auto_ack=False)
    c.server.send("a" * 100, lost=True)
    c.server.send("b" * 100)
    c.client.ack()
    c.wait(0.25)
    c.server.retransmit()
    c.client.ack()
    seen = Reading(c)
    assert seen.trouble(SERVER) == {"lost_before": 1, "stall_us": 250_000}
    assert seen.said(0, SERVER) == [b"a" * 100 + b"b" * 100]
    assert seen.events_of_kind(t.EVENT_LOST_BEFORE)[["b", "stall_us"]].tolist() == [(100, 250_000)]


def test_segment_sent_again_though_acknowledged_is_spurious() -> None:
    c = opened()
    c.server.send("x" * 100)
    c.wait(0.3)
    c.server.retransmit()
    seen = Reading(c)
    trouble = seen.trouble(SERVER)
    assert trouble["spurious"] == 1 and "retransmitted" not in trouble and "stall_us" not in trouble
    assert t.SPURIOUS_RETRANSMISSION in seen.flags


def swapped_segments(**options: object) -> Conversation:
    c = opened(auto_ack=False, **options)
    c.server.send("a" * 100)
    c.wait(0.005)
    c.server.send("b" * 100)
    c.reorder()
    c.client.ack()
    return c


def test_reordering_is_known_by_the_ip_id() -> None:
    seen = Reading(swapped_segments())
    assert seen.trouble(SERVER) == {"out_of_order": 1}
    assert seen.said(0, SERVER) == [b"a" * 100 + b"b" * 100]


def test_reordering_is_known_by_the_timestamp() -> None:
    c = swapped_segments(timestamps=True)
    assert Reading(c).trouble(SERVER) == {"out_of_order": 1}


def test_late_first_copy_is_loss_when_its_timestamp_is_younger() -> None:
    c = opened(auto_ack=False, timestamps=True)
    c.server.send("a" * 100, lost=True)
    c.server.send("b" * 100)
    c.wait(0.002)
    c.server.retransmit()
    trouble = Reading(c).trouble(SERVER)
    assert (trouble["lost_before"], trouble["stall_us"]) == (1, 2_000)


def test_reordering_without_ids_or_timestamps_is_known_by_time() -> None:
    """IPv6 has no id: what comes within 3 ms is reordered, what comes later was lost."""
    for delay_s, kind in ((0.001, "out_of_order"), (0.2, "lost_before")):
        c = Conversation("[2001:db8::1]:40000", "[2001:db8::2]:80", step_s=0, auto_ack=False)
        c.handshake()
        c.server.send("a" * 100, lost=True)
        c.server.send("b" * 100)
        c.wait(delay_s)
        c.server.retransmit()
        assert Reading(c).trouble(SERVER)[kind] == 1


def test_what_duplicate_acks_asked_for_a_round_trip_before_was_lost() -> None:
    """On a short path without ids a repeat comes within 3 ms, too: the round trip tells the two apart."""
    for delay_s, kind in ((0.00005, "out_of_order"), (0.0005, "lost_before")):
        c = Conversation("[2001:db8::1]:40000", "[2001:db8::2]:80", step_s=0.0001, auto_ack=False)
        c.handshake()  # 0.2 ms
        c.step_ns = 0
        c.server.send("a" * 100)
        c.client.ack()
        c.server.send("b" * 100, lost=True)
        for _ in range(3):
            c.server.send("c" * 100)
            c.client.ack()
        c.wait(delay_s)
        c.server.retransmit()
        assert Reading(c).trouble(SERVER)[kind] == 1


def test_three_duplicate_acks_bring_a_fast_retransmission() -> None:
    c = opened(auto_ack=False)
    c.server.send("a" * 100, dropped=True)
    for _ in range(3):
        c.server.send("b" * 100)
        c.client.ack()
    c.wait(0.001)
    c.server.retransmit()
    seen = Reading(c)
    assert seen.flags[-1] == t.FAST_RETRANSMISSION
    assert seen.trouble(CLIENT) == {"duplicate_acks": 3}
    assert seen.trouble(SERVER)["retransmitted"] == 1


def test_segment_no_copy_of_which_arrives_is_unacked() -> None:
    c = opened()
    c.server.send("x" * 1460, dropped=True)
    for pause in (0.2, 0.4, 0.8):
        c.wait(pause)
        c.server.retransmit(dropped=True)
    trouble = Reading(c).trouble(SERVER)
    assert (trouble["unacked_bytes"], trouble["unacked_retries"]) == (1460, 4)
    assert (trouble["retransmitted"], trouble["stall_us"]) == (3, 1_400_000)


def test_segment_acknowledged_at_last_is_not_unacked() -> None:
    c = opened()
    c.server.send("x" * 1460, dropped=True)
    c.wait(0.2)
    c.server.retransmit(dropped=True)
    c.wait(0.4)
    c.server.retransmit()
    assert "unacked_bytes" not in Reading(c).trouble(SERVER)


def test_unacked_segment_sent_in_smaller_pieces_has_their_size() -> None:
    c = opened()
    c.server.send("x" * 1460, dropped=True)
    at = c.server.next - 1460
    for pause in (0.2, 0.4):
        c.wait(pause)
        c.server._say(at, t.ACK, b"x" * 500, False, True, False)
    trouble = Reading(c).trouble(SERVER)
    assert (trouble["unacked_bytes"], trouble["unacked_retries"]) == (500, 3)


def test_large_segment_acknowledged_only_in_pieces_is_not_the_largest() -> None:
    c = opened()
    c.server.send("x" * 1460, dropped=True)
    at = c.server.next - 1460
    for k in range(3):
        size = min(500, 1460 - 500 * k)
        c.wait(0.2)
        c.server._say(at + 500 * k, t.ACK, b"x" * size, False, False, False)
        c.client.ack()
    assert Reading(c).connection["server_largest_acked"] < 1460


def test_bytes_neither_captured_nor_acknowledged_are_a_hole() -> None:
    c = opened(auto_ack=False)
    c.server.send("a" * 1460, lost=True)
    c.server.send("b" * 100)
    c.client.ack()
    seen = Reading(c)
    assert seen.trouble(SERVER) == {"hole_bytes": 1460}
    assert seen.connection["flags"] & t.CONN_GAP


def test_every_hole_is_counted() -> None:
    c = opened(auto_ack=False)
    for size in (1000, 300):
        c.server.send("a" * size, lost=True)
        c.server.send("b" * 100)
    assert Reading(c).trouble(SERVER)["hole_bytes"] == 1300


def test_bytes_acknowledged_but_never_captured_are_missing() -> None:
    c = opened()
    c.server.send("a" * 1000, unseen=True)
    c.server.send("b" * 100)
    seen = Reading(c)
    assert seen.trouble(SERVER) == {"missing_bytes": 1000}
    assert seen.events_of_kind(t.EVENT_MISSING)["b"].tolist() == [1000]
    assert "hole_bytes" not in seen.trouble(SERVER)


def test_missing_bytes_are_known_before_the_connection_ends() -> None:
    c = opened()
    c.server.send("a" * 1000, unseen=True)
    c.server.send("b" * 100)
    c.wait(1)
    c.client.send("more")
    seen = Reading(c)
    assert seen.trouble(SERVER) == {"missing_bytes": 1000}
    assert seen.events_of_kind(t.EVENT_MISSING)["frame"].tolist() == [len(c.packets) - 1]


def test_acknowledgment_of_an_uncaptured_fin_is_no_missing_byte() -> None:
    c = opened()
    c.server.fin(unseen=True)
    c.client.fin()
    seen = Reading(c)
    assert seen.trouble(SERVER) == {}
    assert not seen.connection["flags"] & t.CONN_GAP


def test_packet_captured_twice_is_counted_once() -> None:
    c = opened(auto_ack=False)
    for data in ("a" * 100, "b" * 100):
        c.server.send(data)
        c.duplicate()
    c.client.ack()
    c.duplicate()
    seen = Reading(c)
    assert seen.counts["duplicates"] == 3
    assert [f for f in seen.flags if f] == [t.CAPTURE_DUPLICATE] * 3
    assert seen.trouble(SERVER) == seen.trouble(CLIENT) == {}
    assert seen.connection["flags"] & t.CONN_DUPLICATES
    assert (seen.connection["server_packets"], seen.connection["server_bytes"]) == (3, 200)


def test_handshake_captured_twice_is_counted_once_without_ip_ids_too() -> None:
    c = Conversation(client="[2001:db8::1]:40000", server="[2001:db8::10]:80")
    c.client.syn()
    c.duplicate()
    c.server.synack()
    c.duplicate()
    seen = Reading(c)
    assert seen.counts["duplicates"] == 2
    assert (seen.connection["syns"], seen.connection["synacks"]) == (1, 1)


def test_retransmission_within_a_millisecond_is_no_capture_duplicate() -> None:
    c = opened(auto_ack=False)
    c.server.send("a" * 100, dropped=True)
    c.wait(0.0005)
    c.server.retransmit()
    seen = Reading(c)
    assert seen.counts["duplicates"] == 0
    assert seen.trouble(SERVER)["retransmitted"] == 1


def test_last_byte_sent_again_before_its_acknowledgment_is_a_retransmission() -> None:
    """By its numbers alone it could be a keep-alive."""
    c = opened()
    c.server.send("x", dropped=True)
    c.wait(0.2)
    c.server.retransmit()
    assert Reading(c).trouble(SERVER) == {"retransmitted": 1, "stall_us": 200_000}


def test_trouble_names_its_first_and_last_frame() -> None:
    c = opened()
    frames = []
    for _ in range(3):
        c.server.send("x" * 100, dropped=True)
        c.wait(0.2)
        frames.append(len(c.packets) + 1)
        c.server.retransmit()
    (row,) = Reading(c).troubles
    assert (row["first_trouble_frame"], row["last_trouble_frame"]) == (frames[0], frames[-1])
    assert row["data_packets"] == 6


def test_events_of_one_connection_are_bounded() -> None:
    c = opened()
    for _ in range(100):
        c.server.send("x" * 100, dropped=True)
        c.wait(0.2)
        c.server.retransmit()
    seen = Reading(c)
    assert len(seen.events) == 64
    assert seen.tracker.kernel.events_dropped == 36
    assert seen.trouble(SERVER)["retransmitted"] == 100


def test_reset_of_a_stalled_connection_keeps_its_trouble() -> None:
    c = opened()
    c.server.send("x" * 1460, dropped=True)
    c.wait(0.2)
    c.server.retransmit(dropped=True)
    c.client.rst()
    trouble = Reading(c).trouble(SERVER)
    assert (trouble["retransmitted"], trouble["unacked_bytes"]) == (1, 1460)


def test_sequence_wraparound_is_no_trouble() -> None:
    c = opened(server_isn=2**32 - 700, client_isn=2**32 - 2)
    c.server.send("x" * 5000)
    c.server.send("y" * 100, dropped=True)
    c.wait(0.2)
    c.server.retransmit()
    c.close()
    seen = Reading(c)
    assert seen.trouble(SERVER) == {"retransmitted": 1, "stall_us": 200_000}
    assert (seen.connection["server_bytes"], seen.connection["server_acked"]) == (5100, 5100)


def test_first_packets_of_a_connection_begun_before_may_be_reordered() -> None:
    """What comes late then is older than all we know of the stream: no retransmission."""
    c = opened(auto_ack=False)
    c.packets.clear()
    c.server.send("a" * 100)
    c.server.send("b" * 100)
    c.reorder()
    c.client.ack()
    assert len(Reading(c).troubles) == 0


def test_bytes_given_up_as_a_gap_were_lost_before_the_capture_when_they_come_at_last() -> None:
    c = opened(auto_ack=False)
    c.server.send("a" * 100, lost=True)
    for _ in range(1100):  # more than may wait behind a hole
        c.server.send("b" * 10)
    c.client.ack()
    c.wait(0.25)
    c.server.retransmit()
    trouble = Reading(c).trouble(SERVER)
    assert trouble["lost_before"] == 1
    assert "retransmitted" not in trouble


# What tshark 4.0 says of these packets is what the tests expect.


def acknowledged_unseen(c: Conversation) -> list[bool]:
    return [bool(flags & t.ACK_LOST_SEGMENT) for flags in Reading(c).flags]


def test_acknowledgments_beyond_the_capture_are_flagged_once_until_a_gap_is_seen() -> None:
    c = opened()
    c.server.send("a" * 100)
    first = len(c.packets)
    for _ in range(4):
        c.server.send("b" * 400, unseen=True)
    c.server.send("c" * 10)
    c.server.send("d" * 10)
    c.server.send("e" * 300, unseen=True)
    #   b's four acknowledgments     c     its ack  d      its ack  e's
    expected = [True, False, False, False, False, True, False, False, False]
    assert acknowledged_unseen(c)[first:] == expected


def test_a_gap_seen_and_an_acknowledgment_beyond_it_are_flagged_apart() -> None:
    c = opened(auto_ack=False)
    c.server.send("a" * 100)
    c.client.ack()
    c.server.send("b" * 100, unseen=True)
    c.server.send("c" * 10)
    first = len(c.packets)
    for _ in range(3):
        c.server.send("d" * 100, unseen=True)
        c.client.ack()
    assert acknowledged_unseen(c)[first:] == [True, True, False]


def test_acknowledgment_of_a_hole_that_was_filled_late_is_of_bytes_seen() -> None:
    c = opened(auto_ack=False)
    c.server.send("a" * 100, lost=True)
    c.server.send("b" * 100)
    c.client.ack()
    c.wait(0.25)
    c.server.retransmit()
    c.client.ack()
    assert not any(acknowledged_unseen(c))


def test_a_bare_ack_ahead_of_all_data_tells_of_data_that_never_came() -> None:
    """Behind a hop that drops full-size segments only their sender's later ACKs are seen."""
    c = opened(auto_ack=False)
    c.client.send("GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    c.server.send("x" * 2920, lost=True)
    c.server.ack()
    c.wait(3)
    c.client.fin()
    c.server.ack()
    assert Reading(c).trouble(SERVER) == {"hole_bytes": 2920}


def test_a_bare_ack_stored_before_the_data_it_follows_is_no_hole() -> None:
    c = opened(auto_ack=False)
    c.server.send("x" * 100)
    c.server.ack()
    c.reorder()
    c.client.ack()
    assert "hole_bytes" not in Reading(c).trouble(SERVER)


def test_a_stray_ack_far_ahead_is_no_hole() -> None:
    c = opened(auto_ack=False)
    c.server.send("x" * 100)
    c.client.ack()
    c.server._say(c.server.next + 3_000_000, t.ACK, b"", False, False, False)
    c.server.fin()
    c.client.ack()
    assert "hole_bytes" not in Reading(c).trouble(SERVER)
