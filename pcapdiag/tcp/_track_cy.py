# cython: boundscheck=True, wraparound=False, initializedcheck=False
# cython: show_performance_hints=False
"""Kernel: packets -> connections, their analysis flags, and each direction's bytes in order, exactly once.

One `Tracker` holds the live connections of one analysis (or one shard of it). Rules it keeps:

* Every table it writes is allocated by ``track.py``. Before a packet it checks that each has room for all
  that one packet can cause; if not it stops and says how far it came.
* Positions in a stream are 64-bit and count from the ISN (RFC 9293 §3.4): SYN is 0, data begins at 1, so
  sequence wraparound exists only in `diff`.
* Bytes are handed on in order and once; of overlapping copies the first captured one counts. What overtook
  a hole waits in the stash, which is bounded; a hole is given up as a gap only when the peer acknowledged
  what lies in it and a grace time passed or the peer answered, when the stash is full, or when the
  connection ends.
* An answer that acknowledges what the capture has not shown yet was stored before it: it waits in the stash
  until that comes, for a few packets and milliseconds. So does a FIN, and an RST.
* Analysis flags follow the meaning Wireshark documents for tcp.analysis.*, and are kept apart (`ws_*`) from
  our own account of loss, which knows which bytes were really captured before.
* Odd traffic is counted, never an error; no limit or name of a cause stands here.
"""

from __future__ import annotations

import cython
from cython.cimports.pcapdiag.tables import (
    ACK,
    ACK_LOST_SEGMENT,
    CAPTURE_DUPLICATE,
    CONN_DATA_CLIENT,
    CONN_DUPLICATES,
    CONN_ESTABLISHED,
    CONN_EVICTED,
    CONN_FIN_CLIENT,
    CONN_GAP,
    CONN_GUESSED,
    CONN_ICMP,
    CONN_REFUSED,
    CONN_REUSED,
    CONN_RST_CLIENT,
    CONN_SYN,
    CONN_SYNACK,
    CONN_TRUNCATED,
    DUPLICATE_ACK,
    EVENT_FIN_RETRANSMISSION,
    EVENT_GAP,
    EVENT_ICMP,
    EVENT_KEEP_ALIVE,
    EVENT_LOST_BEFORE,
    EVENT_MISSING,
    EVENT_OUT_OF_ORDER,
    EVENT_RETRANSMISSION,
    EVENT_RST,
    EVENT_SPURIOUS,
    EVENT_SYN_RETRANSMISSION,
    EVENT_SYNACK_RETRANSMISSION,
    EVENT_WINDOW_REOPENED,
    EVENT_ZERO_WINDOW,
    FAST_RETRANSMISSION,
    FIN,
    KEEP_ALIVE,
    KEEP_ALIVE_ACK,
    KIND_ICMP,
    KIND_TCP,
    LOST_SEGMENT,
    OUT_OF_ORDER,
    RETRANSMISSION,
    REUSED_PORTS,
    RST,
    SEGMENT_CLOSE,
    SEGMENT_DATA,
    SEGMENT_FIN,
    SEGMENT_GAP,
    SEGMENT_OPEN,
    SEGMENT_RST,
    SPURIOUS_RETRANSMISSION,
    SYN,
    WINDOW_FULL,
    WINDOW_UPDATE,
    ZERO_WINDOW,
    ZERO_WINDOW_PROBE,
    ZERO_WINDOW_PROBE_ACK,
    Connection,
    Event,
    Packet,
    Segment,
    Slot,
    Stash,
    Stream,
    Trouble,
)

NOWHERE = cython.declare(cython.longlong, 0xFFFFFFFF)
FORETOLD = cython.declare(cython.uint, 2)  # Stream.known: its beginning, by the peer's ACK; it is silent yet
MASK32 = cython.declare(cython.longlong, 0xFFFFFFFF)
HALF32 = cython.declare(cython.longlong, 0x80000000)
BLOCK = cython.declare(cython.longlong, 2048)  # bytes a stash block holds
SPARE = cython.declare(cython.longlong, 160)  # blocks one packet may take: 262,144 bytes, and cut by others
MASK64 = cython.declare(cython.ulonglong, 0xFFFFFFFFFFFFFFFF)
MIX = cython.declare(cython.ulonglong, 0x9E3779B97F4A7C15)
RECENT = cython.declare(cython.longlong, 8)  # packets of a stream remembered to know their second copies
# bits of ws_known: whether an acknowledgment of bytes that were not captured is told, and not told again
# with every packet after it
EXPECTED = cython.declare(cython.int, 8)
GAP_SEEN = cython.declare(cython.int, 16)
OUT_OF_ORDER_NS = cython.declare(cython.longlong, 3000000)  # Wireshark's, where no handshake was seen
FAST_NS = cython.declare(cython.longlong, 20000000)
WAIT_PIECES = cython.declare(cython.longlong, 64)  # of a stream that waits for the other one
WAIT_BYTES = cython.declare(cython.longlong, 1 << 20)  # an ACK further ahead is no sign of disorder
VAIN = cython.declare(cython.int, 4)  # after so many vain waits, bytes are missing rather than late


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def diff(a: cython.longlong, b: cython.longlong) -> cython.longlong:
    """a - b of two sequence numbers, as the signed distance between them."""
    d: cython.longlong = (a - b) & MASK32
    return d - MASK32 - 1 if d >= HALF32 else d


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def micros(ns: cython.longlong) -> cython.longlong:
    """Whole microseconds, within 0..0xfffffffe."""
    us: cython.longlong = ns // 1000
    if us < 0:
        return 0
    return us if us < MASK32 else MASK32 - 1


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def saturated(n: cython.longlong) -> cython.longlong:
    return n if n < MASK32 else MASK32 - 1


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def mixed(a: cython.ulonglong, b: cython.ulonglong) -> cython.ulonglong:
    """A hash of two words."""
    low: cython.ulonglong = cython.cast(cython.ulonglong, b)
    h: cython.ulonglong = ((cython.cast(cython.ulonglong, a) ^ (low >> 32) ^ (low << 32)) * MIX) & MASK64
    h ^= h >> 29
    h = ((h + low) * MIX) & MASK64
    return h ^ (h >> 32)


@cython.cclass
class Tracker:
    """State and output tables; see ``pcapdiag.tcp.track`` for their sizes and growth."""

    # written tables
    connections: Connection[::1]
    troubles: Trouble[::1]
    events: Event[::1]
    segments: Segment[::1]
    address_hi: cython.ulonglong[::1]
    address_lo: cython.ulonglong[::1]
    # state
    slots: Slot[::1]
    streams: Stream[::1]
    recent: cython.uint[::1]  # of each stream: hash and time of its last packets
    buckets: cython.uint[::1]
    address_buckets: cython.uint[::1]
    stash: Stash[::1]
    stash_bytes: cython.uchar[::1]
    # input
    data: cython.const[cython.uchar][::1]
    # how far each table is filled
    connection_count = cython.declare(cython.longlong, visibility="public")
    trouble_count = cython.declare(cython.longlong, visibility="public")
    event_count = cython.declare(cython.longlong, visibility="public")
    segment_count = cython.declare(cython.longlong, visibility="public")
    address_count = cython.declare(cython.longlong, visibility="public")
    live = cython.declare(cython.longlong, visibility="public")
    events_dropped = cython.declare(cython.longlong, visibility="public")
    duplicates = cython.declare(cython.longlong, visibility="public")
    evicted = cython.declare(cython.longlong, visibility="public")
    stash_used = cython.declare(cython.longlong, visibility="public")
    stash_full = cython.declare(cython.longlong, visibility="public")
    # parameters
    events_per_connection = cython.declare(cython.longlong, visibility="public")
    events_bounded = cython.declare(cython.bint, visibility="public")  # the event table grows no more
    pieces_per_stream = cython.declare(cython.longlong, visibility="public")
    gap_grace_ns = cython.declare(cython.longlong, visibility="public")
    duplicate_ns = cython.declare(cython.longlong, visibility="public")
    reorder_ns = cython.declare(cython.longlong, visibility="public")
    wait_ns = cython.declare(cython.longlong, visibility="public")
    crossed = cython.declare(cython.longlong, visibility="public")  # answers stored before what they answer
    file = cython.declare(cython.longlong, visibility="public")
    vantage = cython.declare(cython.longlong, visibility="public")
    seed = cython.declare(cython.ulonglong, visibility="public")
    # free lists
    free_slot: cython.longlong
    slot_high: cython.longlong
    free_stash: cython.longlong
    stash_high: cython.longlong
    spent_first: cython.longlong  # blocks handed on, whose bytes the next stage has not read yet
    spent_last: cython.longlong
    spent_count: cython.longlong
    # the packet in hand
    flags: cython.longlong

    def __init__(self) -> None:
        self.connection_count = self.trouble_count = self.event_count = self.segment_count = 0
        self.address_count = self.live = self.events_dropped = self.duplicates = self.evicted = 0
        self.stash_used = self.stash_full = 0
        self.events_per_connection = 64
        self.events_bounded = False
        self.pieces_per_stream = 1024
        self.gap_grace_ns = 200000000
        self.duplicate_ns = 1000000
        self.reorder_ns = 3000000
        self.wait_ns = 10000000
        self.crossed = 0
        self.file = self.vantage = 0
        self.seed = 0
        self.slot_high = self.stash_high = 0
        self.free_slot = self.free_stash = self.spent_first = self.spent_last = NOWHERE
        self.spent_count = 0
        self.flags = 0

    def bind(self, name: str, table: object) -> None:
        """Give (or exchange for a larger one) the table of this name."""
        setattr_table(self, name, table)

    # --- the loop ------------------------------------------------------------------------------

    def run(
        self,
        data: cython.const[cython.uchar][::1],
        packets: Packet[::1],
        flags: cython.uint[::1],
        start: cython.longlong,
    ) -> cython.longlong:
        """Track packets[start:]; write each one's analysis flags to `flags`.

        Returns the index of the first packet not tracked: len(packets) when done, less when a table has no
        room for what the next packet may cause.
        """
        i: cython.longlong = start
        n: cython.longlong = packets.shape[0]
        self.data = data
        with cython.nogil:
            self.reclaim()
            while i < n:
                if not self.has_room():
                    break
                flags[i] = cython.cast(cython.uint, self.packet(packets, i))
                i += 1
        return i

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def has_room(self) -> cython.bint:
        """Whether every table can take what one packet may cause at the most."""
        return (
            self.can_retire()
            and self.connection_count < self.connections.shape[0]
            and self.address_count + 2 <= self.address_hi.shape[0]
            and (self.free_slot != NOWHERE or self.slot_high < self.slots.shape[0])
            and (self.spent_count == 0 or self.spent_count + self.stash_used + SPARE <= self.stash.shape[0])
        )

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(check=False)
    def can_retire(self) -> cython.bint:
        """Whether there is room for all that the end of one connection may cause."""
        return (
            self.trouble_count + 2 <= self.troubles.shape[0]
            and (self.event_count + 16 <= self.events.shape[0] or self.events_bounded)
            and self.segment_count + 4 * self.pieces_per_stream + 64 <= self.segments.shape[0]
        )

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def reclaim(self) -> cython.void:
        """Use the blocks again whose bytes were handed on, once the next stage has read them all."""
        if self.segment_count == 0 and self.spent_first != NOWHERE:
            self.stash[self.spent_last].next = cython.cast(cython.uint, self.free_stash)
            self.free_stash = self.spent_first
            self.spent_first = self.spent_last = NOWHERE
            self.spent_count = 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def packet(self, p: Packet[::1], i: cython.longlong) -> cython.longlong:
        """Track one packet; gives its analysis flags."""
        slot: cython.longlong
        direction: cython.longlong
        flags: cython.longlong = p[i].flags
        kind: cython.longlong = p[i].kind
        analysis: cython.longlong = 0
        anew: cython.bint = False
        reused: cython.bint = False
        if kind != KIND_TCP and kind != KIND_ICMP:
            return 0
        bucket: cython.longlong = self.bucket_of(p, i)
        slot = self.buckets[bucket]
        direction = 0
        while slot != NOWHERE:
            direction = self.direction_in(slot, p, i)
            if direction >= 0:
                break
            slot = self.slots[slot].hash_next
        if kind == KIND_ICMP:
            if slot != NOWHERE:
                self.icmp(slot, direction, p, i)
            return 0
        if slot != NOWHERE and (flags & (SYN | ACK)) == SYN and self.begins_anew(slot, direction, p, i):
            reused = (
                self.streams[2 * slot + direction].known
                and self.streams[2 * slot + direction].isn != p[i].seq
            )
            anew = True
            self.retire(slot)
            slot = NOWHERE
        if slot == NOWHERE:
            slot = self.begin(bucket, p, i)
            direction = self.direction_in(slot, p, i)
            if anew:
                self.connections[self.slots[slot].connection].flags |= CONN_REUSED
            if reused:
                analysis = REUSED_PORTS
        if self.is_duplicate(slot, direction, p, i):
            self.duplicates += 1
            self.connections[self.slots[slot].connection].flags |= CONN_DUPLICATES
            return CAPTURE_DUPLICATE
        self.flags = analysis | self.analyse(slot, direction, p, i)
        self.follow(slot, direction, p, i)
        return self.flags

    # --- finding and keeping connections --------------------------------------------------------

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(check=False)
    def bucket_of(self, p: Packet[::1], i: cython.longlong) -> cython.longlong:
        """The bucket of a packet's connection: the same for both directions."""
        a: cython.ulonglong = mixed(
            p[i].src_hi ^ self.seed, p[i].src_lo ^ (cython.cast(cython.ulonglong, p[i].src_port) << 48)
        )
        b: cython.ulonglong = mixed(
            p[i].dst_hi ^ self.seed, p[i].dst_lo ^ (cython.cast(cython.ulonglong, p[i].dst_port) << 48)
        )
        h: cython.ulonglong = (a ^ b) + cython.cast(cython.ulonglong, self.vantage)
        return cython.cast(cython.longlong, h & cython.cast(cython.ulonglong, self.buckets.shape[0] - 1))

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(check=False)
    def direction_in(self, slot: cython.longlong, p: Packet[::1], i: cython.longlong) -> cython.longlong:
        """0 when a packet goes from this connection's client to its server, 1 back, -1 if it is another's."""
        if self.slots[slot].vantage != self.vantage:
            return -1
        if (
            self.slots[slot].client_port == p[i].src_port
            and self.slots[slot].server_port == p[i].dst_port
            and self.slots[slot].client_lo == p[i].src_lo
            and self.slots[slot].server_lo == p[i].dst_lo
            and self.slots[slot].client_hi == p[i].src_hi
            and self.slots[slot].server_hi == p[i].dst_hi
        ):
            return 0
        if (
            self.slots[slot].client_port == p[i].dst_port
            and self.slots[slot].server_port == p[i].src_port
            and self.slots[slot].client_lo == p[i].dst_lo
            and self.slots[slot].server_lo == p[i].src_lo
            and self.slots[slot].client_hi == p[i].dst_hi
            and self.slots[slot].server_hi == p[i].src_hi
        ):
            return 1
        return -1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def begins_anew(
        self, slot: cython.longlong, direction: cython.longlong, p: Packet[::1], i: cython.longlong
    ) -> cython.bint:
        """Whether a SYN on a known 4-tuple opens a new connection rather than repeating the old one's SYN."""
        s: cython.longlong = 2 * slot + direction
        r: cython.longlong = 2 * slot + 1 - direction
        row: cython.longlong = self.slots[slot].connection
        if not self.streams[s].known:
            # its other half was seen only: a SYN that the SYN-ACK (or RST) we know acknowledges began it
            late: cython.bint = p[i].time_ns - self.slots[slot].last_ns > self.wait_ns
            return (self.slots[slot].state == 2 and late) or diff(self.streams[r].last_ack, p[i].seq) != 1
        if self.streams[s].isn != p[i].seq:
            return True
        # the same SYN again, though its sender had reset: what it met was left of an older connection
        return (self.connections[row].flags & (CONN_RST_CLIENT << direction)) != 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def begin(self, bucket: cython.longlong, p: Packet[::1], i: cython.longlong) -> cython.longlong:
        """A new connection and its slot."""
        slot: cython.longlong = self.free_slot
        if slot != NOWHERE:
            self.free_slot = self.slots[slot].hash_next
        else:
            slot = self.slot_high
            self.slot_high += 1
        self.live += 1
        flags: cython.longlong = p[i].flags
        swap: cython.bint = False
        guessed: cython.bint = False
        if flags & SYN:
            swap = (flags & ACK) != 0
        else:
            guessed = True
            swap = p[i].src_port < p[i].dst_port
        row: cython.longlong = self.connection_count
        self.connection_count += 1
        self.slots[slot].client_hi = p[i].dst_hi if swap else p[i].src_hi
        self.slots[slot].client_lo = p[i].dst_lo if swap else p[i].src_lo
        self.slots[slot].client_port = p[i].dst_port if swap else p[i].src_port
        self.slots[slot].server_hi = p[i].src_hi if swap else p[i].dst_hi
        self.slots[slot].server_lo = p[i].src_lo if swap else p[i].dst_lo
        self.slots[slot].server_port = p[i].src_port if swap else p[i].dst_port
        self.slots[slot].vantage = cython.cast(cython.uchar, self.vantage)
        self.slots[slot].connection = cython.cast(cython.uint, row)
        self.slots[slot].bucket = cython.cast(cython.uint, bucket)
        self.slots[slot].hash_next = self.buckets[bucket]
        self.buckets[bucket] = cython.cast(cython.uint, slot)
        self.slots[slot].state = 1
        self.slots[slot].events = 0
        self.slots[slot].last_ns = p[i].time_ns
        self.slots[slot].syn_ns = 0
        self.slots[slot].synack_ns = 0
        self.slots[slot].first_rtt_ns = 0
        self.slots[slot].rst_ns = 0
        self.clear_stream(2 * slot)
        self.clear_stream(2 * slot + 1)
        self.connections[row].first_ns = p[i].time_ns
        self.connections[row].last_ns = p[i].time_ns
        self.connections[row].first_frame = p[i].frame
        self.connections[row].last_frame = p[i].frame
        self.connections[row].rst_ns = 0
        self.connections[row].client_fin_ns = 0
        self.connections[row].server_fin_ns = 0
        self.connections[row].rst_frame = 0
        self.connections[row].client_fin_frame = 0
        self.connections[row].server_fin_frame = 0
        self.connections[row].client_close_acked = 0
        self.connections[row].server_close_acked = 0
        self.connections[row].client = cython.cast(
            cython.uint, self.address(self.slots[slot].client_hi, self.slots[slot].client_lo)
        )
        self.connections[row].server = cython.cast(
            cython.uint, self.address(self.slots[slot].server_hi, self.slots[slot].server_lo)
        )
        self.connections[row].client_port = self.slots[slot].client_port
        self.connections[row].server_port = self.slots[slot].server_port
        self.connections[row].syn_rtt_us = cython.cast(cython.uint, MASK32)
        self.connections[row].ack_rtt_us = cython.cast(cython.uint, MASK32)
        self.connections[row].first_exchange = cython.cast(cython.uint, NOWHERE)
        self.connections[row].exchanges = 0
        self.connections[row].flags = CONN_GUESSED if guessed else 0
        self.connections[row].client_mss = 0
        self.connections[row].server_mss = 0
        self.connections[row].file = cython.cast(cython.uchar, self.file)
        self.connections[row].vantage = cython.cast(cython.uchar, self.vantage)
        self.connections[row].protocol = 0
        self.connections[row].closed_by = 255
        self.connections[row].syns = 0
        self.connections[row].synacks = 0
        self.connections[row].client_wscale = -1
        self.connections[row].server_wscale = -1
        self.emit(slot, 0, SEGMENT_OPEN, p[i].time_ns, p[i].frame, 0, 0, 0, 0)
        return slot

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def clear_stream(self, s: cython.longlong) -> cython.void:
        self.streams[s].next = 0
        self.streams[s].delivered = 0
        self.streams[s].said_sent = 0
        self.streams[s].acked = 0
        self.streams[s].fin = -1
        self.streams[s].progress_ns = 0
        self.streams[s].hole_ns = 0
        self.streams[s].hole_acked_ns = 0
        self.streams[s].timed = 0
        self.streams[s].timed_ns = 0
        self.streams[s].rtt_sum_us = 0
        self.streams[s].candidate = 0
        self.streams[s].unacked = -1
        self.streams[s].gap_from = 0
        self.streams[s].gap_to = 0
        self.streams[s].zero_ns = 0
        self.streams[s].waits = 0
        self.streams[s].waited_in_vain = 0
        self.streams[s].last_ns = 0
        self.streams[s].data_ns = 0
        self.streams[s].ack_ns = 0
        self.streams[s].zero_us = 0
        self.streams[s].longest_zero_us = 0
        self.streams[s].stall_us = 0
        self.streams[s].missing_bytes = 0
        self.streams[s].payload_packets = 0
        self.streams[s].packets = 0
        self.streams[s].isn = 0
        self.streams[s].rtt_min_us = cython.cast(cython.uint, MASK32)
        self.streams[s].rtt_count = 0
        self.streams[s].candidate_len = 0
        self.streams[s].largest_acked = 0
        self.streams[s].unacked_len = 0
        self.streams[s].unacked_tries = 0
        self.streams[s].stash_first = cython.cast(cython.uint, NOWHERE)
        self.streams[s].stash_last = cython.cast(cython.uint, NOWHERE)
        self.streams[s].stash_count = 0
        self.streams[s].last_ack = 0
        self.streams[s].ws_flags = 0
        self.streams[s].ws_dup_acks = 0
        self.streams[s].ws_window = 0
        self.streams[s].ws_ack = 0
        self.streams[s].ws_next = 0
        self.streams[s].ws_contiguous = 0
        self.streams[s].retransmitted = 0
        self.streams[s].spurious = 0
        self.streams[s].fin_retransmitted = 0
        self.streams[s].out_of_order = 0
        self.streams[s].lost_before = 0
        self.streams[s].duplicate_acks = 0
        self.streams[s].keep_alives = 0
        self.streams[s].zero_windows = 0
        self.streams[s].first_trouble_frame = 0
        self.streams[s].last_trouble_frame = 0
        self.streams[s].known = 0
        self.streams[s].ws_known = 0
        self.streams[s].fin_sent = 0
        self.streams[s].wscale = -1
        self.streams[s].hole_has_ts = 0
        k: cython.longlong
        for k in range(s * 2 * RECENT, (s + 1) * 2 * RECENT):
            self.recent[k] = 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def address(self, hi: cython.ulonglong, lo: cython.ulonglong) -> cython.longlong:
        """The row of an address in the address table, which it enters when new."""
        mask: cython.longlong = self.address_buckets.shape[0] - 1
        at: cython.longlong = cython.cast(
            cython.longlong, mixed(hi ^ self.seed, lo) & cython.cast(cython.ulonglong, mask)
        )
        row: cython.longlong
        while True:
            row = self.address_buckets[at]
            if row == NOWHERE:
                row = self.address_count
                self.address_count += 1
                self.address_hi[row] = hi
                self.address_lo[row] = lo
                self.address_buckets[at] = cython.cast(cython.uint, row)
                return row
            if self.address_lo[row] == lo and self.address_hi[row] == hi:
                return row
            at = (at + 1) & mask

    def rehash(self, buckets: cython.uint[::1]) -> None:
        """Move all live connections to a larger array of buckets (a power of two, all NONE)."""
        slot: cython.longlong
        a: cython.ulonglong
        b: cython.ulonglong
        at: cython.longlong
        self.buckets = buckets
        for slot in range(self.slot_high):
            if self.slots[slot].state:
                a = mixed(
                    self.slots[slot].client_hi ^ self.seed,
                    self.slots[slot].client_lo
                    ^ (cython.cast(cython.ulonglong, self.slots[slot].client_port) << 48),
                )
                b = mixed(
                    self.slots[slot].server_hi ^ self.seed,
                    self.slots[slot].server_lo
                    ^ (cython.cast(cython.ulonglong, self.slots[slot].server_port) << 48),
                )
                at = cython.cast(
                    cython.longlong,
                    ((a ^ b) + cython.cast(cython.ulonglong, self.slots[slot].vantage))
                    & cython.cast(cython.ulonglong, buckets.shape[0] - 1),
                )
                self.slots[slot].bucket = cython.cast(cython.uint, at)
                self.slots[slot].hash_next = buckets[at]
                buckets[at] = cython.cast(cython.uint, slot)

    def rehash_addresses(self, buckets: cython.uint[::1]) -> None:
        """Move all addresses to a larger array of buckets (a power of two, all NONE)."""
        mask: cython.longlong = buckets.shape[0] - 1
        row: cython.longlong
        at: cython.longlong
        for row in range(self.address_count):
            at = cython.cast(
                cython.longlong,
                mixed(self.address_hi[row] ^ self.seed, self.address_lo[row])
                & cython.cast(cython.ulonglong, mask),
            )
            while buckets[at] != NOWHERE:
                at = (at + 1) & mask
            buckets[at] = cython.cast(cython.uint, row)
        self.address_buckets = buckets

    def sweep(
        self, closed_before_ns: cython.longlong, idle_before_ns: cython.longlong, start: cython.longlong
    ) -> cython.longlong:
        """Retire connections closed and silent since before `closed_before_ns`, and, open or not, those
        silent since before `idle_before_ns` (counted as evicted). Begins at slot `start`; returns the slot to
        go on at, or -1 when it went through all."""
        slot: cython.longlong = start
        with cython.nogil:
            self.reclaim()
            while slot < self.slot_high:
                if self.slots[slot].state:
                    if not self.can_retire():
                        break
                    if self.slots[slot].state == 2 and self.slots[slot].last_ns < closed_before_ns:
                        self.retire(slot)
                    elif self.slots[slot].last_ns < idle_before_ns:
                        self.connections[self.slots[slot].connection].flags |= CONN_EVICTED
                        self.evicted += 1
                        self.retire(slot)
                slot += 1
        return slot if slot < self.slot_high else -1

    def finish(self, start: cython.longlong) -> cython.longlong:
        """Retire every connection of this vantage (the capture ended); returns where to go on, or -1."""
        slot: cython.longlong = start
        with cython.nogil:
            self.reclaim()
            while slot < self.slot_high:
                if self.slots[slot].state:
                    if not self.can_retire():
                        break
                    self.retire(slot)
                slot += 1
        return slot if slot < self.slot_high else -1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def retire(self, slot: cython.longlong) -> cython.void:
        """Write what is final about a connection and free its slot."""
        row: cython.longlong = self.slots[slot].connection
        a: cython.longlong = 2 * slot
        b: cython.longlong = a + 1
        now: cython.longlong = self.slots[slot].last_ns
        self.end_zero_window(a, now)
        self.end_zero_window(b, now)
        client_hole: cython.longlong = self.hole_bytes(a)
        server_hole: cython.longlong = self.hole_bytes(b)
        self.streams[a].waits = 0
        self.streams[b].waits = 0
        self.give_up_holes(slot, 0)
        self.give_up_holes(slot, 1)
        self.hand_on_rst(slot)
        self.write_trouble(row, a, 0, client_hole)
        self.write_trouble(row, b, 1, server_hole)
        self.connections[row].client_bytes = self.stream_bytes(a)
        self.connections[row].server_bytes = self.stream_bytes(b)
        self.connections[row].client_acked = self.acked_bytes(a)
        self.connections[row].server_acked = self.acked_bytes(b)
        self.connections[row].client_packets = cython.cast(cython.uint, saturated(self.streams[a].packets))
        self.connections[row].server_packets = cython.cast(cython.uint, saturated(self.streams[b].packets))
        self.connections[row].client_rtt_us = self.streams[a].rtt_min_us
        self.connections[row].server_rtt_us = self.streams[b].rtt_min_us
        self.connections[row].client_mean_rtt_us = cython.cast(cython.uint, self.mean_rtt(a))
        self.connections[row].server_mean_rtt_us = cython.cast(cython.uint, self.mean_rtt(b))
        self.connections[row].client_largest_acked = cython.cast(
            cython.ushort, min(cython.cast(cython.longlong, self.streams[a].largest_acked), 65535)
        )
        self.connections[row].server_largest_acked = cython.cast(
            cython.ushort, min(cython.cast(cython.longlong, self.streams[b].largest_acked), 65535)
        )
        self.emit(slot, 0, SEGMENT_CLOSE, now, self.connections[row].last_frame, 0, 0, 0, 0)
        # out of its bucket
        bucket: cython.longlong = self.slots[slot].bucket
        at: cython.longlong = self.buckets[bucket]
        if at == slot:
            self.buckets[bucket] = self.slots[slot].hash_next
        else:
            while self.slots[at].hash_next != slot:
                at = self.slots[at].hash_next
            self.slots[at].hash_next = self.slots[slot].hash_next
        self.slots[slot].state = 0
        self.slots[slot].hash_next = cython.cast(cython.uint, self.free_slot)
        self.free_slot = slot
        self.live -= 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def mean_rtt(self, s: cython.longlong) -> cython.longlong:
        if self.streams[s].rtt_count == 0:
            return MASK32
        return self.streams[s].rtt_sum_us // cython.cast(cython.longlong, self.streams[s].rtt_count)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def stream_bytes(self, s: cython.longlong) -> cython.longlong:
        """Payload bytes a direction sent, each once."""
        end: cython.longlong = self.streams[s].next
        if self.streams[s].fin >= 0 and end > self.streams[s].fin:
            end = self.streams[s].fin
        return end - 1 if end > 1 else 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def acked_bytes(self, s: cython.longlong) -> cython.longlong:
        end: cython.longlong = min(
            cython.cast(cython.longlong, self.streams[s].acked),
            cython.cast(cython.longlong, self.streams[s].next),
        )
        if self.streams[s].fin >= 0 and end > self.streams[s].fin:
            end = self.streams[s].fin
        return end - 1 if end > 1 else 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def hole_bytes(self, s: cython.longlong) -> cython.longlong:
        """Stream bytes neither captured nor acknowledged, though later ones were sent."""
        hole: cython.longlong = 0
        at: cython.longlong = max(
            cython.cast(cython.longlong, self.streams[s].delivered),
            cython.cast(cython.longlong, self.streams[s].acked),
        )
        entry: cython.longlong = self.streams[s].stash_first
        while entry != NOWHERE:
            if self.stash[entry].position > at:
                hole += self.stash[entry].position - at
            at = max(at, self.stash[entry].position + self.stash[entry].length)
            entry = self.stash[entry].next
        if self.streams[s].said_sent > at and (
            self.streams[s].fin < 0 or self.streams[s].said_sent <= self.streams[s].fin
        ):
            hole += self.streams[s].said_sent - at
        return hole

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def write_trouble(
        self, row: cython.longlong, s: cython.longlong, direction: cython.longlong, hole: cython.longlong
    ) -> cython.void:
        """A row of troubles, for a direction that had any."""
        unacked: cython.longlong = 0
        tries: cython.longlong = 0
        if (
            self.streams[s].unacked >= 0
            and self.streams[s].acked <= self.streams[s].unacked
            and self.streams[s].unacked_len
        ):
            unacked = self.streams[s].unacked_len
            tries = self.streams[s].unacked_tries
        if not (
            self.streams[s].retransmitted
            or self.streams[s].spurious
            or self.streams[s].fin_retransmitted
            or self.streams[s].out_of_order
            or self.streams[s].lost_before
            or self.streams[s].duplicate_acks
            or self.streams[s].keep_alives
            or self.streams[s].zero_windows
            or self.streams[s].missing_bytes
            or unacked
            or hole
        ):
            return
        at: cython.longlong = self.trouble_count
        self.trouble_count += 1
        self.troubles[at].connection = cython.cast(cython.uint, row)
        self.troubles[at].direction = cython.cast(cython.uchar, direction)
        self.troubles[at].data_packets = cython.cast(cython.uint, saturated(self.streams[s].payload_packets))
        self.troubles[at].retransmitted = self.streams[s].retransmitted
        self.troubles[at].spurious = self.streams[s].spurious
        self.troubles[at].fin_retransmitted = self.streams[s].fin_retransmitted
        self.troubles[at].out_of_order = self.streams[s].out_of_order
        self.troubles[at].lost_before = self.streams[s].lost_before
        self.troubles[at].duplicate_acks = self.streams[s].duplicate_acks
        self.troubles[at].keep_alives = self.streams[s].keep_alives
        self.troubles[at].zero_windows = self.streams[s].zero_windows
        self.troubles[at].missing_bytes = cython.cast(cython.uint, saturated(self.streams[s].missing_bytes))
        self.troubles[at].hole_bytes = cython.cast(cython.uint, saturated(hole))
        self.troubles[at].stall_us = cython.cast(cython.uint, saturated(self.streams[s].stall_us))
        self.troubles[at].zero_window_us = cython.cast(cython.uint, saturated(self.streams[s].zero_us))
        self.troubles[at].longest_zero_us = cython.cast(
            cython.uint, saturated(self.streams[s].longest_zero_us)
        )
        self.troubles[at].unacked_bytes = cython.cast(cython.uint, unacked)
        self.troubles[at].unacked_retries = cython.cast(cython.uint, tries)
        self.troubles[at].first_trouble_frame = self.streams[s].first_trouble_frame
        self.troubles[at].last_trouble_frame = self.streams[s].last_trouble_frame

    # --- writing --------------------------------------------------------------------------------

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def emit(
        self,
        slot: cython.longlong,
        direction: cython.longlong,
        kind: cython.longlong,
        time_ns: cython.longlong,
        frame: cython.longlong,
        off: cython.longlong,
        length: cython.longlong,
        captured: cython.longlong,
        stashed: cython.longlong,
    ) -> cython.void:
        """One step of a stream, for the next stage."""
        at: cython.longlong = self.segment_count
        self.segment_count += 1
        self.segments[at].time_ns = time_ns
        self.segments[at].off = off
        self.segments[at].length = length
        self.segments[at].captured = captured
        self.segments[at].frame = cython.cast(cython.uint, frame)
        self.segments[at].slot = cython.cast(cython.uint, slot)
        self.segments[at].connection = self.slots[slot].connection
        self.segments[at].direction = cython.cast(cython.uchar, direction)
        self.segments[at].kind = cython.cast(cython.uchar, kind)
        self.segments[at].stashed = cython.cast(cython.uchar, stashed)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def event(
        self,
        slot: cython.longlong,
        direction: cython.longlong,
        kind: cython.longlong,
        time_ns: cython.longlong,
        frame: cython.longlong,
        a: cython.longlong,
        b: cython.longlong,
    ) -> cython.void:
        """One noteworthy packet; past the bound a connection it is only counted."""
        if self.slots[slot].events >= self.events_per_connection or self.event_count >= self.events.shape[0]:
            self.events_dropped += 1
            return
        self.slots[slot].events += 1
        at: cython.longlong = self.event_count
        self.event_count += 1
        self.events[at].time_ns = time_ns
        self.events[at].frame = cython.cast(cython.uint, frame)
        self.events[at].connection = self.slots[slot].connection
        self.events[at].a = cython.cast(cython.uint, a & MASK32)
        self.events[at].b = cython.cast(cython.uint, b & MASK32)
        self.events[at].stall_us = 0
        self.events[at].kind = cython.cast(cython.uchar, kind)
        self.events[at].direction = cython.cast(cython.uchar, direction)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def trouble(self, s: cython.longlong, frame: cython.longlong) -> cython.void:
        if self.streams[s].first_trouble_frame == 0:
            self.streams[s].first_trouble_frame = cython.cast(cython.uint, frame)
        self.streams[s].last_trouble_frame = cython.cast(cython.uint, frame)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def reach(self, row: cython.longlong, frame: cython.longlong, now: cython.longlong) -> cython.void:
        """The connection's span holds this packet, also one stored before or timed before its first."""
        if frame > self.connections[row].last_frame:
            self.connections[row].last_frame = cython.cast(cython.uint, frame)
        elif frame < self.connections[row].first_frame:
            self.connections[row].first_frame = cython.cast(cython.uint, frame)
        if now > self.connections[row].last_ns:
            self.connections[row].last_ns = now
        elif now < self.connections[row].first_ns:
            self.connections[row].first_ns = now

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def icmp(
        self, slot: cython.longlong, direction: cython.longlong, p: Packet[::1], i: cython.longlong
    ) -> cython.void:
        """An ICMP error about a packet this connection sent in `direction`."""
        row: cython.longlong = self.slots[slot].connection
        self.connections[row].flags |= CONN_ICMP
        self.reach(row, p[i].frame, p[i].time_ns)
        self.event(
            slot,
            direction,
            EVENT_ICMP,
            p[i].time_ns,
            p[i].frame,
            cython.cast(cython.longlong, p[i].icmp_type) << 8 | cython.cast(cython.longlong, p[i].icmp_code),
            p[i].icmp_mtu,
        )

    # --- Wireshark's analysis flags ---------------------------------------------------------------

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def is_duplicate(
        self, slot: cython.longlong, direction: cython.longlong, p: Packet[::1], i: cython.longlong
    ) -> cython.bint:
        """Whether this is one of the packets before it captured once more: the same IP id and every TCP field
        the same, at almost the same time. Linux hands packets on in lists, so the second copies of several
        may follow all their first ones. A sender that repeats a segment gives it a new IP id (RFC 6864 lets
        an atomic datagram keep it, so without an id timestamps must agree too and it must carry data, or
        be a SYN, which nobody repeats so soon)."""
        at: cython.longlong = (2 * slot + direction) * 2 * RECENT
        k: cython.longlong
        hashed: cython.ulonglong
        key: cython.longlong
        us: cython.longlong = p[i].time_ns // 1000
        if p[i].ip_id == 0 and not (p[i].flags & SYN) and (p[i].has_ts == 0 or p[i].payload_len == 0):
            return False
        hashed = mixed(
            cython.cast(cython.ulonglong, p[i].seq) << 32 | cython.cast(cython.ulonglong, p[i].ack),
            cython.cast(cython.ulonglong, p[i].payload_len) << 32
            | cython.cast(cython.ulonglong, p[i].flags) << 16
            | cython.cast(cython.ulonglong, p[i].ip_id),
        )
        hashed = mixed(hashed, cython.cast(cython.ulonglong, p[i].ts_val) << 32 | p[i].window)
        key = (cython.cast(cython.longlong, hashed >> 1) & MASK32) | 1
        for k in range(at, at + RECENT):
            if (
                self.recent[k] == key
                and ((us - self.recent[k + RECENT]) & MASK32) * 1000 <= self.duplicate_ns
            ):
                return True
        k = at + (self.streams[2 * slot + direction].packets & (RECENT - 1))
        self.recent[k] = cython.cast(cython.uint, key)
        self.recent[k + RECENT] = cython.cast(cython.uint, us & MASK32)
        return False

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def analyse(
        self, slot: cython.longlong, direction: cython.longlong, p: Packet[::1], i: cython.longlong
    ) -> cython.longlong:
        """The packet's tcp.analysis flags, as the Wireshark User's Guide means them ("TCP Analysis")."""
        f: cython.longlong = 2 * slot + direction
        r: cython.longlong = 2 * slot + 1 - direction
        seq: cython.longlong = p[i].seq
        ack: cython.longlong = p[i].ack
        length: cython.longlong = p[i].payload_len
        window: cython.longlong = p[i].window
        tcp: cython.longlong = p[i].flags
        now: cython.longlong = p[i].time_ns
        ctl: cython.longlong = tcp & (SYN | FIN | RST)
        known: cython.longlong = self.streams[f].ws_known
        rknown: cython.longlong = self.streams[r].ws_known
        has_next: cython.bint = (known & 1) != 0
        ahead: cython.longlong = diff(seq, self.streams[f].ws_next) if has_next else 0
        same_ack: cython.bint = (known & 4) != 0 and ack == self.streams[f].ws_ack
        a: cython.longlong = 0
        end: cython.longlong
        answered: cython.bint = False
        scale: cython.longlong

        if (
            length == 1
            and has_next
            and ahead == 0
            and (rknown & 4)
            and self.streams[r].ws_window == 0
            and not ctl
        ):
            a |= ZERO_WINDOW_PROBE
        if window == 0 and not ctl:
            a |= ZERO_WINDOW
        if has_next and ahead > 0 and not (tcp & RST):
            a |= LOST_SEGMENT
        if length <= 1 and has_next and ahead == -1 and not ctl:
            a |= KEEP_ALIVE
        if (
            length == 0
            and window
            and (known & 4)
            and window != self.streams[f].ws_window
            and has_next
            and ahead == 0
            and same_ack
            and not ctl
        ):
            a |= WINDOW_UPDATE
        if length > 0 and not ctl and (rknown & 4) and self.streams[r].wscale != -1:
            scale = (
                self.streams[r].wscale if self.streams[r].wscale > 0 and self.streams[r].packets > 1 else 0
            )
            if (
                diff(seq + length, self.streams[r].ws_ack)
                == cython.cast(cython.longlong, self.streams[r].ws_window) << scale
            ):
                a |= WINDOW_FULL
        if (
            length == 0
            and window
            and (known & 4)
            and window == self.streams[f].ws_window
            and has_next
            and ahead == 0
            and same_ack
            and (self.streams[r].ws_flags & KEEP_ALIVE)
            and not ctl
        ):
            a |= KEEP_ALIVE_ACK
            answered = True
        if (
            not answered
            and length == 0
            and window == 0
            and (known & 4)
            and self.streams[f].ws_window == 0
            and has_next
            and ahead == 0
            and (same_ack or diff(ack, self.streams[f].ws_ack) == 1)
            and (self.streams[r].ws_flags & ZERO_WINDOW_PROBE)
            and not ctl
        ):
            a |= ZERO_WINDOW_PROBE_ACK
            answered = True
            if not same_ack and (rknown & 2) and self.streams[r].ws_contiguous == self.streams[f].ws_ack:
                self.streams[r].ws_contiguous = cython.cast(cython.uint, ack)
        if (
            not answered
            and length == 0
            and window
            and (known & 4)
            and window == self.streams[f].ws_window
            and has_next
            and ahead == 0
            and same_ack
            and not ctl
        ):
            self.streams[f].ws_dup_acks += 1
            a |= DUPLICATE_ACK
            a &= ~WINDOW_UPDATE
        if (known & 4) and ack != self.streams[f].ws_ack:
            self.streams[f].ws_dup_acks = 0
        if (tcp & ACK) and (rknown & 2) and diff(ack, self.streams[r].ws_contiguous) > 0:
            if self.streams[r].ws_flags & ZERO_WINDOW_PROBE and diff(ack, self.streams[r].ws_contiguous) == 1:
                self.streams[r].ws_contiguous = cython.cast(cython.uint, ack)
            elif rknown & (EXPECTED | GAP_SEEN):
                a |= ACK_LOST_SEGMENT
                if self.streams[r].ws_next == self.streams[r].ws_contiguous:
                    self.streams[r].ws_known &= ~EXPECTED
                self.streams[r].ws_known &= ~GAP_SEEN
                self.streams[r].ws_contiguous = self.streams[r].ws_next

        if (length > 0 or (tcp & (SYN | FIN))) and not (a & KEEP_ALIVE):
            a |= self.resent(slot, direction, p, i)

        # remember
        end = seq + length
        if (tcp & (SYN | FIN)) and not (tcp & RST):
            end += 1
        end &= MASK32
        if not (a & ZERO_WINDOW_PROBE):
            if not has_next or diff(end, self.streams[f].ws_next) > 0:
                self.streams[f].ws_next = cython.cast(cython.uint, end)
                self.streams[f].data_ns = now
            if not (known & 2) or seq == self.streams[f].ws_contiguous:
                self.streams[f].ws_contiguous = self.streams[f].ws_next
            self.streams[f].ws_known |= 3 if known & 2 else 3 | EXPECTED
        if a & LOST_SEGMENT:
            self.streams[f].ws_known |= GAP_SEEN
        if a & DUPLICATE_ACK:
            self.streams[f].ws_known &= ~EXPECTED
        if tcp & ACK:
            if (known & 4) and not same_ack:
                self.streams[f].ws_known |= EXPECTED
            self.streams[f].ws_ack = cython.cast(cython.uint, ack)
            self.streams[f].ws_known |= 4
            self.streams[f].ack_ns = now
        self.streams[f].ws_window = cython.cast(cython.uint, window)
        self.streams[f].ws_flags = cython.cast(cython.uint, a)
        return a

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def resent(
        self, slot: cython.longlong, direction: cython.longlong, p: Packet[::1], i: cython.longlong
    ) -> cython.longlong:
        """Which of the four kinds of data that does not advance the sequence number this is, or 0."""
        f: cython.longlong = 2 * slot + direction
        r: cython.longlong = 2 * slot + 1 - direction
        seq: cython.longlong = p[i].seq
        length: cython.longlong = p[i].payload_len
        now: cython.longlong = p[i].time_ns
        back: cython.bint = (self.streams[f].ws_known & 1) != 0 and diff(seq, self.streams[f].ws_next) < 0
        limit: cython.longlong
        if length > 1 and (self.streams[f].ws_known & 1) and diff(seq, self.streams[f].ws_next) == -1:
            back = False  # the byte of a zero-window probe or keep-alive sent again with more behind it
        if length > 0 and (self.streams[r].ws_known & 4) and diff(seq + length, self.streams[r].ws_ack) <= 0:
            return SPURIOUS_RETRANSMISSION
        if not back:
            return 0
        if self.streams[r].ws_dup_acks >= 2 and now - self.streams[r].ack_ns < FAST_NS:
            if self.streams[r].ws_ack == seq:
                return FAST_RETRANSMISSION
        limit = self.slots[slot].first_rtt_ns if self.slots[slot].first_rtt_ns > 0 else OUT_OF_ORDER_NS
        if (
            now - self.streams[f].data_ns < limit
            and diff(seq + length, self.streams[f].ws_next) != 0
            and not self.was_captured(f, seq, length)
        ):
            return OUT_OF_ORDER
        return RETRANSMISSION

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def was_captured(self, s: cython.longlong, seq: cython.longlong, length: cython.longlong) -> cython.bint:
        """Whether these bytes of the stream were all captured before."""
        if not self.streams[s].known:
            return False
        at: cython.longlong = self.position(s, seq)
        end: cython.longlong = at + length
        entry: cython.longlong
        if at < self.streams[s].gap_to and end > self.streams[s].gap_from:
            return False
        if at < self.streams[s].delivered:
            at = self.streams[s].delivered
        entry = self.streams[s].stash_first
        while at < end and entry != NOWHERE:
            if self.stash[entry].position > at:
                return False
            if self.stash[entry].position + self.stash[entry].length > at:
                at = self.stash[entry].position + self.stash[entry].length
            entry = self.stash[entry].next
        return at >= end

    # --- our own account -------------------------------------------------------------------------

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(check=False)
    def position(self, s: cython.longlong, seq: cython.longlong) -> cython.longlong:
        """The 64-bit stream position of a sequence number: the one nearest to the newest."""
        near: cython.longlong = self.streams[s].next
        return near + diff(seq, cython.cast(cython.longlong, self.streams[s].isn) + near)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def follow(
        self, slot: cython.longlong, direction: cython.longlong, p: Packet[::1], i: cython.longlong
    ) -> cython.void:
        """Update the connection by one packet of `direction`, and hand on what is now in order."""
        f: cython.longlong = 2 * slot + direction
        r: cython.longlong = 2 * slot + 1 - direction
        row: cython.longlong = self.slots[slot].connection
        tcp: cython.longlong = p[i].flags
        now: cython.longlong = p[i].time_ns
        frame: cython.longlong = p[i].frame
        length: cython.longlong = p[i].payload_len
        at: cython.longlong

        self.slots[slot].last_ns = now
        self.reach(row, frame, now)
        self.streams[f].packets += 1
        self.streams[f].last_ack = p[i].ack
        self.streams[f].last_ns = now

        if (self.streams[f].waits or self.streams[r].waits or self.slots[slot].rst_ns) and self.over_wait(
            slot, now
        ):
            self.wait_no_more(slot)
        if tcp & RST:
            self.reset(slot, direction, p, i)
            return
        if (
            (tcp & SYN)
            and self.streams[f].known
            and self.streams[f].wscale == -1
            and self.streams[f].isn != p[i].seq
        ):
            if self.streams[f].payload_packets == 0:
                # all we saw of it was left of an older connection
                self.streams[f].known = 0
                self.streams[f].fin = -1
                self.streams[f].acked = 0
                self.streams[f].hole_acked_ns = 0
        if self.streams[f].known == FORETOLD and not (tcp & SYN) and self.position(f, p[i].seq) >= 1:
            self.streams[f].known = 1
            self.streams[f].progress_ns = now
        elif self.streams[f].known != 1:
            self.streams[f].known = 1
            if tcp & SYN:
                self.streams[f].isn = p[i].seq
                self.streams[f].next = 1
                self.streams[f].delivered = 1
            else:
                self.streams[f].isn = cython.cast(
                    cython.uint, (cython.cast(cython.longlong, p[i].seq) - 1) & MASK32
                )
                if (
                    length <= 1
                    and (self.streams[r].ws_known & 4)
                    and diff(self.streams[r].ws_ack, p[i].seq) > 0
                ):
                    # a keep-alive came first: the stream goes on at what the peer acknowledged
                    self.streams[f].isn = cython.cast(
                        cython.uint, (cython.cast(cython.longlong, self.streams[r].ws_ack) - 1) & MASK32
                    )
                self.streams[f].next = 1
                self.streams[f].delivered = 1
            self.streams[f].acked = 1 if not (tcp & SYN) else 0
            self.streams[f].progress_ns = now
        if tcp & SYN:
            self.handshake(slot, direction, p, i)
        elif (self.connections[row].flags & (CONN_SYN | CONN_SYNACK)) == (
            CONN_SYN | CONN_SYNACK
        ) and direction == 0:
            if not (self.connections[row].flags & CONN_ESTABLISHED) and (tcp & ACK):
                self.connections[row].flags |= CONN_ESTABLISHED
                if self.connections[row].synacks == 1:
                    self.connections[row].ack_rtt_us = cython.cast(
                        cython.uint, micros(now - self.slots[slot].synack_ns)
                    )
                self.slots[slot].first_rtt_ns = now - self.slots[slot].syn_ns

        # a last byte that is not acknowledged yet is sent again, whatever it looks like
        alive: cython.bint = (self.flags & KEEP_ALIVE) != 0 and (
            length == 0
            or not (self.streams[r].ws_known & 4)
            or self.position(f, p[i].seq) < self.streams[f].acked
        )
        if alive:
            self.streams[f].keep_alives += 1
            self.event(slot, direction, EVENT_KEEP_ALIVE, now, frame, 0, 0)
        if (self.flags & DUPLICATE_ACK) and not (self.flags & KEEP_ALIVE_ACK):
            self.streams[f].duplicate_acks += 1
        self.window(slot, direction, p, i)
        if tcp & ACK:
            self.acknowledge(slot, direction, p, i)
            if (
                self.streams[r].acked > self.streams[r].next
                and (length > 0 or (tcp & FIN))
                and not alive
                and self.streams[r].known
            ):
                self.wait(slot, direction, self.position(r, p[i].ack), now)
        at = self.position(f, p[i].seq)
        if tcp & SYN:
            at += 1
        elif at == 2 and self.began_with_keep_alive(f):
            at = 1
        if length > 0:
            self.streams[f].payload_packets += 1
            self.connections[row].flags |= cython.cast(cython.uint, CONN_DATA_CLIENT << direction)
            if p[i].captured_len < p[i].payload_len:
                self.connections[row].flags |= CONN_TRUNCATED
            if (
                self.streams[r].stash_first != NOWHERE
                and self.streams[r].waits == 0
                and self.streams[r].acked > self.stash[self.streams[r].stash_first].position
            ):
                # who answers has read what is missing here: its answer must not come before the question
                self.give_up_acked(slot, 1 - direction)
            if not alive:
                self.payload(slot, direction, p, i, at)
        elif (
            self.streams[f].next < at <= self.streams[f].next + WAIT_BYTES and tcp & (SYN | RST | ACK) == ACK
        ):
            self.streams[f].said_sent = at
        if tcp & FIN:
            if self.streams[f].waits == 0:
                self.give_up_read(slot, 1 - direction)
            self.finished(slot, direction, p, i, at + length)
        if self.streams[f].hole_acked_ns:
            if self.streams[f].acked <= self.streams[f].delivered:
                self.streams[f].hole_acked_ns = 0  # they came late
            elif now - self.streams[f].hole_acked_ns > self.gap_grace_ns:
                self.give_up_acked(slot, direction)
        if self.streams[r].hole_acked_ns and now - self.streams[r].hole_acked_ns > self.gap_grace_ns:
            self.give_up_acked(slot, 1 - direction)
        self.end_in_order(slot, direction, now, frame)
        if self.streams[r].waits and self.has_come(f, self.streams[r].waits):
            self.waited(slot, 1 - direction, now, frame)
        elif self.slots[slot].rst_ns:
            self.rst_in_turn(slot)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def handshake(
        self, slot: cython.longlong, direction: cython.longlong, p: Packet[::1], i: cython.longlong
    ) -> cython.void:
        """A SYN or SYN-ACK."""
        row: cython.longlong = self.slots[slot].connection
        f: cython.longlong = 2 * slot + direction
        self.streams[f].wscale = p[i].wscale if p[i].wscale >= 0 else -2
        if direction == 0:
            if self.connections[row].syns:
                self.event(
                    slot, 0, EVENT_SYN_RETRANSMISSION, p[i].time_ns, p[i].frame, self.connections[row].syns, 0
                )
                self.trouble(f, p[i].frame)
            if self.connections[row].syns < 255:
                self.connections[row].syns += 1
            self.connections[row].flags |= CONN_SYN
            if (self.connections[row].flags & ((CONN_RST_CLIENT << 1) | CONN_SYNACK)) == CONN_RST_CLIENT << 1:
                self.connections[row].flags |= CONN_REFUSED  # the RST was stored before it
            self.connections[row].client_mss = p[i].mss
            self.connections[row].client_wscale = p[i].wscale
            if not (self.connections[row].flags & CONN_SYNACK):
                self.slots[slot].syn_ns = p[i].time_ns
        else:
            if self.connections[row].synacks:
                self.event(
                    slot,
                    1,
                    EVENT_SYNACK_RETRANSMISSION,
                    p[i].time_ns,
                    p[i].frame,
                    self.connections[row].synacks,
                    0,
                )
                self.trouble(f, p[i].frame)
            elif self.connections[row].flags & CONN_SYN:
                self.connections[row].syn_rtt_us = cython.cast(
                    cython.uint, micros(p[i].time_ns - self.slots[slot].syn_ns)
                )
            if self.connections[row].synacks < 255:
                self.connections[row].synacks += 1
            self.connections[row].flags |= CONN_SYNACK
            self.connections[row].server_mss = p[i].mss
            self.connections[row].server_wscale = p[i].wscale
            self.slots[slot].synack_ns = p[i].time_ns

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def reset(
        self, slot: cython.longlong, direction: cython.longlong, p: Packet[::1], i: cython.longlong
    ) -> cython.void:
        """An RST: the connection is over; its bytes, if any, are no stream bytes (RFC 9293 §3.10.7)."""
        row: cython.longlong = self.slots[slot].connection
        r: cython.longlong = 2 * slot + 1 - direction
        if (p[i].flags & ACK) and self.streams[r].known == 1:
            self.note_ack(r, self.position(r, p[i].ack), p[i].time_ns)
        if self.connections[row].flags & (CONN_RST_CLIENT | (CONN_RST_CLIENT << 1)):
            self.event(slot, direction, EVENT_RST, p[i].time_ns, p[i].frame, 0, 0)
            self.note_close(slot, direction)
            self.connections[row].flags |= cython.cast(cython.uint, CONN_RST_CLIENT << direction)
            return
        self.connections[row].rst_ns = p[i].time_ns
        self.connections[row].rst_frame = p[i].frame
        if (
            direction == 1
            and not (self.connections[row].flags & CONN_SYNACK)
            and (self.connections[row].flags & CONN_SYN)
            and self.streams[2 * slot].packets == self.connections[row].syns  # else a SYN-ACK is missing
        ):
            self.connections[row].flags |= CONN_REFUSED
        self.note_close(slot, direction)
        self.connections[row].flags |= cython.cast(cython.uint, CONN_RST_CLIENT << direction)
        self.slots[slot].state = 2
        f: cython.longlong = 2 * slot + direction
        at: cython.longlong = self.position(f, p[i].seq) if self.streams[f].known else 0
        if (p[i].flags & ACK) and self.streams[r].known and self.streams[r].acked > self.streams[r].next:
            self.wait(slot, direction, self.position(r, p[i].ack), p[i].time_ns)
        if self.streams[f].waits == 0:
            self.give_up_read(slot, 1 - direction)
        self.slots[slot].rst_ns = p[i].time_ns
        self.slots[slot].rst_frame = p[i].frame
        self.slots[slot].rst_from = cython.cast(cython.uchar, direction)
        # what it was sent behind may be stored behind it
        self.slots[slot].rst_at = at if self.streams[f].next < at <= self.streams[f].next + WAIT_BYTES else 0
        self.rst_in_turn(slot)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def note_close(self, slot: cython.longlong, direction: cython.longlong) -> cython.void:
        """Who closed first, and how much of the other side's stream each had acknowledged at its close."""
        row: cython.longlong = self.slots[slot].connection
        acked: cython.longlong = self.acked_bytes(2 * slot + 1 - direction)
        if self.connections[row].closed_by == 255:
            self.connections[row].closed_by = cython.cast(cython.uchar, direction)
        if self.connections[row].flags & ((CONN_FIN_CLIENT | CONN_RST_CLIENT) << direction):
            return
        if direction == 0:
            self.connections[row].client_close_acked = cython.cast(cython.uint, acked & MASK32)
        else:
            self.connections[row].server_close_acked = cython.cast(cython.uint, acked & MASK32)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def finished(
        self,
        slot: cython.longlong,
        direction: cython.longlong,
        p: Packet[::1],
        i: cython.longlong,
        at: cython.longlong,
    ) -> cython.void:
        """A FIN at stream position `at`."""
        row: cython.longlong = self.slots[slot].connection
        f: cython.longlong = 2 * slot + direction
        if self.streams[f].fin >= 0:
            if p[i].payload_len == 0 and at == self.streams[f].fin:
                self.streams[f].fin_retransmitted += 1
                self.event(slot, direction, EVENT_FIN_RETRANSMISSION, p[i].time_ns, p[i].frame, 0, 0)
            return
        self.note_close(slot, direction)
        if self.streams[2 * slot + 1 - direction].waits > at and self.connections[row].closed_by != 255:
            # the other side's FIN or RST, stored before, acknowledges this one
            self.connections[row].closed_by = cython.cast(cython.uchar, direction)
        self.streams[f].fin = at
        if at > self.streams[f].next and self.streams[f].stash_first == NOWHERE:
            # it overtook data
            self.streams[f].hole_ns = p[i].time_ns
            self.streams[f].hole_ts = p[i].ts_val
            self.streams[f].hole_has_ts = p[i].has_ts
            self.streams[f].hole_ip_id = p[i].ip_id
        if at + 1 > self.streams[f].next:
            self.streams[f].next = at + 1
        self.connections[row].flags |= cython.cast(cython.uint, CONN_FIN_CLIENT << direction)
        if direction == 0:
            self.connections[row].client_fin_ns = p[i].time_ns
            self.connections[row].client_fin_frame = p[i].frame
        else:
            self.connections[row].server_fin_ns = p[i].time_ns
            self.connections[row].server_fin_frame = p[i].frame
        if self.streams[2 * slot + 1 - direction].fin >= 0:
            self.slots[slot].state = 2

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def window(
        self, slot: cython.longlong, direction: cython.longlong, p: Packet[::1], i: cython.longlong
    ) -> cython.void:
        """Zero windows this direction announces, and how long they last."""
        f: cython.longlong = 2 * slot + direction
        if p[i].window == 0 and not (p[i].flags & (SYN | FIN)):
            if self.streams[f].zero_ns == 0:
                self.streams[f].zero_ns = p[i].time_ns
                self.streams[f].zero_windows += 1
                self.trouble(f, p[i].frame)
                self.event(slot, direction, EVENT_ZERO_WINDOW, p[i].time_ns, p[i].frame, 0, 0)
        elif self.streams[f].zero_ns:
            self.event(
                slot,
                direction,
                EVENT_WINDOW_REOPENED,
                p[i].time_ns,
                p[i].frame,
                micros(p[i].time_ns - self.streams[f].zero_ns),
                p[i].window,
            )
            self.end_zero_window(f, p[i].time_ns)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def end_zero_window(self, s: cython.longlong, now: cython.longlong) -> cython.void:
        us: cython.longlong
        if self.streams[s].zero_ns:
            us = micros(now - self.streams[s].zero_ns)
            self.streams[s].zero_us += us
            if us > self.streams[s].longest_zero_us:
                self.streams[s].longest_zero_us = us
            self.streams[s].zero_ns = 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def acknowledge(
        self, slot: cython.longlong, direction: cython.longlong, p: Packet[::1], i: cython.longlong
    ) -> cython.void:
        """What this packet acknowledges of the other direction."""
        r: cython.longlong = 2 * slot + 1 - direction
        at: cython.longlong
        opened: cython.uint = CONN_SYN if direction == 0 else CONN_SYNACK
        if not self.streams[r].known:
            if not (self.connections[self.slots[slot].connection].flags & opened):
                return
            # its SYN is not in the capture: the first ACK of who opened with it tells where it begins
            self.streams[r].known = FORETOLD
            self.streams[r].isn = cython.cast(
                cython.uint, (cython.cast(cython.longlong, p[i].ack) - 1) & MASK32
            )
            self.streams[r].next = 1
            self.streams[r].delivered = 1
            self.streams[r].acked = 1
        if self.streams[r].known == FORETOLD:
            return
        at = self.position(r, p[i].ack)
        if at == 2 and self.began_with_keep_alive(r):
            at = 1
        if at < self.streams[r].acked and self.streams[r].acked > self.streams[r].next:
            # the ACK of bytes we never saw is taken back: it was a stray one
            self.streams[r].acked = at
            self.streams[r].hole_acked_ns = 0
        if at > self.streams[r].next and self.streams[r].hole_acked_ns == 0:
            # bytes the capture has not: they may still come (stored out of order), or never
            self.streams[r].hole_acked_ns = p[i].time_ns
        elif (
            self.streams[r].stash_first != NOWHERE
            and at > self.streams[r].delivered
            and self.streams[r].hole_acked_ns == 0
        ):
            self.streams[r].hole_acked_ns = p[i].time_ns
        self.note_ack(r, at, p[i].time_ns)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def began_with_keep_alive(self, s: cython.longlong) -> cython.bint:
        """Whether stream `s`, which goes on one byte behind its first packet, begins there: that packet, of a
        connection begun before the capture, was a keep-alive, which names the byte before the next one. Then
        no byte is missing."""
        if (
            self.streams[s].wscale != -1
            or self.streams[s].payload_packets
            or self.streams[s].delivered != 1
            or self.streams[s].next != 1
            or self.streams[s].fin >= 0
        ):
            return False
        self.streams[s].isn = cython.cast(
            cython.uint, (cython.cast(cython.longlong, self.streams[s].isn) + 1) & MASK32
        )
        self.streams[s].acked = 1
        return True

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def note_ack(self, s: cython.longlong, at: cython.longlong, now: cython.longlong) -> cython.void:
        """Stream `s` is acknowledged up to `at`."""
        us: cython.longlong
        if at <= self.streams[s].acked:
            return
        self.streams[s].acked = at
        self.streams[s].progress_ns = now
        if self.streams[s].timed and at >= self.streams[s].timed:
            us = micros(now - self.streams[s].timed_ns)
            self.streams[s].timed = 0
            self.streams[s].rtt_sum_us += us
            self.streams[s].rtt_count += 1
            if us < self.streams[s].rtt_min_us:
                self.streams[s].rtt_min_us = cython.cast(cython.uint, us)
        if self.streams[s].candidate and at >= self.streams[s].candidate:
            if self.streams[s].candidate_len > self.streams[s].largest_acked:
                self.streams[s].largest_acked = self.streams[s].candidate_len
            self.streams[s].candidate = 0
            self.streams[s].candidate_len = 0
        if self.streams[s].unacked >= 0 and at > self.streams[s].unacked:
            self.streams[s].unacked = -1
            self.streams[s].unacked_len = 0
            self.streams[s].unacked_tries = 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def payload(
        self,
        slot: cython.longlong,
        direction: cython.longlong,
        p: Packet[::1],
        i: cython.longlong,
        at: cython.longlong,
    ) -> cython.void:
        """Payload at stream position `at`: judge whether it was sent before, and hand it on or stash it."""
        f: cython.longlong = 2 * slot + direction
        now: cython.longlong = p[i].time_ns
        length: cython.longlong = p[i].payload_len
        end: cython.longlong = at + length
        newest: cython.longlong = self.streams[f].next

        if at < newest and end <= newest and not (self.flags & ZERO_WINDOW_PROBE):
            self.judge_again(slot, direction, p, i, at, end)
        else:
            if not self.streams[f].timed:
                self.streams[f].timed = end
                self.streams[f].timed_ns = now
            self.streams[f].progress_ns = now
        if (
            length > self.streams[f].largest_acked
            and length > self.streams[f].candidate_len
            and end > self.streams[f].acked
            and end > newest
        ):
            self.streams[f].candidate = end
            self.streams[f].candidate_len = p[i].payload_len
        if end > newest:
            self.streams[f].next = end
        if end <= self.streams[f].delivered:
            return
        if at <= self.streams[f].delivered:
            if self.streams[f].waits:
                if at == self.streams[f].delivered and self.streams[f].stash_count < WAIT_PIECES:
                    self.keep(slot, direction, p, i, at, end)
                    return
                self.stop_waiting(slot, direction, now, p[i].frame)
            self.in_order(slot, direction, p, i, at, end)
            return
        if self.streams[f].waits and self.streams[f].stash_count >= WAIT_PIECES:
            self.stop_waiting(slot, direction, now, p[i].frame)
            if at <= self.streams[f].delivered:
                self.in_order(slot, direction, p, i, at, end)
                return
        # a hole before it, or what waits
        if self.streams[f].stash_first == NOWHERE:
            self.streams[f].hole_ns = now
            self.streams[f].hole_ts = p[i].ts_val
            self.streams[f].hole_has_ts = p[i].has_ts
            self.streams[f].hole_ip_id = p[i].ip_id
            if self.streams[f].acked > self.streams[f].delivered and self.streams[f].hole_acked_ns == 0:
                self.streams[f].hole_acked_ns = now
        self.keep(slot, direction, p, i, at, end)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def in_order(
        self,
        slot: cython.longlong,
        direction: cython.longlong,
        p: Packet[::1],
        i: cython.longlong,
        at: cython.longlong,
        end: cython.longlong,
    ) -> cython.void:
        """Hand on payload that begins at or below what was delivered, and what waited behind it. Bytes that
        were stashed before come from there: of overlapping copies the first captured one counts."""
        f: cython.longlong = 2 * slot + direction
        captured: cython.longlong = p[i].captured_len
        skip: cython.longlong
        stop: cython.longlong
        entry: cython.longlong
        while self.streams[f].delivered < end:
            entry = self.streams[f].stash_first
            stop = end
            if entry != NOWHERE and self.stash[entry].position < stop:
                stop = self.stash[entry].position
            skip = self.streams[f].delivered - at
            if stop > self.streams[f].delivered:
                self.emit(
                    slot,
                    direction,
                    SEGMENT_DATA,
                    p[i].time_ns,
                    p[i].frame,
                    p[i].payload_off + min(skip, captured),
                    stop - self.streams[f].delivered,
                    max(min(captured, stop - at) - skip, 0),
                    0,
                )
                self.streams[f].delivered = stop
            if entry != NOWHERE:
                self.flush(slot, direction)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def judge_again(
        self,
        slot: cython.longlong,
        direction: cython.longlong,
        p: Packet[::1],
        i: cython.longlong,
        at: cython.longlong,
        end: cython.longlong,
    ) -> cython.void:
        """Payload that lies below the newest byte: sent again, or late."""
        f: cython.longlong = 2 * slot + direction
        now: cython.longlong = p[i].time_ns
        length: cython.longlong = p[i].payload_len
        kind: cython.longlong
        late: cython.bint
        stall_us: cython.longlong = 0
        row: cython.longlong = self.event_count
        if at < 1:
            return  # older than all that the capture knows of this stream: nothing to compare it with
        self.streams[f].timed = 0  # Karn: an ACK now does not say which copy it answers
        if end <= self.streams[f].acked:
            kind = EVENT_SPURIOUS
            self.streams[f].spurious += 1
        elif self.was_captured(f, p[i].seq, length):
            kind = EVENT_RETRANSMISSION
            self.streams[f].retransmitted += 1
            stall_us = micros(now - self.streams[f].progress_ns)
            self.streams[f].progress_ns = now
            if at <= self.streams[f].acked:
                if self.streams[f].unacked != at:
                    self.streams[f].unacked = at
                    self.streams[f].unacked_tries = 1
                    self.streams[f].unacked_len = p[i].payload_len
                self.streams[f].unacked_tries += 1
                if p[i].payload_len < self.streams[f].unacked_len:
                    self.streams[f].unacked_len = p[i].payload_len
            if (
                self.streams[f].candidate
                and at < self.streams[f].candidate
                and length < self.streams[f].candidate_len
            ):
                # sent again in smaller pieces: an ACK would not prove that the large one passes
                self.streams[f].candidate = 0
                self.streams[f].candidate_len = 0
        else:
            # it fills a hole: sent before what overtook it (reordered), or after (lost on the way here)
            if p[i].has_ts and self.streams[f].hole_has_ts and p[i].ts_val != self.streams[f].hole_ts:
                late = diff(p[i].ts_val, self.streams[f].hole_ts) < 0
            elif (
                p[i].ip_id
                and self.streams[f].hole_ip_id
                and abs(id_distance(p[i].ip_id, self.streams[f].hole_ip_id)) < 256
            ):
                late = id_distance(p[i].ip_id, self.streams[f].hole_ip_id) < 0
            else:
                late = now - self.streams[f].hole_ns < self.reorder_ns
                if late and self.flags & FAST_RETRANSMISSION and self.slots[slot].first_rtt_ns:
                    # asked for by duplicate ACKs, and a round trip later: their answer
                    late = now - self.streams[f].hole_ns < self.slots[slot].first_rtt_ns
            if late:
                kind = EVENT_OUT_OF_ORDER
                self.streams[f].out_of_order += 1
            else:
                kind = EVENT_LOST_BEFORE
                self.streams[f].lost_before += 1
                if self.streams[f].hole_ns:
                    stall_us = micros(now - self.streams[f].hole_ns)
                    self.streams[f].hole_ns = now
        self.streams[f].stall_us += stall_us
        self.trouble(f, p[i].frame)
        self.event(slot, direction, kind, now, p[i].frame, at - 1, length)
        if self.event_count > row:
            self.events[row].stall_us = cython.cast(cython.uint, saturated(stall_us))

    # --- what was stored before what it answers ---------------------------------------------------

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def wait(
        self, slot: cython.longlong, direction: cython.longlong, to: cython.longlong, now: cython.longlong
    ) -> cython.void:
        """What this direction sends from now on follows the other one's bytes up to `to`, not seen yet."""
        f: cython.longlong = 2 * slot + direction
        r: cython.longlong = 2 * slot + 1 - direction
        if to <= self.streams[r].next or to > self.streams[r].next + WAIT_BYTES:
            return
        if self.streams[f].waits == 0:
            if self.streams[f].waited_in_vain >= VAIN:
                return
            self.streams[f].waits_ns = now
        if to > self.streams[f].waits:
            self.streams[f].waits = to

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(check=False)
    def has_come(self, s: cython.longlong, to: cython.longlong) -> cython.bint:
        """Whether a stream was handed on up to a position; a FIN takes one."""
        return self.streams[s].delivered >= to or (
            self.streams[s].fin >= 0 and self.streams[s].delivered >= self.streams[s].fin
        )

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def over_wait(self, slot: cython.longlong, now: cython.longlong) -> cython.bint:
        """Whether something of this connection waits longer than packets are stored out of order."""
        s: cython.longlong
        for s in range(2 * slot, 2 * slot + 2):
            if self.streams[s].waits and now - self.streams[s].waits_ns > self.wait_ns:
                return True
        return self.slots[slot].rst_ns != 0 and now - self.slots[slot].rst_ns > self.wait_ns

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def wait_no_more(self, slot: cython.longlong) -> cython.void:
        """What was waited for will not come: hand on all that waits."""
        d: cython.longlong
        for d in range(2):
            if self.streams[2 * slot + d].waits:
                self.give_up_read(slot, 1 - d)
            if self.streams[2 * slot + d].waits:
                self.stop_waiting(
                    slot,
                    d,
                    self.slots[slot].last_ns,
                    self.connections[self.slots[slot].connection].last_frame,
                )
        self.hand_on_rst(slot)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def stop_waiting(
        self, slot: cython.longlong, direction: cython.longlong, now: cython.longlong, frame: cython.longlong
    ) -> cython.void:
        """Hand on what waited in vain."""
        f: cython.longlong = 2 * slot + direction
        self.streams[f].waits = 0
        if self.streams[f].waited_in_vain < 255:
            self.streams[f].waited_in_vain += 1
        self.hand_on_held(slot, direction, now, frame)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def waited(
        self, slot: cython.longlong, direction: cython.longlong, now: cython.longlong, frame: cython.longlong
    ) -> cython.void:
        """What was waited for has come: hand on what answers it."""
        f: cython.longlong = 2 * slot + direction
        row: cython.longlong = self.slots[slot].connection
        acked: cython.longlong = self.acked_bytes(2 * slot + 1 - direction)
        self.crossed += 1
        if self.connections[row].flags & ((CONN_FIN_CLIENT | CONN_RST_CLIENT) << direction):
            # its close acknowledged these bytes before they were seen
            if direction == 0:
                self.connections[row].client_close_acked = cython.cast(
                    cython.uint, min(acked, self.streams[f].waits - 1) & MASK32
                )
            else:
                self.connections[row].server_close_acked = cython.cast(
                    cython.uint, min(acked, self.streams[f].waits - 1) & MASK32
                )
        self.streams[f].waits = 0
        self.streams[f].waited_in_vain = 0
        self.hand_on_held(slot, direction, now, frame)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def hand_on_held(
        self, slot: cython.longlong, direction: cython.longlong, now: cython.longlong, frame: cython.longlong
    ) -> cython.void:
        """What this direction held back while it waited, in order."""
        self.flush(slot, direction)
        self.end_in_order(slot, direction, now, frame)
        self.rst_in_turn(slot)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def rst_in_turn(self, slot: cython.longlong) -> cython.void:
        """Hand on the RST once all that was sent before it was."""
        f: cython.longlong = 2 * slot + self.slots[slot].rst_from
        if (
            self.slots[slot].rst_ns
            and self.streams[f].waits == 0
            and (self.slots[slot].rst_at <= self.streams[f].delivered)
        ):
            self.hand_on_rst(slot)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def hand_on_rst(self, slot: cython.longlong) -> cython.void:
        if self.slots[slot].rst_ns:
            self.emit(
                slot,
                self.slots[slot].rst_from,
                SEGMENT_RST,
                self.slots[slot].rst_ns,
                self.slots[slot].rst_frame,
                0,
                0,
                0,
                0,
            )
            self.slots[slot].rst_ns = 0

    # --- holes -----------------------------------------------------------------------------------

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def keep(
        self,
        slot: cython.longlong,
        direction: cython.longlong,
        p: Packet[::1],
        i: cython.longlong,
        at: cython.longlong,
        end: cython.longlong,
    ) -> cython.void:
        """Stash payload that overtook a hole; of overlapping copies the first captured one stays."""
        f: cython.longlong = 2 * slot + direction
        begin: cython.longlong = at
        before: cython.longlong = NOWHERE
        entry: cython.longlong = self.streams[f].stash_first
        last: cython.longlong = self.streams[f].stash_last
        stop: cython.longlong
        if last != NOWHERE and self.stash[last].position + self.stash[last].length <= at:
            before = last  # the usual case: behind all the others
            entry = NOWHERE
        while at < end:
            while entry != NOWHERE and self.stash[entry].position + self.stash[entry].length <= at:
                before = entry
                entry = self.stash[entry].next
            stop = end
            if entry != NOWHERE:
                if self.stash[entry].position <= at:
                    at = self.stash[entry].position + self.stash[entry].length
                    continue
                if self.stash[entry].position < stop:
                    stop = self.stash[entry].position
            if stop - at > BLOCK:
                stop = at + BLOCK
            before = self.store(f, before, entry, p, i, at, stop, at - begin)
            if before == NOWHERE:
                # no room: give up the first hole, and hand on what waits behind it
                self.stash_full += 1
                self.streams[f].waits = 0
                if self.streams[f].stash_first == NOWHERE:
                    self.gap(slot, direction, at)
                else:
                    self.skip_to_stash(slot, direction)
                    self.flush(slot, direction)
                if at <= self.streams[f].delivered:
                    self.in_order(slot, direction, p, i, begin, end)
                    return
                entry = self.streams[f].stash_first
                continue
            at = stop

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def store(
        self,
        f: cython.longlong,
        before: cython.longlong,
        after: cython.longlong,
        p: Packet[::1],
        i: cython.longlong,
        at: cython.longlong,
        stop: cython.longlong,
        skip: cython.longlong,
    ) -> cython.longlong:
        """Put one piece between two others; returns its block, or NONE when the stash is full."""
        block: cython.longlong
        k: cython.longlong
        n: cython.longlong
        source: cython.longlong
        if self.streams[f].stash_count >= self.pieces_per_stream:
            return NOWHERE
        block = self.free_stash
        if block != NOWHERE:
            self.free_stash = self.stash[block].next
        elif self.stash_high < self.stash.shape[0]:
            block = self.stash_high
            self.stash_high += 1
        else:
            return NOWHERE
        self.stash_used += 1
        n = min(cython.cast(cython.longlong, p[i].captured_len) - skip, stop - at)
        if n < 0:
            n = 0
        source = p[i].payload_off + skip
        for k in range(n):
            self.stash_bytes[block * BLOCK + k] = self.data[source + k]
        self.stash[block].position = at
        self.stash[block].time_ns = p[i].time_ns
        self.stash[block].frame = p[i].frame
        self.stash[block].length = cython.cast(cython.uint, stop - at)
        self.stash[block].captured = cython.cast(cython.uint, n)
        self.stash[block].next = cython.cast(cython.uint, after)
        if before == NOWHERE:
            self.streams[f].stash_first = cython.cast(cython.uint, block)
        else:
            self.stash[before].next = cython.cast(cython.uint, block)
        if after == NOWHERE:
            self.streams[f].stash_last = cython.cast(cython.uint, block)
        self.streams[f].stash_count += 1
        return block

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def flush(self, slot: cython.longlong, direction: cython.longlong) -> cython.void:
        """Hand on the stashed pieces that are now in order."""
        f: cython.longlong = 2 * slot + direction
        entry: cython.longlong = self.streams[f].stash_first
        skip: cython.longlong
        end: cython.longlong
        while entry != NOWHERE and self.stash[entry].position <= self.streams[f].delivered:
            end = self.stash[entry].position + self.stash[entry].length
            if end > self.streams[f].delivered:
                skip = self.streams[f].delivered - self.stash[entry].position
                self.emit(
                    slot,
                    direction,
                    SEGMENT_DATA,
                    self.stash[entry].time_ns,
                    self.stash[entry].frame,
                    entry * BLOCK + min(skip, cython.cast(cython.longlong, self.stash[entry].captured)),
                    end - self.streams[f].delivered,
                    max(cython.cast(cython.longlong, self.stash[entry].captured) - skip, 0),
                    1,
                )
                self.streams[f].delivered = end
            self.streams[f].stash_first = self.stash[entry].next
            self.stash[entry].next = cython.cast(cython.uint, NOWHERE)
            if self.spent_first == NOWHERE:
                self.spent_first = entry
            else:
                self.stash[self.spent_last].next = cython.cast(cython.uint, entry)
            self.spent_last = entry
            self.spent_count += 1
            self.stash_used -= 1
            self.streams[f].stash_count -= 1
            entry = self.streams[f].stash_first
        if entry == NOWHERE:
            self.streams[f].stash_last = cython.cast(cython.uint, NOWHERE)
            self.streams[f].hole_ns = 0
            if self.streams[f].acked <= self.streams[f].next:
                self.streams[f].hole_acked_ns = 0
        elif self.streams[f].acked <= self.streams[f].delivered:
            self.streams[f].hole_acked_ns = 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def gap(self, slot: cython.longlong, direction: cython.longlong, to: cython.longlong) -> cython.void:
        """Mark the bytes from what was delivered up to `to` as not in the capture."""
        f: cython.longlong = 2 * slot + direction
        row: cython.longlong = self.slots[slot].connection
        length: cython.longlong = to - self.streams[f].delivered
        known: cython.longlong
        if length <= 0:
            return
        if self.streams[2 * slot + 1 - direction].waits:
            # what the other stream waits for is lost, not late
            self.stop_waiting(slot, 1 - direction, self.slots[slot].last_ns, self.connections[row].last_frame)
        known = min(to, cython.cast(cython.longlong, self.streams[f].acked)) - self.streams[f].delivered
        if known > 0:
            self.streams[f].missing_bytes += known
            self.event(
                slot,
                direction,
                EVENT_MISSING,
                self.slots[slot].last_ns,
                self.connections[row].last_frame,
                self.streams[f].delivered - 1,
                known,
            )
        self.connections[row].flags |= CONN_GAP
        self.event(
            slot,
            direction,
            EVENT_GAP,
            self.slots[slot].last_ns,
            self.connections[row].last_frame,
            self.streams[f].delivered - 1,
            length,
        )
        self.emit(
            slot,
            direction,
            SEGMENT_GAP,
            self.slots[slot].last_ns,
            self.connections[row].last_frame,
            0,
            length,
            0,
            0,
        )
        if self.streams[f].gap_to != self.streams[f].delivered:
            self.streams[f].gap_from = self.streams[f].delivered
        self.streams[f].gap_to = to
        self.streams[f].delivered = to
        if to > self.streams[f].next:
            self.streams[f].next = to

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def skip_to_stash(self, slot: cython.longlong, direction: cython.longlong) -> cython.void:
        """Give up the hole before the first stashed piece."""
        f: cython.longlong = 2 * slot + direction
        if self.streams[f].stash_first != NOWHERE:
            self.gap(slot, direction, self.stash[self.streams[f].stash_first].position)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def give_up_acked(self, slot: cython.longlong, direction: cython.longlong) -> cython.void:
        """Give up the holes that the peer acknowledged: the capture will not hold their bytes any more."""
        f: cython.longlong = 2 * slot + direction
        to: cython.longlong
        self.streams[f].hole_acked_ns = 0
        while self.streams[f].stash_first != NOWHERE and self.streams[f].acked > self.streams[f].delivered:
            to = self.stash[self.streams[f].stash_first].position
            self.gap(slot, direction, min(to, cython.cast(cython.longlong, self.streams[f].acked)))
            self.flush(slot, direction)
        if (
            self.streams[f].stash_first == NOWHERE
            and self.streams[f].acked > self.streams[f].next
            and self.streams[f].fin < 0
        ):
            self.gap(slot, direction, self.streams[f].acked)
        to = min(cython.cast(cython.longlong, self.streams[f].acked), self.streams[f].fin)
        if self.streams[f].stash_first == NOWHERE and to > self.streams[f].delivered:
            self.gap(slot, direction, to)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def give_up_read(self, slot: cython.longlong, direction: cython.longlong) -> cython.void:
        """Who closes or answers has read what is missing here: more than a FIN, which takes one number."""
        f: cython.longlong = 2 * slot + direction
        if self.streams[f].known == 1 and self.streams[f].acked > self.streams[f].delivered + 1:
            self.give_up_acked(slot, direction)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def give_up_holes(self, slot: cython.longlong, direction: cython.longlong) -> cython.void:
        """The connection is over: hand on all that still waits."""
        f: cython.longlong = 2 * slot + direction
        while self.streams[f].stash_first != NOWHERE:
            self.skip_to_stash(slot, direction)
            self.flush(slot, direction)
        if self.streams[f].known and self.streams[f].acked > self.streams[f].delivered:
            # a FIN takes a number too: only what lies before it is missing data
            if self.streams[f].fin >= 0:
                self.gap(
                    slot,
                    direction,
                    min(
                        cython.cast(cython.longlong, self.streams[f].acked),
                        cython.cast(cython.longlong, self.streams[f].fin),
                    ),
                )
            elif self.streams[f].acked - self.streams[f].delivered > 1:
                self.gap(slot, direction, self.streams[f].acked)
        self.end_in_order(
            slot,
            direction,
            self.slots[slot].last_ns,
            self.connections[self.slots[slot].connection].last_frame,
        )

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def end_in_order(
        self, slot: cython.longlong, direction: cython.longlong, now: cython.longlong, frame: cython.longlong
    ) -> cython.void:
        """Hand on the FIN once all before it was."""
        f: cython.longlong = 2 * slot + direction
        if (
            self.streams[f].fin >= 0
            and not self.streams[f].fin_sent
            and self.streams[f].waits == 0
            and self.streams[f].delivered >= self.streams[f].fin
        ):
            self.streams[f].fin_sent = 1
            self.emit(slot, direction, SEGMENT_FIN, now, frame, 0, 0, 0, 0)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def id_distance(a: cython.longlong, b: cython.longlong) -> cython.longlong:
    """a - b of two IP ids, as the signed distance between them."""
    d: cython.longlong = (a - b) & 0xFFFF
    return d - 0x10000 if d >= 0x8000 else d


@cython.cfunc
def setattr_table(tracker: Tracker, name: str, table: object) -> None:
    if name == "connections":
        tracker.connections = table
    elif name == "troubles":
        tracker.troubles = table
    elif name == "events":
        tracker.events = table
    elif name == "segments":
        tracker.segments = table
    elif name == "address_hi":
        tracker.address_hi = table
    elif name == "address_lo":
        tracker.address_lo = table
    elif name == "slots":
        tracker.slots = table
    elif name == "streams":
        tracker.streams = table
    elif name == "recent":
        tracker.recent = table
    elif name == "buckets":
        tracker.buckets = table
    elif name == "address_buckets":
        tracker.address_buckets = table
    elif name == "stash":
        tracker.stash = table
    elif name == "stash_bytes":
        tracker.stash_bytes = table
    else:
        raise ValueError(f"no table {name!r}")
