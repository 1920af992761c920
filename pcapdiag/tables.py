"""Every table's dtype, with units: the language that all stages share.

Times are integer nanoseconds since the epoch (``*_ns``) or microseconds relative to a time in the same
row (``*_us``, saturating at ``NEVER``). ``frame`` columns are running packet numbers, 1-based, over all
files of one analysis; in the first file they equal Wireshark's ``frame.number``, and
``Traffic.frame_of`` turns them into (file, frame). A direction is 0 from the client (who opened the
connection) to the server, 1 back. ``NONE`` marks a row number that points nowhere.

The structs in ``tables.pxd`` are the same tables for the kernels; ``tests/test_tables.py`` compares them.
"""

from __future__ import annotations

import numpy as np

NONE = 0xFFFFFFFF
NEVER = 0xFFFFFFFF

# --- capture -> packets --------------------------------------------------------------------------

#: One captured record, as the file gives it.
Record = np.dtype(
    [
        ("off", "i8"),  # where its bytes begin in the batch's data
        ("time_ns", "i8"),
        ("caplen", "u4"),  # bytes captured
        ("wirelen", "u4"),  # bytes it had on the wire
        ("link", "u2"),  # LINKTYPE_ number
        ("interface", "u2"),  # pcapng interface number, 0 in pcap
    ],
    align=True,
)

# --- packets -> tcp ------------------------------------------------------------------------------

KIND_TCP = 1
KIND_ICMP = 2  # an ICMP error; endpoints, ports and seq are those of the TCP packet it quotes
KIND_DNS = 3  # a UDP datagram from port 53; payload_off/captured_len span the DNS message

#: One TCP packet (or ICMP error about one, or DNS answer). Addresses are 128-bit numbers in two halves;
#: IPv4 is written as IPv4-mapped IPv6 (hi 0, lo 0xffff00000000 | address).
Packet = np.dtype(
    [
        ("time_ns", "i8"),
        ("src_hi", "u8"),
        ("src_lo", "u8"),
        ("dst_hi", "u8"),
        ("dst_lo", "u8"),
        ("icmp_from_hi", "u8"),  # who sent the ICMP error
        ("icmp_from_lo", "u8"),
        ("payload_off", "i8"),  # where the TCP payload begins in the batch's data
        ("frame", "u4"),
        ("seq", "u4"),
        ("ack", "u4"),
        ("payload_len", "u4"),  # TCP payload bytes on the wire, by the IP header
        ("captured_len", "u4"),  # of those, bytes captured
        ("wirelen", "u4"),
        ("ts_val", "u4"),
        ("ts_ecr", "u4"),
        ("icmp_mtu", "u4"),  # next-hop MTU of "fragmentation needed" / "packet too big", else 0
        ("sack0_left", "u4"),
        ("sack0_right", "u4"),
        ("sack1_left", "u4"),
        ("sack1_right", "u4"),
        ("sack2_left", "u4"),
        ("sack2_right", "u4"),
        ("sack3_left", "u4"),
        ("sack3_right", "u4"),
        ("vni", "u4"),  # VXLAN/GENEVE network id of the outer tunnel, else 0
        ("src_port", "u2"),
        ("dst_port", "u2"),
        ("window", "u2"),  # as in the header, unscaled
        ("flags", "u2"),  # FIN 1, SYN 2, RST 4, PSH 8, ACK 16, URG 32, ECE 64, CWR 128, AE 256
        ("mss", "u2"),  # MSS option, 0 when absent
        ("ip_id", "u2"),
        ("vlan", "u2"),  # outer VLAN id, else 0
        ("interface", "u2"),
        ("wscale", "i1"),  # window scale option, -1 when absent
        ("sack_ok", "u1"),
        ("has_ts", "u1"),
        ("sack_count", "u1"),
        ("kind", "u1"),
        ("ttl", "u1"),
        ("ip_version", "u1"),
        ("fragment", "u1"),  # 1 when this is the first fragment of a fragmented datagram
        ("df", "u1"),
        ("icmp_type", "u1"),
        ("icmp_code", "u1"),
        ("tunnels", "u1"),  # how many tunnels were unwrapped
    ],
    align=True,
)

FIN, SYN, RST, PSH, ACK, URG = 1, 2, 4, 8, 16, 32

# Analysis flags of a TCP packet, named as Wireshark's tcp.analysis.* fields.
RETRANSMISSION = 1
FAST_RETRANSMISSION = 2
SPURIOUS_RETRANSMISSION = 4
OUT_OF_ORDER = 8
LOST_SEGMENT = 16
ACK_LOST_SEGMENT = 32
DUPLICATE_ACK = 64
KEEP_ALIVE = 128
KEEP_ALIVE_ACK = 256
ZERO_WINDOW = 512
ZERO_WINDOW_PROBE = 1024
ZERO_WINDOW_PROBE_ACK = 2048
WINDOW_UPDATE = 4096
WINDOW_FULL = 8192
REUSED_PORTS = 16384
# Ours, beyond Wireshark's:
CAPTURE_DUPLICATE = 1 << 16  # the same packet captured twice; counted once, never judged

ANALYSIS_FLAGS = {
    "retransmission": RETRANSMISSION,
    "fast_retransmission": FAST_RETRANSMISSION,
    "spurious_retransmission": SPURIOUS_RETRANSMISSION,
    "out_of_order": OUT_OF_ORDER,
    "lost_segment": LOST_SEGMENT,
    "ack_lost_segment": ACK_LOST_SEGMENT,
    "duplicate_ack": DUPLICATE_ACK,
    "keep_alive": KEEP_ALIVE,
    "keep_alive_ack": KEEP_ALIVE_ACK,
    "zero_window": ZERO_WINDOW,
    "zero_window_probe": ZERO_WINDOW_PROBE,
    "zero_window_probe_ack": ZERO_WINDOW_PROBE_ACK,
    "window_update": WINDOW_UPDATE,
    "window_full": WINDOW_FULL,
    "reused_ports": REUSED_PORTS,
    "capture_duplicate": CAPTURE_DUPLICATE,
}

# --- tcp -> http ---------------------------------------------------------------------------------

SEGMENT_OPEN = 1  # a new connection took this slot
SEGMENT_DATA = 2  # in-order bytes, exactly once
SEGMENT_GAP = 3  # `length` bytes of the stream that the capture does not hold
SEGMENT_FIN = 4  # the direction ended in order
SEGMENT_RST = 5  # the sender of this direction reset the connection
SEGMENT_CLOSE = 6  # nothing more comes for this slot (the connection is retired)

#: One step of a direction's byte stream.
Segment = np.dtype(
    [
        ("time_ns", "i8"),
        ("off", "i8"),  # where the captured bytes begin, in the batch's data or in the stash
        ("length", "i8"),  # stream bytes
        ("captured", "i8"),  # of those, bytes present at off (fewer after a short snaplen)
        ("frame", "u4"),
        ("slot", "u4"),  # which live connection
        ("connection", "u4"),
        ("direction", "u1"),
        ("kind", "u1"),
        ("stashed", "u1"),  # 1 when off is in the stash
    ],
    align=True,
)

# --- connections ---------------------------------------------------------------------------------

PROTOCOL_NONE = 0  # no payload seen
PROTOCOL_HTTP = 1
PROTOCOL_TLS = 2
PROTOCOL_HTTP2 = 3  # the HTTP/2 connection preface in clear
PROTOCOL_OTHER = 4  # bytes that are neither
PROTOCOLS = ("none", "http", "tls", "http2", "other")

# Connection flags
CONN_SYN = 1  # the client's SYN was seen
CONN_SYNACK = 2  # the server's SYN-ACK was seen
CONN_ESTABLISHED = 4  # SYN, SYN-ACK and a later ACK were seen
CONN_FIN_CLIENT = 8
CONN_FIN_SERVER = 16
CONN_RST_CLIENT = 32
CONN_RST_SERVER = 64
CONN_REUSED = 128  # its 4-tuple had carried an earlier connection
CONN_DATA_CLIENT = 256  # the client sent payload
CONN_DATA_SERVER = 512
CONN_REFUSED = 1024  # RST from the server answered the SYN
CONN_ICMP = 2048  # an ICMP error spoke of it
CONN_EVICTED = 4096  # tracking was given up to stay within the memory bound
CONN_GUESSED = 8192  # begun before the capture, roles guessed (ports, later HTTP)
CONN_GAP = 16384  # stream bytes were missing from the capture
CONN_TRUNCATED = 32768  # payload bytes cut off by the snaplen
CONN_DUPLICATES = 65536  # the capture holds its packets twice
CONN_SWAPPED = 1 << 17  # roles guessed wrong and put right: the tables have them right

#: One TCP connection; the row number is the order of first packets.
Connection = np.dtype(
    [
        ("first_ns", "i8"),
        ("last_ns", "i8"),
        ("rst_ns", "i8"),  # first RST, 0 = none
        ("client_fin_ns", "i8"),  # first FIN of each side, 0 = none
        ("server_fin_ns", "i8"),
        ("client_bytes", "i8"),  # stream bytes each side sent (each byte once)
        ("server_bytes", "i8"),
        ("client_acked", "i8"),  # of client_bytes, how many the server acknowledged
        ("server_acked", "i8"),
        ("first_frame", "u4"),
        ("last_frame", "u4"),
        ("rst_frame", "u4"),
        ("client_fin_frame", "u4"),
        ("server_fin_frame", "u4"),
        ("client", "u4"),  # row in Traffic.addresses
        ("server", "u4"),
        ("client_packets", "u4"),
        ("server_packets", "u4"),
        ("syn_rtt_us", "u4"),  # last SYN to SYN-ACK (path to the server), NEVER = not seen
        ("ack_rtt_us", "u4"),  # SYN-ACK to ACK (path to the client)
        ("client_rtt_us", "u4"),  # smallest data-to-ACK time of bytes the client sent, NEVER = none
        ("server_rtt_us", "u4"),
        ("client_mean_rtt_us", "u4"),  # mean of the same samples
        ("server_mean_rtt_us", "u4"),
        # when each side first sent FIN or RST: bytes of the other's stream it had acknowledged, mod 2**32
        ("client_close_acked", "u4"),
        ("server_close_acked", "u4"),
        ("first_exchange", "u4"),  # row in exchanges, chained by `next`
        ("exchanges", "u4"),
        ("flags", "u4"),
        ("client_port", "u2"),
        ("server_port", "u2"),
        ("client_mss", "u2"),  # MSS each side announced, 0 = not seen
        ("server_mss", "u2"),
        ("client_largest_acked", "u2"),  # largest segment payload each side sent that was acknowledged
        ("server_largest_acked", "u2"),
        ("file", "u1"),  # file of the first packet
        ("vantage", "u1"),
        ("protocol", "u1"),
        ("closed_by", "u1"),  # direction that sent the first FIN or RST, 255 = still open
        ("syns", "u1"),  # SYNs seen, saturating
        ("synacks", "u1"),
        ("client_wscale", "i1"),  # window scale each side announced, -1 = none seen
        ("server_wscale", "i1"),
    ],
    align=True,
)

#: What went wrong on one direction of a connection: a row only for directions where something did.
Trouble = np.dtype(
    [
        ("connection", "u4"),
        ("direction", "u1"),
        ("data_packets", "u4"),  # segments with payload this direction sent
        ("retransmitted", "u4"),  # segments sent again because they, or their ACKs, were lost
        ("spurious", "u4"),  # sent again though already acknowledged
        ("fin_retransmitted", "u4"),  # FINs without payload sent again
        ("out_of_order", "u4"),  # reordered on the way, not lost
        ("lost_before", "u4"),  # holes filled late: lost between the sender and the capture
        ("duplicate_acks", "u4"),  # duplicate ACKs this direction sent
        ("keep_alives", "u4"),
        ("zero_windows", "u4"),  # times this direction announced a zero window
        ("missing_bytes", "u4"),  # stream bytes acknowledged but never captured, saturating
        ("hole_bytes", "u4"),  # stream bytes neither captured nor acknowledged, though later ones were sent
        ("stall_us", "u4"),  # time the stream stood still until a retransmission
        ("zero_window_us", "u4"),  # time this direction's announced window was zero
        ("longest_zero_us", "u4"),
        ("unacked_bytes", "u4"),  # payload of the first segment never acknowledged, 0 = all were
        ("unacked_retries", "u4"),  # times that segment was sent
        ("first_trouble_frame", "u4"),
        ("last_trouble_frame", "u4"),
    ],
    align=True,
)

# Events: single packets worth showing as evidence, beyond those the other tables name.
EVENT_RETRANSMISSION = 1
EVENT_SPURIOUS = 2
EVENT_LOST_BEFORE = 3
EVENT_OUT_OF_ORDER = 4
EVENT_ZERO_WINDOW = 5
EVENT_WINDOW_REOPENED = 6
EVENT_SYN_RETRANSMISSION = 7
EVENT_SYNACK_RETRANSMISSION = 8
EVENT_ICMP = 9  # a = type << 8 | code, b = next-hop MTU
EVENT_RST = 10  # every RST after the first
EVENT_GAP = 11
EVENT_FIN_RETRANSMISSION = 12
EVENT_KEEP_ALIVE = 13
EVENT_MISSING = 14  # acknowledged but never captured

#: One noteworthy packet (at most a bounded number a connection).
Event = np.dtype(
    [
        ("time_ns", "i8"),
        ("frame", "u4"),
        ("connection", "u4"),
        ("a", "u4"),  # stream offset for data (mod 2**32), or as the kind says
        ("b", "u4"),  # payload length, or as the kind says
        ("stall_us", "u4"),  # for how long its stream had stood still, where it was sent again
        ("kind", "u1"),
        ("direction", "u1"),
    ],
    align=True,
)

# --- exchanges -----------------------------------------------------------------------------------

METHODS = (
    "?", "GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH", "PRI", "other",
)  # fmt: skip

# How a message ended.
END_NONE = 0  # it never began
END_COMPLETE = 1  # framed to its end
END_OPEN = 2  # still going on when the capture ended
END_FIN = 3  # its sender's FIN came before its end
END_RST_SENDER = 4  # its sender reset
END_RST_RECEIVER = 5  # its receiver reset
END_GAP = 6  # lost to a gap in the capture
END_BY_CLOSE = 7  # body delimited by close: ended properly by FIN
END_UPGRADED = 8  # became a tunnel (101 or CONNECT)
END_MALFORMED = 9  # framing could not go on
END_NAMES = (
    "none", "complete", "open", "fin", "rst-by-sender", "rst-by-receiver", "gap", "closed", "upgraded",
    "malformed",
)  # fmt: skip

# Exchange flags. REQ_* of the request, RSP_* of the response.
REQ_SEEN = 1
RSP_SEEN = 2
REQ_LENGTH = 4  # has Content-Length
RSP_LENGTH = 8
REQ_CHUNKED = 16
RSP_CHUNKED = 32
REQ_CLOSE = 64  # Connection: close, or HTTP/1.0 without keep-alive
RSP_CLOSE = 128
REQ_HTTP10 = 256
RSP_HTTP10 = 512
REQ_BAD = 1024  # a start line, field or framing HTTP/1.1 forbids
RSP_BAD = 2048
REQ_EXTRA = 4096  # bytes after the body that begin no message
RSP_EXTRA = 8192
REQ_NO_HOST = 1 << 14
REQ_HOST_IP = 1 << 15  # Host is a literal address
REQ_HEALTH = 1 << 16  # a load balancer's health-check agent
REQ_EXPECT = 1 << 17
REQ_UPGRADE = 1 << 18
RSP_INTERIM = 1 << 19  # a 1xx came first
RSP_THROTTLED = 1 << 20  # ALB-QPS-Limited
REQ_LOOP = 1 << 21  # forwarding headers repeat or exceed what a cloud allows (checked on the cold path)
REQ_FORWARDED = 1 << 22  # has X-Forwarded-For, Forwarded or Via: came through a proxy
REQ_PIPELINED = 1 << 23  # sent before the previous response was complete
RSP_EARLY = 1 << 24  # response began before the request ended
REQ_TE_OTHER = 1 << 25  # Transfer-Encoding other than chunked/identity
RSP_RESYNC = 1 << 26  # found again after a gap
RSP_NO_BODY = 1 << 27  # HEAD, 1xx, 204, 304
REQ_RESYNC = 1 << 28
RSP_TLS = 1 << 29  # a TLS record (an alert, mostly) answered a request in clear
REQ_GARBLED = 1 << 30  # what was answered began no HTTP request (TLS, garbage, bytes beyond a body)

#: A request and what answered it, either possibly missing (see REQ_SEEN, RSP_SEEN).
Exchange = np.dtype(
    [
        ("start_ns", "i8"),  # first byte of the request (of the response where no request was seen)
        ("request_body", "i8"),  # body bytes seen (decoded from chunks)
        ("response_body", "i8"),
        ("request_end_us", "u4"),  # last byte of the request, after start_ns
        ("response_start_us", "u4"),
        ("response_end_us", "u4"),
        ("request_missing", "u4"),  # announced body bytes that never came, saturating
        ("response_missing", "u4"),
        ("request_frame", "u4"),  # frame of the first byte, 0 = none
        ("request_end_frame", "u4"),
        ("response_frame", "u4"),
        ("response_end_frame", "u4"),
        ("connection", "u4"),
        ("next", "u4"),  # the connection's next exchange, NONE at the last
        ("target", "u4"),  # row in Traffic.strings
        ("host", "u4"),
        ("trace", "u4"),  # hash of X-Amzn-Trace-Id's Root, traceparent or X-Request-Id, 0 = none
        ("forwarded", "u4"),  # hash of the last X-Forwarded-For entry, 0 = none
        ("request_head", "u4"),  # bytes of start line and header fields
        ("response_head", "u4"),
        ("flags", "u4"),
        ("status", "u2"),  # 0 = no response
        ("server", "u2"),  # row in Traffic.servers: the Server header
        ("method", "u1"),  # index in METHODS
        ("request_ended", "u1"),  # END_*
        ("response_ended", "u1"),
    ],
    align=True,
)

# --- live state of the kernels (nobody else reads it) ---------------------------------------------

#: One direction of a live connection. Positions count stream bytes from the ISN: SYN is 0, data begins at 1.
Stream = np.dtype(
    [
        ("next", "i8"),  # highest position sent
        ("delivered", "i8"),  # all below was handed on
        ("said_sent", "i8"),  # the sender says, in packets without payload, that it has sent all below
        ("acked", "i8"),  # highest position the peer acknowledged
        ("fin", "i8"),  # position of the FIN, -1 = none
        ("progress_ns", "i8"),  # when new data was last sent or acknowledged
        ("hole_ns", "i8"),  # when the first hole opened, 0 = none
        ("hole_acked_ns", "i8"),  # when the peer acknowledged beyond it
        ("timed", "i8"),  # the position whose ACK gives the next RTT sample, 0 = none
        ("timed_ns", "i8"),
        ("rtt_sum_us", "i8"),
        ("candidate", "i8"),  # end of the largest segment not yet acknowledged, 0 = none
        ("unacked", "i8"),  # position of the segment being sent again
        ("gap_from", "i8"),  # the last gap given up: bytes that count as delivered and were not captured
        ("gap_to", "i8"),
        ("zero_ns", "i8"),  # since when it announces a zero window, 0 = it does not
        ("waits", "i8"),  # position of the other stream that what came here acknowledges, 0 = none
        ("waits_ns", "i8"),  # since when
        ("last_ns", "i8"),
        ("data_ns", "i8"),  # when `next` last moved, as Wireshark's analysis sees it
        ("ack_ns", "i8"),
        ("zero_us", "i8"),
        ("longest_zero_us", "i8"),
        ("stall_us", "i8"),
        ("missing_bytes", "i8"),
        ("payload_packets", "i8"),
        ("packets", "i8"),
        ("isn", "u4"),
        ("rtt_min_us", "u4"),
        ("rtt_count", "u4"),
        ("candidate_len", "u4"),
        ("largest_acked", "u4"),
        ("unacked_len", "u4"),
        ("unacked_tries", "u4"),
        ("stash_first", "u4"),
        ("stash_last", "u4"),
        ("stash_count", "u4"),
        ("last_ack", "u4"),
        ("hole_ts", "u4"),
        ("ws_next", "u4"),
        ("ws_contiguous", "u4"),
        ("ws_ack", "u4"),
        ("ws_window", "u4"),
        ("ws_flags", "u4"),
        ("ws_dup_acks", "u4"),
        ("retransmitted", "u4"),
        ("spurious", "u4"),
        ("fin_retransmitted", "u4"),
        ("out_of_order", "u4"),
        ("lost_before", "u4"),
        ("duplicate_acks", "u4"),
        ("keep_alives", "u4"),
        ("zero_windows", "u4"),
        ("first_trouble_frame", "u4"),
        ("last_trouble_frame", "u4"),
        ("hole_ip_id", "u2"),
        ("known", "u1"),  # 1: isn is set, 2: from the peer's first ACK
        ("ws_known", "u1"),  # bit 0 ws_next, 1 ws_contiguous, 2 ws_ack, 3 and 4 as the kernel says
        ("fin_sent", "u1"),  # SEGMENT_FIN was handed on
        ("waited_in_vain", "u1"),  # times in a row
        ("wscale", "i1"),  # -1 SYN not seen, -2 seen without the option
        ("hole_has_ts", "u1"),
    ],
    align=True,
)

#: A live connection; its streams are rows 2 * slot and 2 * slot + 1.
Slot = np.dtype(
    [
        ("client_hi", "u8"),
        ("client_lo", "u8"),
        ("server_hi", "u8"),
        ("server_lo", "u8"),
        ("last_ns", "i8"),
        ("syn_ns", "i8"),
        ("synack_ns", "i8"),
        ("first_rtt_ns", "i8"),  # SYN to handshake's ACK, 0 = not seen
        ("rst_at", "i8"),  # of an RST that waits: its position in its sender's stream
        ("rst_ns", "i8"),  # 0 = none waits
        ("rst_frame", "u4"),
        ("connection", "u4"),
        ("hash_next", "u4"),  # next slot in the bucket, or in the free list
        ("bucket", "u4"),
        ("events", "u4"),
        ("client_port", "u2"),
        ("server_port", "u2"),
        ("vantage", "u1"),
        ("state", "u1"),  # 0 free, 1 open, 2 closed
        ("rst_from", "u1"),  # direction of the RST that waits
    ],
    align=True,
)

#: How far the framing of one direction is; row 2 * slot + direction.
HttpStream = np.dtype(
    [
        ("remaining", "i8"),  # body or chunk bytes to come
        ("announced", "i8"),  # Content-Length, -1 = none
        ("line_total", "i8"),  # bytes of the unfinished line, kept or not
        ("first_ns", "i8"),  # first byte of the message in hand
        ("first_frame", "u4"),
        ("exchange", "u4"),  # row being filled
        ("line", "u4"),  # block that keeps the unfinished line
        ("head", "u4"),  # bytes of the head so far
        ("flags", "u4"),  # REQ_* or RSP_* so far
        ("hosts", "u2"),
        ("status", "u2"),
        ("state", "u1"),
        ("sniffed", "u1"),  # its first bytes were looked at
        ("chunked", "u1"),
    ],
    align=True,
)

#: The exchanges of one live connection.
HttpSlot = np.dtype(
    [
        ("oldest", "u4"),  # first exchange whose response is not complete
        ("newest", "u4"),
        ("connection", "u4"),
        ("protocol", "u1"),
        ("swapped", "u1"),
        ("open", "u1"),
        ("ended", "u1"),  # END_* of whatever is asked from now on: the server closed, or someone reset
    ],
    align=True,
)

#: A piece of out-of-order data; its bytes are in block `row` of the stash.
Stash = np.dtype(
    [
        ("position", "i8"),
        ("time_ns", "i8"),
        ("frame", "u4"),
        ("length", "u4"),
        ("captured", "u4"),
        ("next", "u4"),  # next piece of the stream, or next free block
    ],
    align=True,
)

# --- legs ----------------------------------------------------------------------------------------

LEG_UNKNOWN = 0  # no load balancer on it
LEG_FRONTEND = 1  # client <-> ALB
LEG_BACKEND = 2  # ALB <-> backend
LEGS = ("", "frontend", "backend")
