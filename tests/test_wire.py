from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from pcapdiag import tables as t
from pcapdiag.analysis import read
from pcapdiag.capture import open_captures
from pcapdiag.wire import Wire
from pcapdiag.wirepacket import Span
from tests.conversation import START_NS, Conversation, write

REQUEST = "GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
RESPONSE = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


def wire_of(folder: Path, *conversations: Conversation, snaplen: int = 262144) -> Wire:
    files = open_captures([write(folder / "story.pcap", *conversations, snaplen=snaplen)])
    return Wire(SimpleNamespace(traffic=read(files), capture_files=files))


def exchange(
    client: str = "10.0.0.1:40000", *, request: str = REQUEST, response: str = RESPONSE
) -> Conversation:
    c = Conversation(client, client_isn=0xFFFFFFF0)
    c.handshake()
    c.request(request)
    c.wait(0.1)
    c.response(response)
    c.close()
    return c


def test_gives_a_connection_s_packets_as_wireshark_numbers_them(tmp_path: Path) -> None:
    seen = wire_of(tmp_path, exchange()).packets(0)
    assert [p.frame for p in seen] == list(range(1, len(seen) + 1))
    assert [(p.direction, p.seq, p.ack) for p in seen[:4]] == [(0, 0, 0), (1, 0, 1), (0, 1, 1), (0, 1, 1)]
    assert seen[0].flags == t.SYN and seen[0].time_ns == START_NS
    assert seen[3].payload == REQUEST.encode() and seen[3].end_seq == 1 + len(REQUEST)
    assert seen[3].record.endswith(seen[3].payload) and seen[3].wirelen == len(seen[3].record)


def test_windows_are_scaled_after_the_handshake(tmp_path: Path) -> None:
    seen = wire_of(tmp_path, exchange()).packets(0)
    assert seen[0].window == 64240 and seen[2].window == 502 << 7


def test_numbers_are_relative_even_when_only_late_frames_are_asked_for(tmp_path: Path) -> None:
    wire = wire_of(tmp_path, exchange())
    whole = wire.packets(0)
    late = Wire(SimpleNamespace(traffic=wire.traffic, capture_files=wire._files)).packets(0, first_frame=6)
    assert late == [p for p in whole if p.running >= 6]


def test_without_a_handshake_the_first_byte_is_number_one(tmp_path: Path) -> None:
    c = exchange()
    del c.packets[:3]
    seen = wire_of(tmp_path, c).packets(0)
    assert (seen[0].seq, seen[0].ack) == (1, 1)


def test_collects_many_connections_in_one_pass(tmp_path: Path) -> None:
    talks = [exchange(f"10.0.0.{n}:40000") for n in range(1, 6)]
    wire = wire_of(tmp_path, *talks)
    found = wire.collect(Span(n, 0, 1 << 31) for n in (1, 3))
    assert sorted(found) == [1, 3]
    assert [len(found[n]) for n in (1, 3)] == [len(talks[0].packets)] * 2


def test_keeps_no_more_than_the_limit(tmp_path: Path) -> None:
    assert len(wire_of(tmp_path, exchange()).packets(0, limit=3)) == 3


def test_tells_two_connections_of_one_address_pair_apart(tmp_path: Path) -> None:
    first = exchange()
    second = Conversation(start_s=30, client_isn=77, server_isn=88)
    second.handshake()
    second.request(REQUEST)
    wire = wire_of(tmp_path, first, second)
    assert [len(wire.packets(n)) for n in (0, 1)] == [len(first.packets), len(second.packets)]
    assert wire.packets(1)[3].seq == 1


def test_a_stream_is_in_order_and_each_byte_is_in_it_once(tmp_path: Path) -> None:
    c = Conversation()
    c.handshake()
    c.client.send("abc")
    c.client.retransmit()
    c.client.send("def")
    c.reorder()
    c.client.send("ghi")
    assert wire_of(tmp_path, c).stream(0, 0) == b"abcdefghi"


def test_a_stream_ends_where_the_capture_lacks_a_byte(tmp_path: Path) -> None:
    c = Conversation()
    c.handshake()
    c.client.send("abc")
    c.client.send("def", unseen=True)
    c.client.send("ghi")
    assert wire_of(tmp_path, c).stream(0, 0) == b"abc"


def test_gives_the_heads_of_an_exchange(tmp_path: Path) -> None:
    wire = wire_of(tmp_path, exchange())
    assert wire.request_head(0) == REQUEST.encode()
    assert wire.response_head(0) == RESPONSE[:-2].encode()


def test_a_head_is_found_behind_the_end_of_the_message_before(tmp_path: Path) -> None:
    c = Conversation()
    c.handshake()
    c.client.send(REQUEST + "GET /b HTTP/1.1\r\nHost: b\r\n\r\n")
    c.response(RESPONSE + "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
    wire = wire_of(tmp_path, c)
    assert wire.request_head(1) == b"GET /b HTTP/1.1\r\nHost: b\r\n\r\n"
    assert wire.response_head(1).startswith(b"HTTP/1.1 404")


def test_gives_the_payload_of_each_packet_asked_for(tmp_path: Path) -> None:
    c = Conversation()
    c.handshake()
    c.request("one")
    c.response("two")
    assert list(wire_of(tmp_path, c).payloads(np.array([1, 4, 6]))) == [(1, b""), (4, b"one"), (6, b"two")]


def test_says_why_a_message_is_malformed(tmp_path: Path) -> None:
    wire = wire_of(tmp_path, exchange(request="GET /a HTTP/1.1\r\nHo st: a\r\n\r\n"))
    assert "header field name" in wire.why_malformed(0, 0)
    assert wire.why_malformed(0, 1) == ""


@pytest.mark.parametrize("snaplen", [54, 60])
def test_a_short_snaplen_gives_what_was_captured(tmp_path: Path, snaplen: int) -> None:
    packet = wire_of(tmp_path, exchange(), snaplen=snaplen).packets(0)[3]
    assert packet.payload_len == len(REQUEST) and len(packet.payload) == snaplen - 54


def test_an_icmp_error_is_a_packet_of_the_connection_it_speaks_of(tmp_path: Path) -> None:
    c = Conversation()
    c.client.syn(dropped=True)
    c.icmp(c.client, 3, 13)
    seen = wire_of(tmp_path, c).packets(0)
    assert [p.icmp for p in seen] == [None, (3, 13)]
