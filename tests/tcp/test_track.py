"""Connections: who opened them, their handshake, and how they closed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pcapdiag import tables as t
from pcapdiag.analysis import read
from pcapdiag.capture import open_captures
from tests.conversation import START_NS, Conversation, write
from tests.reading import CLIENT, SERVER, Reading

REQUEST = "GET / HTTP/1.1\r\nHost: a\r\n\r\n"
RESPONSE = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"


def exchange(c: Conversation) -> None:
    c.request(REQUEST)
    c.response(RESPONSE)


def flags(seen: Reading, row: int = 0) -> int:
    return int(seen.connections[row]["flags"])


# --- handshake -----------------------------------------------------------------------------------


def test_handshake_gives_the_round_trips_and_the_options() -> None:
    c = Conversation(step_s=0, wscale=9)
    c.server.mss, c.server.wscale = 1400, 3
    c.client.syn()
    c.wait(0.020)
    c.server.synack()
    c.wait(0.003)
    c.client.ack()
    row = Reading(c).connection
    assert (row["syn_rtt_us"], row["ack_rtt_us"]) == (20_000, 3_000)
    assert (row["client_mss"], row["server_mss"]) == (1460, 1400)
    assert (row["client_wscale"], row["server_wscale"]) == (9, 3)
    assert (row["syns"], row["synacks"], row["closed_by"]) == (1, 1, 255)
    assert row["flags"] == t.CONN_SYN | t.CONN_SYNACK | t.CONN_ESTABLISHED


def test_options_never_announced_are_marked_so() -> None:
    c = Conversation(wscale=None)
    c.handshake()
    row = Reading(c).connection
    assert (row["client_wscale"], row["server_wscale"]) == (-1, -1)


def test_syn_sent_again_is_timed_from_the_last_one() -> None:
    c = Conversation(step_s=0)
    c.client.syn(dropped=True)
    c.wait(1)
    c.client.syn(dropped=True)
    c.wait(2)
    c.client.syn()
    c.wait(0.005)
    c.server.synack()
    c.client.ack()
    seen = Reading(c)
    assert (seen.connection["syns"], seen.connection["syn_rtt_us"]) == (3, 5_000)
    assert len(seen.events_of_kind(t.EVENT_SYN_RETRANSMISSION)) == 2
    assert seen.flags[1] == seen.flags[2] == t.RETRANSMISSION


def test_synack_sent_again_leaves_the_clients_round_trip_unknown() -> None:
    c = Conversation(step_s=0)
    c.client.syn()
    c.server.synack(dropped=True)
    c.wait(1)
    c.server.synack()
    c.client.ack()
    seen = Reading(c)
    assert (seen.connection["synacks"], seen.connection["ack_rtt_us"]) == (2, t.NEVER)
    assert len(seen.events_of_kind(t.EVENT_SYNACK_RETRANSMISSION)) == 1


def test_unanswered_syn_is_neither_refused_nor_established() -> None:
    c = Conversation()
    for pause in (1, 2, 4):
        c.client.syn(dropped=True)
        c.wait(pause)
    seen = Reading(c)
    assert (seen.connection["syns"], flags(seen)) == (3, t.CONN_SYN)
    assert seen.connection["server_packets"] == 0


def test_rst_that_answers_the_syn_refuses_it() -> None:
    c = Conversation()
    c.client.syn()
    c.server.rst()
    seen = Reading(c)
    assert flags(seen) == t.CONN_SYN | t.CONN_REFUSED | t.CONN_RST_SERVER
    assert seen.connection["closed_by"] == SERVER


def test_refused_syn_tried_again_with_its_isn_is_one_connection() -> None:
    """As Windows does, three times in a second."""
    c = Conversation()
    for _ in range(3):
        c.client.syn()
        c.server.rst()
        c.wait(0.5)
    seen = Reading(c)
    assert seen.connection["syns"] == 3
    assert flags(seen) & t.CONN_REFUSED


def test_rst_by_the_client_after_the_synack_refuses_nothing() -> None:
    c = Conversation()
    c.client.syn()
    c.server.synack()
    c.client.rst(ack=False)
    assert not flags(Reading(c)) & t.CONN_REFUSED


def test_times_that_begin_in_1970_are_times() -> None:
    c = Conversation(step_s=0)
    c.now_ns = 0
    c.client.syn()
    c.wait(0.02)
    c.server.synack()
    c.client.ack()
    assert Reading(c).connection["syn_rtt_us"] == 20_000


def test_times_in_2106_are_times() -> None:
    c = Conversation()
    c.now_ns = (2**32 - 1) * 10**9
    c.handshake()
    exchange(c)
    c.close()
    seen = Reading(c)
    assert seen.connection["last_ns"] - seen.connection["first_ns"] == (len(c.packets) - 1) * c.step_ns
    assert seen.exchange["response_end_us"] == 200


# --- reused ports ----------------------------------------------------------------------------------


def test_new_isn_on_known_ports_begins_a_new_connection() -> None:
    one, two = Conversation(), Conversation(start_s=60, client_isn=77, server_isn=88)
    for c in one, two:
        c.handshake()
        exchange(c)
        c.close()
    seen = Reading(one, two)
    assert len(seen.connections) == 2
    assert not flags(seen, 0) & t.CONN_REUSED and flags(seen, 1) & t.CONN_REUSED
    assert seen.flags[len(one.packets)] == t.REUSED_PORTS
    assert [len(seen.chain(row)) for row in (0, 1)] == [1, 1]
    assert seen.connections["client_bytes"].tolist() == [len(REQUEST)] * 2


def test_ports_reused_while_the_old_connection_was_open() -> None:
    one, two = Conversation(), Conversation(start_s=60, client_isn=77, server_isn=88)
    one.handshake()
    one.request(REQUEST)
    two.handshake()
    exchange(two)
    seen = Reading(one, two)
    assert [int(e["response_ended"]) for e in seen.exchanges] == [t.END_OPEN, t.END_COMPLETE]


def test_ports_reused_by_the_other_side_swap_the_roles() -> None:
    one = Conversation("10.0.0.1:40000", "10.0.0.2:40001")
    two = Conversation("10.0.0.2:40001", "10.0.0.1:40000", start_s=60, client_isn=5, server_isn=6)
    for c in one, two:
        c.handshake()
        c.close()
    seen = Reading(one, two)
    assert seen.connections["client_port"].tolist() == [40000, 40001]


def test_syn_on_ports_whose_other_half_only_was_seen_begins_anew() -> None:
    """The capture began with the last packet of the connection that had the ports before."""
    old, new = Conversation(client_isn=500, server_isn=900), Conversation(start_s=1)
    old.handshake()
    old.packets.clear()
    old.server.ack()
    new.handshake()
    exchange(new)
    seen = Reading(old, new)
    assert len(seen.connections) == 2
    assert flags(seen, 1) & t.CONN_ESTABLISHED
    assert seen.exchange["status"] == 200


def test_syn_captured_after_its_synack_belongs_to_it() -> None:
    c = Conversation()
    c.handshake()
    c.packets[:2] = [c.packets[1], c.packets[0]]
    exchange(c)
    seen = Reading(packets=c.packets)
    assert flags(seen) & (t.CONN_SYN | t.CONN_SYNACK) == t.CONN_SYN | t.CONN_SYNACK
    assert seen.exchange["status"] == 200


def test_challenge_ack_and_rst_then_the_same_syn_is_a_fresh_connection() -> None:
    """The server still had the old connection (RFC 5961 §4.2): ACK, RST by the client, SYN again."""
    stale, c = Conversation(client_isn=4_000_000_000, server_isn=3_000_000_000), Conversation(start_s=0.001)
    stale.handshake()
    stale.packets.clear()
    c.client.syn(dropped=True)
    stale.now_ns = c.now_ns
    stale.server.ack()
    stale.client.rst(ack=False)
    c.wait(1)
    c.handshake()
    exchange(c)
    c.close()
    seen = Reading(stale, c)
    assert flags(seen, len(seen.connections) - 1) & t.CONN_ESTABLISHED
    assert seen.told("status", "response_ended") == [(200, t.END_COMPLETE)]
    assert seen.connections[-1]["server_bytes"] == len(RESPONSE)


def test_late_packet_of_the_old_connection_does_not_shift_the_new_ones_stream() -> None:
    old, c = Conversation(client_isn=4_000_000_000, server_isn=3_000_000_000), Conversation()
    old.handshake()
    old.packets.clear()
    c.client.syn()
    old.now_ns = c.now_ns
    old.server.ack()
    c.wait(0.001)
    c.server.synack()
    c.client.ack()
    exchange(c)
    seen = Reading(old, c)
    assert seen.said(0, SERVER) == [RESPONSE.encode()]
    assert seen.exchange["response_ended"] == t.END_COMPLETE


# --- closing -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("first", ["client", "server"])
def test_who_sent_the_first_fin_closed_first(first: str) -> None:
    c = Conversation()
    c.handshake()
    exchange(c)
    c.close(getattr(c, first))
    row = Reading(c).connection
    assert row["closed_by"] == (CLIENT if first == "client" else SERVER)
    assert row["flags"] & t.CONN_FIN_CLIENT and row["flags"] & t.CONN_FIN_SERVER
    fins = sorted([(row["client_fin_frame"], "client"), (row["server_fin_frame"], "server")])
    assert fins[0][1] == first


def test_half_close_lets_the_other_direction_go_on() -> None:
    c = Conversation()
    c.handshake()
    c.request(REQUEST)
    c.client.fin()
    c.wait(1)
    c.response(RESPONSE)
    c.server.fin()
    seen = Reading(c)
    assert seen.said(0, CLIENT) == [REQUEST.encode(), "fin"]
    assert seen.said(0, SERVER) == [RESPONSE.encode(), "fin"]
    assert seen.connection["closed_by"] == CLIENT
    assert seen.exchange["response_ended"] == t.END_COMPLETE


def test_close_notes_how_much_of_the_other_stream_was_acknowledged() -> None:
    c = Conversation()
    c.handshake()
    c.request(REQUEST)
    c.server.send("x" * 100)
    c.auto_ack = False
    c.server.send("y" * 50)
    c.client.fin()  # its ACK covers the 50: the side had received them
    row = Reading(c).connection
    assert row["client_close_acked"] == 150
    assert row["server_close_acked"] == 0


def test_close_that_crossed_data_acknowledged_less() -> None:
    c = Conversation(auto_ack=False)
    c.handshake()
    c.request(REQUEST)
    c.server.fin(dropped=True)
    c.request(REQUEST)
    c.server.rst(ack=False)
    c.client.rst(ack=False)
    row = Reading(c).connection
    assert row["server_close_acked"] == len(REQUEST)
    assert row["client_bytes"] == 2 * len(REQUEST)
    assert row["client_acked"] == len(REQUEST)


def test_each_sides_first_reset_notes_its_acknowledgment() -> None:
    c = Conversation()
    c.handshake()
    exchange(c)
    c.server.rst(ack=False)
    c.client.rst()
    row = Reading(c).connection
    assert row["server_close_acked"] == len(REQUEST)
    assert row["client_close_acked"] == len(RESPONSE)
    assert row["closed_by"] == SERVER


@pytest.mark.parametrize("ack", [True, False])
def test_reset_ends_both_directions(ack: bool) -> None:
    c = Conversation()
    c.handshake()
    c.request(REQUEST)
    c.server.rst(ack=ack)
    seen = Reading(c)
    row = seen.connection
    assert (row["rst_frame"], row["rst_ns"]) == (6, START_NS + 5 * c.step_ns)
    assert row["flags"] & t.CONN_RST_SERVER and not row["flags"] & t.CONN_RST_CLIENT
    assert seen.said(0, SERVER) == ["rst"]
    assert seen.exchange["response_ended"] == t.END_RST_SENDER


def test_acknowledgment_on_a_reset_counts() -> None:
    c = Conversation(auto_ack=False)
    c.handshake()
    c.request(REQUEST)
    c.server.rst()
    assert Reading(c).connection["client_acked"] == len(REQUEST)


def test_later_resets_are_events_and_end_nothing_twice() -> None:
    c = Conversation()
    c.handshake()
    c.client.rst()
    c.client.rst(ack=False)
    c.server.rst(ack=False)
    seen = Reading(c)
    assert len(seen.events_of_kind(t.EVENT_RST)) == 2
    assert (seen.said(0, CLIENT), seen.said(0, SERVER)) == (["rst"], [])


def test_fin_sent_again_is_counted_and_ends_the_stream_once() -> None:
    c = Conversation()
    c.handshake()
    c.client.fin(dropped=True)
    c.wait(0.2)
    c.client.retransmit()
    seen = Reading(c)
    assert seen.trouble(CLIENT)["fin_retransmitted"] == 1
    assert seen.said(0, CLIENT) == ["fin"]
    assert len(seen.events_of_kind(t.EVENT_FIN_RETRANSMISSION)) == 1


def test_fin_with_data_ends_the_stream_behind_it() -> None:
    c = Conversation()
    c.handshake()
    c.client._say(c.client.next, t.FIN | t.ACK | t.PSH, REQUEST.encode(), False, False, False)
    seen = Reading(c)
    assert seen.said(0, CLIENT) == [REQUEST.encode(), "fin"]
    assert seen.connection["client_bytes"] == len(REQUEST)


def test_fin_that_overtakes_data_waits_for_it() -> None:
    c = Conversation(auto_ack=False)
    c.handshake()
    c.client.send("first")
    c.client.fin()
    c.reorder()
    assert Reading(c).said(0, CLIENT) == [b"first", "fin"]


def test_fin_alone_moves_no_bytes() -> None:
    c = Conversation()
    c.handshake()
    c.close()
    row = Reading(c).connection
    assert (row["client_bytes"], row["server_bytes"]) == (0, 0)
    assert (row["client_acked"], row["server_acked"]) == (0, 0)


# --- round trips and sizes ---------------------------------------------------------------------------


def test_round_trips_come_from_data_and_its_first_acknowledgment() -> None:
    c = Conversation(step_s=0, auto_ack=False)
    c.handshake()
    for rtt_s in (0.010, 0.030):
        c.client.send("x")
        c.wait(rtt_s)
        c.server.ack()
    row = Reading(c).connection
    assert (row["client_rtt_us"], row["client_mean_rtt_us"]) == (10_000, 20_000)
    assert row["server_rtt_us"] == t.NEVER


def test_retransmitted_data_gives_no_round_trip() -> None:
    """Karn's algorithm (RFC 6298 §3)."""
    c = Conversation(step_s=0)
    c.handshake()
    c.client.send("x", dropped=True)
    c.wait(0.3)
    c.client.retransmit()
    assert Reading(c).connection["client_rtt_us"] == t.NEVER


def test_largest_acknowledged_segment_is_known_while_later_ones_are_in_flight() -> None:
    c = Conversation(auto_ack=False)
    c.handshake()
    for _ in range(3):
        c.server.send("x" * 1460, dropped=True)
    for _ in range(5):
        c.client.heard += 1460
        c.client.ack()
        c.server.send("x" * 1460, dropped=True)
    assert Reading(c).connection["server_largest_acked"] == 1460


def test_segment_never_acknowledged_is_not_the_largest_acknowledged() -> None:
    c = Conversation()
    c.handshake()
    c.server.send("x" * 500)
    c.server.send("x" * 1460, dropped=True)
    assert Reading(c).connection["server_largest_acked"] == 500


# --- seen in part ------------------------------------------------------------------------------------


def test_one_side_only_is_still_a_connection() -> None:
    c = Conversation()
    c.handshake()
    exchange(c)
    c.close()
    mine = [p for p in c.packets if p[1][6:12] == c.client.mac]
    seen = Reading(packets=mine)
    assert seen.connection["client_bytes"] == len(REQUEST)
    assert (seen.connection["server_packets"], seen.connection["server_bytes"]) == (0, 0)
    assert seen.said(0, CLIENT) == [REQUEST.encode(), "fin"]


def test_server_side_only_gets_its_roles_from_the_synack() -> None:
    c = Conversation("10.0.0.1:80", "10.0.0.10:40000")
    c.handshake()
    exchange(c)
    seen = Reading(packets=[p for p in c.packets if p[1][6:12] == c.server.mac])
    assert seen.connection["client_port"] == 80
    assert seen.said(0, SERVER) == [RESPONSE.encode()]
    assert seen.exchange["status"] == 200


def test_roles_of_a_connection_begun_before_are_guessed_by_port() -> None:
    c = Conversation()
    c.handshake()
    c.packets.clear()
    c.server.ack()
    c.client.ack()
    seen = Reading(c)
    assert (seen.connection["client_port"], seen.connection["server_port"]) == (40000, 80)
    assert flags(seen) == t.CONN_GUESSED


def test_http_puts_guessed_roles_right_everywhere() -> None:
    c = Conversation(client="10.0.0.1:1000", server="10.0.0.10:8080", wscale=None)
    c.handshake()
    c.packets.clear()
    c.request(REQUEST)
    c.server.send(RESPONSE, dropped=True)
    c.wait(0.3)
    c.server.retransmit()
    c.server.fin()
    c.client.ack(window=0)
    c.client.rst()
    seen = Reading(c)
    row = seen.connection
    assert seen.addresses[row["client"]] == "10.0.0.1"
    assert (row["client_port"], row["server_port"]) == (1000, 8080)
    assert (row["client_bytes"], row["server_bytes"]) == (len(REQUEST), len(RESPONSE))
    assert row["flags"] & t.CONN_SWAPPED and row["flags"] & t.CONN_FIN_SERVER
    assert not row["flags"] & t.CONN_FIN_CLIENT
    assert row["flags"] & t.CONN_RST_CLIENT and not row["flags"] & t.CONN_RST_SERVER
    assert row["flags"] & t.CONN_DATA_CLIENT and row["flags"] & t.CONN_DATA_SERVER
    assert (row["closed_by"], row["server_close_acked"]) == (SERVER, len(REQUEST))
    assert (row["server_fin_frame"], row["client_fin_frame"]) == (6, 0)
    assert seen.trouble(SERVER)["retransmitted"] == 1
    assert seen.trouble(CLIENT)["zero_windows"] == 1
    assert seen.events_of_kind(t.EVENT_ZERO_WINDOW)["direction"].tolist() == [CLIENT]
    assert (seen.exchange["flags"] & t.REQ_SEEN, seen.exchange["status"]) == (t.REQ_SEEN, 200)


def test_roles_put_right_on_one_connection_leave_the_others_alone() -> None:
    wrong = Conversation(client="10.0.0.1:1000", server="10.0.0.10:8080")
    right = Conversation(client="10.0.0.2:50000", server="10.0.0.10:80", start_s=1)
    for c in wrong, right:
        c.handshake()
        c.packets.clear()
        exchange(c)
        c.close()
    seen = Reading(wrong, right)
    assert seen.connections["client_port"].tolist() == [1000, 50000]
    assert seen.connections["server_port"].tolist() == [8080, 80]
    assert seen.connections["closed_by"].tolist() == [CLIENT, CLIENT]


def test_keep_alive_as_the_first_packet_is_no_data() -> None:
    c = Conversation()
    c.handshake()
    c.packets.clear()
    c.client.keep_alive(b"\0")
    exchange(c)
    seen = Reading(c)
    assert seen.said(0, SERVER) == [RESPONSE.encode()]
    assert seen.exchange["status"] == 200


@pytest.mark.parametrize("answered", [True, False])
def test_bare_keep_alive_as_the_first_packet_leaves_no_byte_missing(answered: bool) -> None:
    c = Conversation(auto_ack=False)
    c.handshake()
    c.packets.clear()
    c.client.keep_alive()
    if answered:
        c.server.ack()
    c.wait(20)
    exchange(c)
    c.client.ack()
    c.close()
    seen = Reading(c)
    assert seen.said(0, CLIENT) == [REQUEST.encode(), "fin"]
    assert seen.connection["client_bytes"] == len(REQUEST)
    assert len(seen.events_of_kind(t.EVENT_MISSING)) == len(seen.events_of_kind(t.EVENT_GAP)) == 0


# --- more than one -----------------------------------------------------------------------------------


def test_ipv6_connections_are_told_apart_by_all_their_128_bits() -> None:
    ends = ["[2001:db8::1]:40000", "[2001:db8:0:1::1]:40000", "[2001:db8::1:0:0:1]:40000"]
    talks = [Conversation(client=end, server="[2001:db8::80]:80") for end in ends]
    for c in talks:
        c.handshake()
        exchange(c)
    seen = Reading(*talks)
    assert len(seen.connections) == 3
    assert {seen.addresses[row["client"]] for row in seen.connections} == {e[1:-7] for e in ends}
    assert seen.exchanges["status"].tolist() == [200] * 3


def test_connection_to_oneself_keeps_its_directions() -> None:
    c = Conversation("127.0.0.1:40000", "127.0.0.1:80")
    c.handshake()
    exchange(c)
    row = Reading(c).connection
    assert (row["client_bytes"], row["server_bytes"]) == (len(REQUEST), len(RESPONSE))
    assert row["client"] == row["server"]


def test_icmp_error_is_an_event_of_the_connection_it_quotes() -> None:
    c = Conversation()
    c.handshake()
    c.server.send("x" * 1460, dropped=True)
    c.icmp(c.server, 3, 4, mtu=1400, by="10.9.9.9")
    seen = Reading(c)
    (event,) = seen.events_of_kind(t.EVENT_ICMP)
    assert (event["a"], event["b"], event["direction"]) == (3 << 8 | 4, 1400, SERVER)
    assert flags(seen) & t.CONN_ICMP
    assert seen.connection["server_packets"] == 2


def test_icmp_error_about_nothing_we_know_is_no_connection() -> None:
    c = Conversation()
    c.client.syn()
    c.icmp(c.client, 3, 1)
    del c.packets[0]
    assert len(Reading(c).connections) == 0


def test_times_that_go_backwards_change_no_bytes_and_no_count() -> None:
    c = Conversation()
    c.handshake()
    exchange(c)
    c.close()
    back = [(2 * START_NS - time_ns, frame) for time_ns, frame in c.packets]
    seen = Reading(packets=back)
    row = seen.connection
    assert (row["syn_rtt_us"], row["ack_rtt_us"], row["client_rtt_us"]) == (0, 0, 0)
    assert seen.said(0, CLIENT) == [REQUEST.encode(), "fin"]
    assert seen.exchange["response_end_us"] == 0


def test_the_same_packets_at_two_vantage_points_are_two_connections(tmp_path: Path) -> None:
    c = Conversation()
    c.handshake()
    exchange(c)
    files = open_captures([write(tmp_path / "one.pcap", c), write(tmp_path / "two.pcap", c)])
    for vantage, file in enumerate(files):
        file.info.vantage = vantage
    traffic = read(files)
    assert traffic.connections["vantage"].tolist() == [0, 1]
    assert traffic.connections["first_frame"].tolist() == [1, 1 + len(c.packets)]
    assert traffic.exchanges["status"].tolist() == [200, 200]


def test_rotated_files_continue_their_connections(tmp_path: Path) -> None:
    c = Conversation()
    c.handshake()
    exchange(c)
    first, second = Conversation(), Conversation()
    first.packets, second.packets = c.packets[:4], c.packets[4:]
    files = open_captures([write(tmp_path / "a.pcap", first), write(tmp_path / "b.pcap", second)])
    traffic = read(files)
    assert len(traffic.connections) == 1
    assert traffic.exchanges["status"].tolist() == [200]


def test_a_reset_of_an_open_connection_is_no_refusal_where_its_synack_is_missing() -> None:
    c = Conversation()
    c.client.syn()
    c.server.synack(unseen=True)
    c.client.ack()
    c.server.rst()
    assert not Reading(c).connection["flags"] & t.CONN_REFUSED


def test_a_reset_that_answers_a_syn_is_a_refusal() -> None:
    c = Conversation()
    c.client.syn()
    c.server.rst()
    assert Reading(c).connection["flags"] & t.CONN_REFUSED
