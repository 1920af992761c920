"""The bytes of each direction are handed on in order, exactly once; what is not there is a gap."""

from __future__ import annotations

from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapdiag import tables as t
from pcapdiag.http import Framer
from pcapdiag.tcp import Tracker
from tests.conversation import Conversation
from tests.reading import CLIENT, SERVER, Gap, Reading

BODY = bytes(range(251)) * 200


def opened(**options: Any) -> Conversation:
    c = Conversation(**{"auto_ack": False, "step_s": 0.00001, **options})
    c.handshake()
    return c


def put(c: Conversation, at: int, data: bytes) -> None:
    """The client's segment at stream offset `at`, as often and in whatever order the story likes."""
    c.client._say(c.client.isn + 1 + at, t.ACK, data, False, True, False)


def said(*parts: tuple[int, bytes], **options: Any) -> list[Any]:
    c = opened(**options)
    for at, data in parts:
        put(c, at, data)
    return Reading(c).said(0, CLIENT)


# --- stories ---------------------------------------------------------------------------------------


def test_in_order_bytes_are_handed_on_as_they_come() -> None:
    assert said((0, b"abc"), (3, b"def")) == [b"abcdef"]


def test_what_overtook_a_hole_waits_for_it() -> None:
    assert said((3, b"def"), (6, b"ghi"), (0, b"abc")) == [b"abcdefghi"]


def test_repeated_bytes_are_handed_on_once() -> None:
    assert said((0, b"abc"), (0, b"abc"), (0, b"abcdef"), (3, b"def"), (2, b"cdefg")) == [b"abcdefg"]


def test_first_captured_of_different_copies_counts() -> None:
    assert said((0, b"abc"), (0, b"ABCD")) == [b"abcD"]


def test_first_captured_counts_among_waiting_pieces_too() -> None:
    assert said((3, b"def"), (2, b"CDEFG"), (0, b"ab")) == [b"abCdefG"]


def test_first_captured_counts_where_the_hole_is_filled_with_more_than_it_lacked() -> None:
    assert said((3, b"def"), (8, b"i"), (0, b"ABCDEFGHIJ")) == [b"ABCdefGHiJ"]


def test_body_across_the_end_of_the_sequence_space() -> None:
    c = opened(client_isn=2**32 - 10_000)
    for at in range(0, 30_000, 1000):
        put(c, at, BODY[at : at + 1000])
    assert Reading(c).said(0, CLIENT) == [BODY[:30_000]]


def test_hole_at_the_end_of_the_sequence_space_is_filled() -> None:
    assert said((6, b"ghi"), (3, b"def"), (0, b"abc"), client_isn=2**32 - 5) == [b"abcdefghi"]


def test_stream_longer_than_the_sequence_space_keeps_its_place() -> None:
    """Acknowledgments carry the position across 4 GiB that the capture has not."""
    c = opened()
    put(c, 0, b"begin")
    for half_gigabyte in range(1, 11):
        c.wait(1)
        c.server.heard = c.client.isn + 1 + (half_gigabyte << 29)
        c.server.ack()
    c.wait(1)
    put(c, 5 << 30, b"end")
    seen = Reading(c)
    assert seen.said(0, CLIENT) == [b"begin", Gap((5 << 30) - 5), b"end"]
    assert seen.connection["client_bytes"] == (5 << 30) + 3


def test_hole_that_nobody_fills_is_a_gap_when_the_connection_ends() -> None:
    assert said((0, b"abc"), (6, b"ghi")) == [b"abc", Gap(3), b"ghi"]


def test_acknowledged_hole_is_given_up_after_a_grace() -> None:
    c = opened()
    put(c, 3, b"def")
    c.server.heard = c.client.isn + 7
    c.server.ack()
    c.wait(0.1)
    put(c, 6, b"ghi")
    put(c, 0, b"abc")  # it was late, not lost
    put(c, 12, b"mno")
    c.server.heard = c.client.isn + 16
    c.server.ack()
    c.wait(1)
    put(c, 15, b"pqr")
    put(c, 9, b"jkl")  # too late
    assert Reading(c).said(0, CLIENT) == [b"abcdefghi", Gap(3), b"mnopqr"]


def test_only_the_acknowledged_part_of_a_hole_is_given_up() -> None:
    c = opened()
    put(c, 6, b"ghi")
    c.server.heard = c.client.isn + 4
    c.server.ack()
    c.wait(1)
    c.server.ack()
    put(c, 3, b"def")
    assert Reading(c).said(0, CLIENT) == [Gap(3), b"defghi"]


def test_snaplen_leaves_the_rest_of_each_segment_as_a_gap() -> None:
    c = opened()
    put(c, 100, b"b" * 100)
    put(c, 0, b"a" * 100)
    seen = Reading(c, snaplen=54 + 40)
    assert seen.said(0, CLIENT) == [b"a" * 40, Gap(60), b"b" * 40, Gap(60)]
    assert seen.connection["flags"] & t.CONN_TRUNCATED
    assert seen.connection["client_bytes"] == 200


def test_bytes_behind_the_fin_are_no_stream_bytes() -> None:
    c = opened()
    put(c, 0, b"abc")
    c.client.fin()
    put(c, 3, b"XYZ")
    seen = Reading(c)
    assert seen.said(0, CLIENT)[:2] == [b"abc", "fin"]
    assert seen.connection["client_bytes"] == 3


def test_data_on_a_syn_is_the_streams_first() -> None:
    """TCP Fast Open, RFC 7413."""
    c = Conversation(auto_ack=False)
    c.client._say(c.client.isn, t.SYN, b"GET ", False, False, False)
    c.client.next = c.client.isn + 5
    c.server.synack()
    c.client.ack()
    c.client.send("/")
    seen = Reading(c)
    assert seen.said(0, CLIENT) == [b"GET /"]
    assert (seen.connection["client_bytes"], seen.connection["client_acked"]) == (5, 4)


def test_both_directions_are_kept_apart() -> None:
    c = opened()
    for k in range(20):
        put(c, 3 * k, b"abc")
        c.server.send(b"XYZ")
    seen = Reading(c)
    assert (seen.said(0, CLIENT), seen.said(0, SERVER)) == ([b"abc" * 20], [b"XYZ" * 20])


# --- the stash --------------------------------------------------------------------------------------


def test_waiting_bytes_stay_as_they_are_until_they_were_read() -> None:
    """Within one batch: blocks freed by one hole's end must not be filled anew before they are read."""
    c = opened()
    for k in range(300):
        put(c, 20 * k + 10, BODY[20 * k + 10 : 20 * k + 20])
        put(c, 20 * k, BODY[20 * k : 20 * k + 10])
    assert Reading(c).said(0, CLIENT) == [BODY[:6000]]


def test_segment_larger_than_a_block_waits_in_several() -> None:
    assert said((10, BODY[10:9010]), (0, BODY[:10])) == [BODY[:9010]]


def small_stash(blocks: int, pieces: int = 1024) -> Any:
    def prepare(tracker: Tracker, _framer: Framer) -> None:
        tracker.stash_bytes = np.zeros(blocks * 2048, "u1")
        tracker.kernel.bind("stash", np.zeros(blocks, t.Stash))
        tracker.kernel.bind("stash_bytes", tracker.stash_bytes)
        tracker.kernel.pieces_per_stream = pieces

    return prepare


def test_full_stash_gives_up_the_first_hole_and_keeps_the_rest() -> None:
    c = opened()
    for k in range(1, 6):
        put(c, 10 * k, BODY[10 * k : 10 * k + 5])
    seen = Reading(c, prepare=small_stash(200, pieces=4))
    expected: list[Any] = []
    for k in range(1, 6):
        expected += [Gap(10 if k == 1 else 5), BODY[10 * k : 10 * k + 5]]
    assert seen.said(0, CLIENT) == expected
    assert seen.counts["stash_full"] == 1


def test_one_streams_holes_may_starve_anothers_but_never_mix_with_it() -> None:
    greedy, modest = opened(), opened(client="10.0.0.2:40000", start_s=0.0000001)
    for k in range(100):
        put(greedy, 10 * k + 5, BODY[10 * k + 5 : 10 * k + 10])
        put(modest, 10 * k + 5, BODY[1000 + 10 * k : 1000 + 10 * k + 5])
    seen = Reading(greedy, modest, prepare=small_stash(8))
    for row, start in ((0, 5), (1, 1000)):
        handed = [s for s in seen.said(row, CLIENT) if isinstance(s, bytes)]
        assert handed == [BODY[start + 10 * k : start + 10 * k + 5] for k in range(100)]
    assert seen.counts["stash_full"] > 0


def test_blocks_come_back_when_their_connections_end() -> None:
    talks = []
    for k in range(50):
        c = opened(client=f"10.0.0.{k}:40000", start_s=k)
        for piece in range(20):
            put(c, 10 * piece + 5, b"later")
        c.client.rst()
        talks.append(c)
    seen = Reading(*talks, prepare=small_stash(1100))
    assert (seen.counts["stash_full"], seen.counts["stash_used"]) == (0, 0)


# --- the property -----------------------------------------------------------------------------------

#: Segments as (offset, length, fill): the same offset may come with other bytes, as an attacker sends it.
SEGMENTS = st.lists(st.tuples(st.integers(0, 60), st.integers(1, 25), st.integers(0, 255)), max_size=40)


def model(segments: list[tuple[int, int, int]]) -> dict[int, int]:
    """offset -> byte: of several copies the first captured one."""
    cells: dict[int, int] = {}
    for at, length, fill in segments:
        for k in range(at, at + length):
            cells.setdefault(k, (fill + k) & 255)
    return cells


def conversation_of(segments: list[tuple[int, int, int]], isn: int) -> Conversation:
    c = opened(client_isn=isn)
    for at, length, fill in segments:
        put(c, at, bytes((fill + k) & 255 for k in range(at, at + length)))
    return c


@settings(max_examples=150, deadline=None)
@given(
    segments=SEGMENTS,
    isn=st.sampled_from([1000, 2**32 - 30, 2**31 - 30]),
    batch=st.sampled_from([1, 7, 2048]),
)
def test_whatever_the_order_every_byte_is_handed_on_once(
    segments: list[tuple[int, int, int]], isn: int, batch: int
) -> None:
    cells = model(segments)
    at = 0
    for step in Reading(conversation_of(segments, isn), batch_rows=batch).said(0, CLIENT):
        if isinstance(step, Gap):
            assert not any(k in cells for k in range(at, at + step.length))
            at += step.length
        else:
            assert list(step) == [cells[k] for k in range(at, at + len(step))]
            at += len(step)
    assert at == max(cells, default=-1) + 1


@settings(max_examples=100, deadline=None)
@given(
    segments=SEGMENTS, blocks=st.integers(0, 6), pieces=st.integers(1, 5), batch=st.sampled_from([1, 7, 2048])
)
def test_with_too_little_room_bytes_are_lost_but_never_wrong(
    segments: list[tuple[int, int, int]], blocks: int, pieces: int, batch: int
) -> None:
    cells = model(segments)
    at = 0
    seen = Reading(conversation_of(segments, 1000), batch_rows=batch, prepare=small_stash(blocks + 1, pieces))
    for step in seen.said(0, CLIENT):
        if isinstance(step, bytes):
            assert list(step) == [cells[k] for k in range(at, at + len(step))]
        at += step.length if isinstance(step, Gap) else len(step)
    assert at == max(cells, default=-1) + 1
    assert seen.counts["stash_used"] == 0


def test_bytes_missing_of_a_side_whose_syn_is_missing_too() -> None:
    """Neither the SYN-ACK nor the response was captured; what the client acknowledges tells of both."""
    c = Conversation()
    c.client.syn()
    c.server.synack(unseen=True)
    c.client.ack()
    c.client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    c.server.send(b"x" * 216, unseen=True)
    c.client.ack()
    c.client.fin()
    c.server.fin()
    assert Reading(c).said(0, SERVER) == [Gap(216), "fin"]


def test_bytes_missing_of_a_side_whose_first_ack_is_a_syn_ack() -> None:
    c = Conversation()
    c.client.syn(unseen=True)
    c.server.synack()
    c.client.ack(unseen=True)
    c.client.send(b"x" * 100, unseen=True)
    c.server.ack()
    c.server.fin()
    c.client.fin()
    assert Reading(c).said(0, CLIENT) == [Gap(100), "fin"]


def test_a_response_stored_after_its_ack_is_read_where_no_syn_ack_told_its_beginning() -> None:
    c = Conversation()
    c.client.syn()
    c.server.synack(unseen=True)
    c.client.ack(unseen=True)
    c.client.send(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    c.server.send(b"x" * 216)
    c.client.ack()
    c.packets[-1], c.packets[-2] = c.packets[-2], c.packets[-1]
    assert Reading(c).said(0, SERVER) == [b"x" * 216]
