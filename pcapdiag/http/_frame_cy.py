# cython: boundscheck=True, wraparound=False, initializedcheck=False
# cython: show_performance_hints=False
"""Kernel: in-order bytes -> HTTP/1.x messages -> exchanges (RFC 9112).

One `Framer` holds the framing of all live connections. It reads each head line by line and skips bodies
without looking at them. Rules it keeps:

* It frames, and marks what HTTP/1.1 forbids (REQ_BAD, RSP_BAD); why it is forbidden is said on the cold path.
* A gap inside a body of known length is counted over; any other gap ends the message (END_GAP), and framing
  begins again at the next segment that begins with a start line.
* A message cut by its connection's end says how (END_*); one merely unfinished when the capture ended is
  END_OPEN, and nobody may judge it.
* An unfinished line waits in one block; of a longer line the block keeps the beginning, and the rest is
  counted.
"""

from __future__ import annotations

import cython
from cython.cimports.libc.string import memchr
from cython.cimports.pcapdiag.tables import (
    CONN_DATA_CLIENT,
    CONN_DATA_SERVER,
    CONN_GUESSED,
    CONN_SWAPPED,
    CONN_SYNACK,
    END_BY_CLOSE,
    END_COMPLETE,
    END_FIN,
    END_GAP,
    END_MALFORMED,
    END_NONE,
    END_OPEN,
    END_RST_RECEIVER,
    END_RST_SENDER,
    END_UPGRADED,
    PROTOCOL_HTTP,
    PROTOCOL_HTTP2,
    PROTOCOL_NONE,
    PROTOCOL_OTHER,
    PROTOCOL_TLS,
    REQ_BAD,
    REQ_CHUNKED,
    REQ_CLOSE,
    REQ_EXPECT,
    REQ_EXTRA,
    REQ_FORWARDED,
    REQ_GARBLED,
    REQ_HEALTH,
    REQ_HOST_IP,
    REQ_HTTP10,
    REQ_LENGTH,
    REQ_NO_HOST,
    REQ_PIPELINED,
    REQ_RESYNC,
    REQ_SEEN,
    REQ_TE_OTHER,
    REQ_UPGRADE,
    RSP_BAD,
    RSP_CHUNKED,
    RSP_CLOSE,
    RSP_EARLY,
    RSP_EXTRA,
    RSP_HTTP10,
    RSP_INTERIM,
    RSP_LENGTH,
    RSP_NO_BODY,
    RSP_RESYNC,
    RSP_SEEN,
    RSP_THROTTLED,
    RSP_TLS,
    SEGMENT_CLOSE,
    SEGMENT_DATA,
    SEGMENT_FIN,
    SEGMENT_GAP,
    SEGMENT_OPEN,
    SEGMENT_RST,
    Connection,
    Exchange,
    HttpSlot,
    HttpStream,
    Segment,
)

NOWHERE = cython.declare(cython.longlong, 0xFFFFFFFF)
MASK32 = cython.declare(cython.longlong, 0xFFFFFFFF)
LINE = cython.declare(cython.longlong, 4096)  # bytes kept of a line that spans segments
TARGET = cython.declare(cython.longlong, 1024)  # bytes kept of a request target
PROBES = cython.declare(cython.longlong, 128)  # places looked at for a string before it is dropped
LONGEST = cython.declare(cython.longlong, 1 << 60)  # a length at or above this is no length

# states of a direction
START = cython.declare(cython.int, 0)  # before a start line
HEADERS = cython.declare(cython.int, 1)
BODY = cython.declare(cython.int, 2)  # `remaining` bytes of body to come
CHUNK_SIZE = cython.declare(cython.int, 3)
CHUNK_DATA = cython.declare(cython.int, 4)
CHUNK_END = cython.declare(cython.int, 5)
TRAILERS = cython.declare(cython.int, 6)
UNTIL_CLOSE = cython.declare(cython.int, 7)
OPAQUE = cython.declare(cython.int, 8)  # not HTTP, or a tunnel
LOST = cython.declare(cython.int, 9)  # framing lost: a segment that begins with a start line finds it again

STATUS_END = cython.declare(cython.longlong, 13)  # "HTTP/1.1 503 ": what follows is the reason phrase
SOON = cython.declare(
    cython.longlong, 20_000
)  # ns: nobody answers, and is asked again, in this or a round trip
GAPPED = cython.declare(cython.longlong, -1)  # `remaining` of a direction lost to a gap, not by its sender

FNV_START = cython.declare(cython.longlong, 2166136261)
FNV_PRIME = cython.declare(cython.longlong, 16777619)


def fnv1a(text: bytes) -> int:
    """FNV-1a, 32 bits, of lower-cased bytes; 0 is given as 1."""
    h = 2166136261
    for byte in text.lower():
        h = ((h ^ byte) * 16777619) & 0xFFFFFFFF
    return h or 1


CONTENT_LENGTH = cython.declare(cython.longlong, fnv1a(b"content-length"))
TRANSFER_ENCODING = cython.declare(cython.longlong, fnv1a(b"transfer-encoding"))
CONNECTION = cython.declare(cython.longlong, fnv1a(b"connection"))
HOST = cython.declare(cython.longlong, fnv1a(b"host"))
EXPECT = cython.declare(cython.longlong, fnv1a(b"expect"))
UPGRADE = cython.declare(cython.longlong, fnv1a(b"upgrade"))
USER_AGENT = cython.declare(cython.longlong, fnv1a(b"user-agent"))
SERVER = cython.declare(cython.longlong, fnv1a(b"server"))
FORWARDED_FOR = cython.declare(cython.longlong, fnv1a(b"x-forwarded-for"))
FORWARDED = cython.declare(cython.longlong, fnv1a(b"forwarded"))
VIA = cython.declare(cython.longlong, fnv1a(b"via"))
AMZN_TRACE = cython.declare(cython.longlong, fnv1a(b"x-amzn-trace-id"))
TRACEPARENT = cython.declare(cython.longlong, fnv1a(b"traceparent"))
REQUEST_ID = cython.declare(cython.longlong, fnv1a(b"x-request-id"))
QPS_LIMITED = cython.declare(cython.longlong, fnv1a(b"alb-qps-limited"))
CLOSE = cython.declare(cython.longlong, fnv1a(b"close"))
KEEP_ALIVE = cython.declare(cython.longlong, fnv1a(b"keep-alive"))
CHUNKED = cython.declare(cython.longlong, fnv1a(b"chunked"))
IDENTITY = cython.declare(cython.longlong, fnv1a(b"identity"))
ELB_CHECKER = cython.declare(cython.longlong, fnv1a(b"elb-healthchecker"))
# lengths of the field names above, as bits
NAME_LENGTHS = cython.declare(
    cython.longlong,
    1 << 14 | 1 << 17 | 1 << 10 | 1 << 4 | 1 << 6 | 1 << 7 | 1 << 15 | 1 << 9 | 1 << 3 | 1 << 11 | 1 << 12,
)
METHOD_HASHES = cython.declare(
    cython.longlong[12],
    [
        0,
        fnv1a(b"GET"),
        fnv1a(b"HEAD"),
        fnv1a(b"POST"),
        fnv1a(b"PUT"),
        fnv1a(b"DELETE"),
        fnv1a(b"CONNECT"),
        fnv1a(b"OPTIONS"),
        fnv1a(b"TRACE"),
        fnv1a(b"PATCH"),
        fnv1a(b"PRI"),
        0,
    ],
)
METHOD_HEAD = cython.declare(cython.int, 2)
METHOD_CONNECT = cython.declare(cython.int, 6)
METHOD_PRI = cython.declare(cython.int, 10)
METHOD_OTHER = cython.declare(cython.int, 11)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def micros(ns: cython.longlong) -> cython.longlong:
    us: cython.longlong = ns // 1000
    if us < 0:
        return 0
    return us if us < MASK32 else MASK32 - 1


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def lower(c: cython.longlong) -> cython.longlong:
    return c + 32 if 65 <= c <= 90 else c


def token_byte(c: int) -> int:
    """The lower case of a tchar (RFC 9110 §5.6.2), 0 of any other byte."""
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
    return ord(chr(c).lower()) if chr(c) in letters + "!#$%&'*+-.^_`|~" else 0


TOKEN = cython.declare(cython.uchar[256], [token_byte(c) for c in range(256)])


@cython.cclass
class Framer:
    """Framing state and the exchange table; see ``pcapdiag.http.framing`` for sizes and growth."""

    exchanges: Exchange[::1]
    connections: Connection[::1]
    slots: HttpSlot[::1]
    streams: HttpStream[::1]
    lines: cython.uchar[::1]
    line_next: cython.uint[::1]
    arena: cython.uchar[::1]
    string_start: cython.longlong[::1]
    string_length: cython.uint[::1]
    string_hash: cython.uint[::1]
    string_buckets: cython.uint[::1]
    servers: cython.uint[::1]
    # input
    data: cython.const[cython.uchar][::1]
    stash: cython.const[cython.uchar][::1]
    src: cython.const[cython.uchar][::1]
    src_is: cython.int  # 0 the batch, 1 the stash, 2 the kept lines

    exchange_count = cython.declare(cython.longlong, visibility="public")
    string_count = cython.declare(cython.longlong, visibility="public")
    arena_used = cython.declare(cython.longlong, visibility="public")
    server_count = cython.declare(cython.longlong, visibility="public")
    lines_dropped = cython.declare(cython.longlong, visibility="public")
    strings_dropped = cython.declare(cython.longlong, visibility="public")
    strings_bounded = cython.declare(cython.bint, visibility="public")  # the string table grows no more
    resume = cython.declare(cython.longlong, visibility="public")
    free_line: cython.longlong
    line_high: cython.longlong
    # where the bytes in hand come from
    now: cython.longlong
    frame: cython.longlong

    def __init__(self) -> None:
        self.exchange_count = self.arena_used = self.lines_dropped = self.strings_dropped = self.resume = 0
        self.string_count = self.server_count = 0
        self.strings_bounded = False
        self.free_line = NOWHERE
        self.line_high = 0
        self.src_is = -1
        self.now = self.frame = 0

    def bind(self, name: str, table: object) -> None:
        """Give (or exchange for a larger one) the table of this name."""
        bind_table(self, name, table)

    def run(
        self,
        data: cython.const[cython.uchar][::1],
        stash: cython.const[cython.uchar][::1],
        segments: Segment[::1],
        start: cython.longlong,
        stop: cython.longlong,
    ) -> cython.longlong:
        """Frame segments[start:stop]; returns the first one not (wholly) framed: `stop` when done, less when
        a table is full; called again after the table grew, it goes on where it stopped."""
        i: cython.longlong = start
        self.data = data
        self.stash = stash
        self.src_is = -1
        with cython.nogil:
            while i < stop:
                if not self.step(segments, i):
                    break
                i += 1
        return i

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def use(self, which: cython.int) -> cython.void:
        """Read from the batch (0), the stash (1) or the kept lines (2)."""
        if self.src_is == which:
            return
        self.src_is = which
        if which == 0:
            self.src = self.data
        elif which == 1:
            self.src = self.stash
        else:
            self.src = self.lines

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def step(self, segs: Segment[::1], i: cython.longlong) -> cython.bint:
        """One segment; False when a table is full."""
        slot: cython.longlong = segs[i].slot
        kind: cython.int = segs[i].kind
        direction: cython.longlong
        s: cython.longlong
        ok: cython.bint
        if kind == SEGMENT_OPEN:
            self.open(slot, segs[i].connection)
            return True
        if self.slots[slot].open == 0:
            return True
        direction = segs[i].direction
        self.now = segs[i].time_ns
        self.frame = segs[i].frame
        if (
            kind == SEGMENT_DATA
            and self.slots[slot].protocol == PROTOCOL_NONE
            and segs[i].captured > 0
            and (
                not self.streams[2 * slot + direction].sniffed
                or self.streams[2 * slot + direction].state == OPAQUE  # closed before its first bytes came
            )
        ):
            self.use(1 if segs[i].stashed else 0)
            self.place(slot, direction, segs[i].off, segs[i].off + segs[i].captured)
        direction ^= self.slots[slot].swapped
        s = 2 * slot + direction
        if kind == SEGMENT_DATA:
            if self.streams[s].state == OPAQUE and self.streams[s].sniffed:
                return True
            self.use(1 if segs[i].stashed else 0)
            ok = self.feed(slot, direction, segs[i].off + self.resume, segs[i].off + segs[i].captured)
            if not ok:
                return False
            self.resume = 0
            if segs[i].captured < segs[i].length:
                self.gap(slot, direction, segs[i].length - segs[i].captured)
        elif kind == SEGMENT_GAP:
            self.gap(slot, direction, segs[i].length)
        elif kind == SEGMENT_FIN:
            self.fin(slot, direction)
        elif kind == SEGMENT_RST:
            self.rst(slot, direction)
        elif kind == SEGMENT_CLOSE:
            self.close(slot)
        return True

    # --- a connection's life ------------------------------------------------------------------------

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def open(self, slot: cython.longlong, connection: cython.longlong) -> cython.void:
        s: cython.longlong
        self.slots[slot].oldest = cython.cast(cython.uint, NOWHERE)
        self.slots[slot].newest = cython.cast(cython.uint, NOWHERE)
        self.slots[slot].connection = cython.cast(cython.uint, connection)
        self.slots[slot].protocol = PROTOCOL_NONE
        self.slots[slot].swapped = 0
        self.slots[slot].ended = END_NONE
        self.slots[slot].open = 1
        for s in range(2 * slot, 2 * slot + 2):
            self.streams[s].state = cython.cast(
                cython.uchar, LOST if self.connections[connection].flags & CONN_GUESSED else START
            )
            self.streams[s].line = cython.cast(cython.uint, NOWHERE)
            self.streams[s].line_total = 0
            self.streams[s].exchange = cython.cast(cython.uint, NOWHERE)
            self.streams[s].sniffed = 0
            self.streams[s].remaining = 0
            self.streams[s].first_ns = 0
            self.streams[s].first_frame = 0
            self.streams[s].flags = 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def place(
        self, slot: cython.longlong, direction: cython.longlong, start: cython.longlong, end: cython.longlong
    ) -> cython.void:
        """By the first bytes of a connection: which protocol it speaks, and, where the roles were guessed,
        which side is the client."""
        row: cython.longlong = self.slots[slot].connection
        guessed: cython.bint = (self.connections[row].flags & CONN_GUESSED) != 0
        request: cython.bint = self.begins_request(start, end)
        response: cython.bint = self.begins_response(start, end)
        protocol: cython.int = PROTOCOL_NONE
        if request or response:
            protocol = PROTOCOL_HTTP
            if guessed and (direction == 1 if request else direction == 0):
                self.slots[slot].swapped = 1
                self.connections[row].flags |= CONN_SWAPPED
            if request and self.is_preface(start, end):
                protocol = PROTOCOL_HTTP2
                self.streams[2 * slot].state = cython.cast(cython.uchar, OPAQUE)
                self.streams[2 * slot + 1].state = cython.cast(cython.uchar, OPAQUE)
        elif self.is_tls(start, end):
            protocol = PROTOCOL_TLS
            if guessed:
                self.streams[2 * slot].sniffed = 1
                self.streams[2 * slot + 1].sniffed = 1
                self.streams[2 * slot].state = cython.cast(cython.uchar, OPAQUE)
                self.streams[2 * slot + 1].state = cython.cast(cython.uchar, OPAQUE)
        elif not guessed:
            if self.is_part_of_method(start, end) if direction == 0 else self.is_part_of_http(start, end):
                return  # too few bytes to tell: the start line will
            protocol = PROTOCOL_OTHER
        if protocol != PROTOCOL_NONE:
            self.speaks(slot, protocol)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def speaks(self, slot: cython.longlong, protocol: cython.int) -> cython.void:
        self.slots[slot].protocol = cython.cast(cython.uchar, protocol)
        self.connections[self.slots[slot].connection].protocol = cython.cast(cython.uchar, protocol)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def is_tls(self, start: cython.longlong, end: cython.longlong) -> cython.bint:
        """A TLS record header: type, major version 3, a length within bounds (RFC 8446 §5.1)."""
        if end - start < 5:
            return False
        return (
            20 <= self.src[start] <= 23
            and self.src[start + 1] == 3
            and self.src[start + 2] <= 4
            and self.src[start + 3] <= 0x48
        )

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def is_preface(self, start: cython.longlong, end: cython.longlong) -> cython.bint:
        """Whether these bytes begin as HTTP/2 does: "PRI * " (RFC 9113 §3.4)."""
        return (
            end - start >= 14
            and self.src[start] == 80
            and self.src[start + 1] == 82
            and self.src[start + 2] == 73
            and self.src[start + 3] == 32
            and self.src[start + 4] == 42
            and self.src[start + 5] == 32
        )

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def begins_response(self, start: cython.longlong, end: cython.longlong) -> cython.bint:
        """Whether these bytes can begin a status line."""
        n: cython.longlong = end - start
        if n < 5:
            return False
        if (
            self.src[start] != 72
            or self.src[start + 1] != 84
            or self.src[start + 2] != 84
            or self.src[start + 3] != 80
            or self.src[start + 4] != 47
        ):
            return False
        return n < 6 or 48 <= self.src[start + 5] <= 57

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def begins_request(self, start: cython.longlong, end: cython.longlong) -> cython.bint:
        """Whether these bytes can begin a request line: a known method and a space, a whole line that names a
        version, or as much of one as there is."""
        k: cython.longlong = start
        c: cython.longlong
        h: cython.longlong = FNV_START
        line_end: cython.longlong
        while k < end and k - start < 24:
            c = TOKEN[self.src[k]]
            if c == 0:
                break
            h = ((h ^ c) * FNV_PRIME) & MASK32
            k += 1
        if k == start or k >= end or self.src[k] != 32:
            return False
        if self.method_of(h) != METHOD_OTHER and 65 <= self.src[start] <= 90:
            return not self.is_kin(k + 1, end)
        line_end = self.find(10, k, end)
        if line_end < 0:
            # the line goes on: capitals, and what a target begins with
            return (
                self.all_capitals(start, k)
                and k + 1 < end
                and (self.src[k + 1] == 47 or self.src[k + 1] == 42)
            )
        if line_end > k and self.src[line_end - 1] == 13:
            line_end -= 1
        # " HTTP/1.1"
        return (
            line_end - k >= 9
            and self.src[line_end - 9] == 32
            and lower(self.src[line_end - 8]) == 104
            and self.src[line_end - 4] == 47
        )

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def is_kin(self, target: cython.longlong, end: cython.longlong) -> cython.bint:
        """Whether a target is one of the protocols that borrowed HTTP's methods: `rtsp:` (RFC 2326), `sip:`
        (RFC 3261), `icap:` (RFC 3507); or `*` with another version than HTTP's behind it."""
        k: cython.longlong = target
        scheme: cython.longlong = 0
        if end - target < 8:
            return False
        if self.src[k] == 42 and self.src[k + 1] == 32:
            return lower(self.src[k + 2]) != 104
        while k < target + 4 and self.src[k] != 58:
            scheme = scheme << 8 | lower(self.src[k])
            k += 1
        if lower(self.src[k]) == 115:  # rtsps, sips is read whole
            k += 1
        return self.src[k] == 58 and scheme in (0x72747370, 0x69636170, 0x736970, 0x73697073)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def method_of(self, h: cython.longlong) -> cython.int:
        m: cython.int
        for m in range(1, 11):
            if METHOD_HASHES[m] == h:
                return m
        return METHOD_OTHER

    @cython.cfunc
    @cython.inline
    @cython.nogil
    @cython.exceptval(check=False)
    def find(self, byte: cython.longlong, start: cython.longlong, end: cython.longlong) -> cython.longlong:
        """Where `byte` first stands in src[start:end], or -1."""
        k: cython.longlong
        if start >= end or end > self.src.shape[0]:
            return -1
        if cython.compiled:
            base: cython.p_const_uchar = cython.address(self.src[start])
            hit: cython.p_const_uchar = cython.cast(
                cython.p_const_uchar,
                memchr(base, cython.cast(cython.int, byte), cython.cast(cython.size_t, end - start)),
            )
            return start + (hit - base) if hit != cython.NULL else -1
        for k in range(start, end):
            if self.src[k] == byte:
                return k
        return -1

    # --- bytes --------------------------------------------------------------------------------------

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def feed(
        self, slot: cython.longlong, direction: cython.longlong, start: cython.longlong, end: cython.longlong
    ) -> cython.bint:
        """Frame the bytes src[start:end] of a direction; False when a table is full (resume tells where)."""
        s: cython.longlong = 2 * slot + direction
        k: cython.longlong = start
        n: cython.longlong
        state: cython.int
        origin: cython.longlong = start - self.resume
        if k < end and self.streams[s].state == LOST and not self.found_again(slot, direction, k, end):
            return True
        while k < end:
            state = self.streams[s].state
            if state in (BODY, CHUNK_DATA):
                n = min(end - k, cython.cast(cython.longlong, self.streams[s].remaining))
                self.count_body(s, direction, n)
                k += n
                if self.streams[s].remaining == 0:
                    if state == BODY:
                        self.message_end(slot, direction)
                    else:
                        self.streams[s].state = cython.cast(cython.uchar, CHUNK_END)
            elif state == UNTIL_CLOSE:
                self.count_until_close(s, end - k)
                return True
            elif state == OPAQUE:
                return True
            elif state == LOST:
                return True
            else:
                if state == START and self.streams[s].line_total == 0:
                    if self.src[k] == 13 or self.src[k] == 10:
                        k += 1  # empty lines before a start line are ignored (RFC 9112 §2.2)
                        continue
                    if not self.has_room():
                        self.resume = k - origin
                        return False
                    if not self.message_begins(slot, direction, k, end):
                        return True
                k = self.line(slot, direction, k, end)
        return True

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def has_room(self) -> cython.bint:
        if self.exchange_count + 2 > self.exchanges.shape[0]:
            return False
        return self.strings_bounded or (
            self.arena_used + 8192 <= self.arena.shape[0]
            and self.string_count + 8 <= self.string_start.shape[0]
            and 2 * (self.string_count + 8) <= self.string_buckets.shape[0]
        )

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def found_again(
        self, slot: cython.longlong, direction: cython.longlong, start: cython.longlong, end: cython.longlong
    ) -> cython.bint:
        """Whether a lost direction is found again at src[start:end]: it begins with a start line."""
        s: cython.longlong = 2 * slot + direction
        if direction == 0:
            if not self.begins_request(start, end):
                if self.streams[s].first_ns == 0:
                    self.streams[s].first_ns = self.now
                    self.streams[s].first_frame = cython.cast(cython.uint, self.frame)
                return False
        elif not self.begins_response(start, end):
            return False
        self.streams[s].state = cython.cast(cython.uchar, START)
        self.streams[s].remaining = 0
        self.streams[s].flags = REQ_RESYNC if direction == 0 else RSP_RESYNC
        self.streams[s].line_total = 0
        return True

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def count_body(self, s: cython.longlong, direction: cython.longlong, n: cython.longlong) -> cython.void:
        row: cython.longlong = self.streams[s].exchange
        self.streams[s].remaining -= n
        if row == NOWHERE:
            return
        if direction == 0:
            self.exchanges[row].request_body += n
            self.exchanges[row].request_end_us = cython.cast(
                cython.uint, micros(self.now - self.exchanges[row].start_ns)
            )
            self.exchanges[row].request_end_frame = cython.cast(cython.uint, self.frame)
        else:
            self.exchanges[row].response_body += n
            self.exchanges[row].response_end_us = cython.cast(
                cython.uint, micros(self.now - self.exchanges[row].start_ns)
            )
            self.exchanges[row].response_end_frame = cython.cast(cython.uint, self.frame)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def count_until_close(self, s: cython.longlong, n: cython.longlong) -> cython.void:
        row: cython.longlong = self.streams[s].exchange
        if row != NOWHERE:
            self.exchanges[row].response_body += n
            self.exchanges[row].response_end_us = cython.cast(
                cython.uint, micros(self.now - self.exchanges[row].start_ns)
            )
            self.exchanges[row].response_end_frame = cython.cast(cython.uint, self.frame)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def line(
        self, slot: cython.longlong, direction: cython.longlong, k: cython.longlong, end: cython.longlong
    ) -> cython.longlong:
        """Take bytes up to the end of the line (or of the input); returns where to go on."""
        s: cython.longlong = 2 * slot + direction
        stop: cython.longlong = self.find(10, k, end)
        block: cython.longlong = self.streams[s].line
        total: cython.longlong
        kept: cython.longlong
        came_from: cython.int
        if stop >= 0 and block == NOWHERE and self.streams[s].line_total == 0:
            self.take_line(slot, direction, k, stop, stop - k + 1)
            return stop + 1
        total = (stop + 1 if stop >= 0 else end) - k
        if block == NOWHERE and self.streams[s].line_total == 0:
            block = self.free_line
            if block != NOWHERE:
                self.free_line = self.line_next[block]
            elif self.line_high < self.line_next.shape[0]:
                block = self.line_high
                self.line_high += 1
            else:
                self.lines_dropped += 1
            self.streams[s].line = cython.cast(cython.uint, block)
        if block != NOWHERE:
            self.keep_line(block, self.streams[s].line_total, k, total)
        self.streams[s].line_total += total
        if stop < 0:
            return end
        total = self.streams[s].line_total
        self.streams[s].line_total = 0
        self.streams[s].line = cython.cast(cython.uint, NOWHERE)
        if block == NOWHERE:
            self.lose(slot, direction, END_GAP)
            return stop + 1
        kept = min(total, LINE)
        came_from = self.src_is
        self.use(2)
        # the kept part ends before its line feed, or where the block ended
        self.take_line(
            slot, direction, block * LINE, block * LINE + (kept - 1 if total <= LINE else kept), total
        )
        self.use(came_from)
        self.line_next[block] = cython.cast(cython.uint, self.free_line)
        self.free_line = block
        return stop + 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def keep_line(
        self, block: cython.longlong, at: cython.longlong, k: cython.longlong, n: cython.longlong
    ) -> cython.void:
        j: cython.longlong
        room: cython.longlong = LINE - at
        if n < room:
            room = n
        for j in range(room):
            self.lines[block * LINE + at + j] = self.src[k + j]

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def drop_line(self, s: cython.longlong) -> cython.void:
        """Free the block of an unfinished line."""
        block: cython.longlong = self.streams[s].line
        if block != NOWHERE:
            self.line_next[block] = cython.cast(cython.uint, self.free_line)
            self.free_line = block
            self.streams[s].line = cython.cast(cython.uint, NOWHERE)
        self.streams[s].line_total = 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def take_line(
        self,
        slot: cython.longlong,
        direction: cython.longlong,
        start: cython.longlong,
        end: cython.longlong,
        total: cython.longlong,
    ) -> cython.void:
        """One whole line, src[start:end] without its line feed; `total` is its length on the wire."""
        s: cython.longlong = 2 * slot + direction
        state: cython.int = self.streams[s].state
        if end > start and self.src[end - 1] == 13:
            end -= 1
        if state == START:
            self.streams[s].head = cython.cast(cython.uint, min(total, MASK32))
            if direction == 0:
                self.request_line(slot, start, end)
            else:
                self.status_line(slot, start, end)
        elif state == HEADERS:
            self.streams[s].head = cython.cast(cython.uint, min(self.streams[s].head + total, MASK32))
            if end == start:
                self.head_end(slot, direction)
            else:
                self.field(slot, direction, start, end)
        elif state == CHUNK_SIZE:
            self.chunk_size(slot, direction, start, end)
        elif state == CHUNK_END:
            if end == start:
                self.streams[s].state = cython.cast(cython.uchar, CHUNK_SIZE)
            else:
                self.bad_framing(slot, direction)
        elif state == TRAILERS:
            if end == start:
                self.message_end(slot, direction)

    # --- messages -----------------------------------------------------------------------------------

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def message_begins(
        self, slot: cython.longlong, direction: cython.longlong, start: cython.longlong, end: cython.longlong
    ) -> cython.bint:
        """The first byte of what should be a message; False if it is none (the segment's rest is skipped)."""
        s: cython.longlong = 2 * slot + direction
        row: cython.longlong = NOWHERE
        last: cython.longlong = self.slots[slot].newest
        client: cython.longlong = 2 * slot
        self.streams[s].sniffed = 1
        self.streams[s].head = 0
        self.streams[s].status = 0
        if direction == 0:
            self.streams[s].first_ns = self.now
            self.streams[s].first_frame = cython.cast(cython.uint, self.frame)
            if not self.begins_request(start, end) and not self.is_part_of_method(start, end):
                if (
                    last != NOWHERE
                    and (self.exchanges[last].flags & REQ_SEEN)
                    and self.exchanges[last].request_ended == END_COMPLETE
                ):
                    self.exchanges[last].flags |= REQ_EXTRA
                    self.streams[s].state = cython.cast(cython.uchar, LOST)
                else:
                    # not HTTP, unless the answer is: then it was a request too broken to be one
                    self.streams[s].state = cython.cast(cython.uchar, LOST)
                return False
            row = self.answered_already(slot)
            if row == NOWHERE:
                row = self.new_exchange(slot)
            self.exchanges[row].flags |= REQ_SEEN | (self.streams[s].flags & REQ_RESYNC)
            self.exchanges[row].request_frame = cython.cast(cython.uint, self.frame)
            self.streams[s].exchange = cython.cast(cython.uint, row)
            self.streams[s].flags = 0
            return True
        row = self.slots[slot].oldest
        if self.begins_response(start, end) or (end - start < 5 and self.is_part_of_http(start, end)):
            if row != NOWHERE and (self.streams[s].flags & RSP_RESYNC):
                row = self.found_request(slot)
            if row == NOWHERE:
                row = self.unasked(slot)
        else:
            if self.slots[slot].protocol != PROTOCOL_HTTP:
                self.streams[s].state = cython.cast(cython.uchar, OPAQUE)
                self.streams[client].state = cython.cast(cython.uchar, OPAQUE)
                self.streams[client].sniffed = 1
                return False
            if row == NOWHERE:
                if last != NOWHERE:
                    self.exchanges[last].flags |= RSP_EXTRA
                self.streams[s].state = cython.cast(cython.uchar, LOST)
                return False
            # an answer that is no HTTP
            self.exchanges[row].flags |= RSP_SEEN | RSP_BAD
            if self.is_tls(start, end):
                self.exchanges[row].flags |= RSP_TLS
            self.begin_response(row)
            self.exchanges[row].response_end_us = self.exchanges[row].response_start_us
            self.exchanges[row].response_end_frame = cython.cast(cython.uint, self.frame)
            self.exchanges[row].response_ended = END_MALFORMED
            self.streams[s].state = cython.cast(cython.uchar, LOST)
            self.next_outstanding(slot)
            return False
        self.begin_response(row)
        self.exchanges[row].flags |= RSP_SEEN | (self.streams[s].flags & RSP_RESYNC)
        self.streams[s].exchange = cython.cast(cython.uint, row)
        self.streams[s].flags = 0
        return True

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def is_part_of_method(self, start: cython.longlong, end: cython.longlong) -> cython.bint:
        """A short run of capitals that ends with the input, or a space behind it: a method whose target has
        not come."""
        if end - start > 16:
            return False
        if end - start > 1 and self.src[end - 1] == 32:
            end -= 1
        return self.all_capitals(start, end)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def all_capitals(self, start: cython.longlong, end: cython.longlong) -> cython.bint:
        k: cython.longlong = start
        while k < end and 65 <= self.src[k] <= 90:
            k += 1
        return k >= end

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def is_part_of_http(self, start: cython.longlong, end: cython.longlong) -> cython.bint:
        """The input ends within "HTTP/"."""
        k: cython.longlong
        if end - start > 5:
            return False
        for k in range(start, end):
            if k == start and self.src[k] != 72:
                return False
            if (k == start + 1 or k == start + 2) and self.src[k] != 84:
                return False
            if k == start + 3 and self.src[k] != 80:
                return False
            if k == start + 4 and self.src[k] != 47:
                return False
        return True

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def new_exchange(self, slot: cython.longlong) -> cython.longlong:
        """A new row at the end of the connection's chain."""
        row: cython.longlong = self.exchange_count
        connection: cython.longlong = self.slots[slot].connection
        self.exchange_count += 1
        self.exchanges[row].start_ns = self.now
        self.exchanges[row].request_body = 0
        self.exchanges[row].response_body = 0
        self.exchanges[row].request_end_us = cython.cast(cython.uint, MASK32)
        self.exchanges[row].response_start_us = cython.cast(cython.uint, MASK32)
        self.exchanges[row].response_end_us = cython.cast(cython.uint, MASK32)
        self.exchanges[row].request_missing = 0
        self.exchanges[row].response_missing = 0
        self.exchanges[row].request_frame = 0
        self.exchanges[row].request_end_frame = 0
        self.exchanges[row].response_frame = 0
        self.exchanges[row].response_end_frame = 0
        self.exchanges[row].connection = cython.cast(cython.uint, connection)
        self.exchanges[row].next = cython.cast(cython.uint, NOWHERE)
        self.exchanges[row].target = 0
        self.exchanges[row].host = 0
        self.exchanges[row].trace = 0
        self.exchanges[row].forwarded = 0
        self.exchanges[row].request_head = 0
        self.exchanges[row].response_head = 0
        self.exchanges[row].flags = 0
        self.exchanges[row].status = 0
        self.exchanges[row].server = 0
        self.exchanges[row].method = 0
        self.exchanges[row].request_ended = END_NONE
        self.exchanges[row].response_ended = END_NONE
        if self.slots[slot].newest == NOWHERE:
            self.connections[connection].first_exchange = cython.cast(cython.uint, row)
        else:
            self.exchanges[self.slots[slot].newest].next = cython.cast(cython.uint, row)
        self.slots[slot].newest = cython.cast(cython.uint, row)
        self.connections[connection].exchanges += 1
        if self.slots[slot].oldest == NOWHERE:
            self.slots[slot].oldest = cython.cast(cython.uint, row)
        else:
            self.exchanges[row].flags = REQ_PIPELINED
        return row

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def answered_already(self, slot: cython.longlong) -> cython.longlong:
        """The row of the response that came after the request which begins here, but was framed before it:
        the request waited behind bytes that the capture lacks. NOWHERE where there is none."""
        row: cython.longlong = self.slots[slot].newest
        late: cython.longlong
        if (
            row == NOWHERE
            or (self.exchanges[row].flags & (REQ_SEEN | RSP_SEEN)) != RSP_SEEN
            or self.exchanges[row].request_frame
            or self.exchanges[row].request_ended != END_NONE
            or self.exchanges[row].response_frame <= self.frame
        ):
            return NOWHERE
        late = micros(self.exchanges[row].start_ns - self.now)
        self.exchanges[row].start_ns = self.now
        self.exchanges[row].response_start_us = cython.cast(
            cython.uint, min(self.exchanges[row].response_start_us + late, MASK32)
        )
        self.exchanges[row].response_end_us = cython.cast(
            cython.uint, min(self.exchanges[row].response_end_us + late, MASK32)
        )
        return row

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def unasked(self, slot: cython.longlong) -> cython.longlong:
        """A row for a response to no request we framed: bytes that were none, one the capture lacks, or none
        at all (a server that times a silent client out)."""
        c: cython.longlong = 2 * slot
        row: cython.longlong = self.new_exchange(slot)
        if self.slots[slot].protocol != PROTOCOL_HTTP or (
            self.streams[c].state == LOST and self.streams[c].first_ns
        ):
            if self.streams[c].first_ns:
                self.exchanges[row].start_ns = self.streams[c].first_ns
                self.exchanges[row].request_frame = self.streams[c].first_frame
            if self.streams[c].remaining == GAPPED:
                self.exchanges[row].request_ended = END_GAP
            elif not (self.connections[self.slots[slot].connection].flags & CONN_GUESSED):
                self.exchanges[row].flags |= REQ_SEEN | REQ_BAD | REQ_GARBLED
                self.exchanges[row].request_ended = END_MALFORMED
        return row

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def begin_response(self, row: cython.longlong) -> cython.void:
        """The first byte of a response (again after an interim one)."""
        self.exchanges[row].response_start_us = cython.cast(
            cython.uint, micros(self.now - self.exchanges[row].start_ns)
        )
        self.exchanges[row].response_frame = cython.cast(cython.uint, self.frame)
        self.exchanges[row].response_end_us = self.exchanges[row].response_start_us
        self.exchanges[row].response_end_frame = cython.cast(cython.uint, self.frame)
        if self.exchanges[row].flags & REQ_SEEN and self.exchanges[row].request_ended == END_NONE:
            self.exchanges[row].flags |= RSP_EARLY

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def next_outstanding(self, slot: cython.longlong) -> cython.void:
        row: cython.longlong = self.slots[slot].oldest
        if row != NOWHERE:
            self.slots[slot].oldest = self.exchanges[row].next

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def found_request(self, slot: cython.longlong) -> cython.longlong:
        """What the first response after a gap answers: the newest request, for a client that asks one at a
        time had the answers to those before; NOWHERE where the newest came together with others."""
        newest: cython.longlong = self.slots[slot].newest
        before: cython.longlong = NOWHERE
        while self.slots[slot].oldest != newest:
            before = self.slots[slot].oldest
            self.lose_answer(slot)
        if before != NOWHERE and self.came_together(before, newest):
            self.lose_answer(slot)
        return self.slots[slot].oldest

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def came_together(self, before: cython.longlong, after: cython.longlong) -> cython.bint:
        """Whether one request came so soon after another that no answer can have come between them."""
        c: cython.longlong = self.exchanges[after].connection
        apart: cython.longlong = self.exchanges[after].start_ns - self.exchanges[before].start_ns
        trip: cython.longlong = self.connections[c].syn_rtt_us
        if trip == MASK32 or self.connections[c].ack_rtt_us == MASK32:
            return apart < SOON
        return apart < max(SOON, (trip + self.connections[c].ack_rtt_us) * 1000)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def lose_answer(self, slot: cython.longlong) -> cython.void:
        """The oldest request that waits will not find its answer: that lies in a gap."""
        if self.exchanges[self.slots[slot].oldest].response_ended == END_NONE:
            self.exchanges[self.slots[slot].oldest].response_ended = END_GAP
        self.next_outstanding(slot)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def request_line(
        self, slot: cython.longlong, start: cython.longlong, end: cython.longlong
    ) -> cython.void:
        """method SP request-target SP HTTP-version (RFC 9112 §3)."""
        s: cython.longlong = 2 * slot
        row: cython.longlong = self.streams[s].exchange
        k: cython.longlong = start
        h: cython.longlong = FNV_START
        c: cython.longlong
        flags: cython.longlong = 0
        target: cython.longlong
        method: cython.int
        while k < end:
            c = TOKEN[self.src[k]]
            if c == 0:
                break
            h = ((h ^ c) * FNV_PRIME) & MASK32
            k += 1
        method = self.method_of(h)
        if method != METHOD_OTHER and not (65 <= self.src[start] <= 90):
            method = METHOD_OTHER
        if k == start or k >= end or self.src[k] != 32:
            flags |= REQ_BAD
        k += 1
        target = k
        k = self.find(32, target, end)
        if k < 0:
            if end - start < LINE - 2:
                flags |= REQ_BAD  # no version: HTTP/0.9 or garbage
            k = end
        elif (
            end - k != 9
            or not self.begins_response(k + 1, end)
            or self.src[k + 7] != 46
            or not (48 <= self.src[k + 8] <= 57)
        ):
            if end - start < LINE - 2:
                flags |= REQ_BAD
        elif self.src[k + 6] != 49:
            flags |= REQ_BAD
        elif self.src[k + 8] == 48:
            flags |= REQ_HTTP10 | REQ_CLOSE
        if k <= target:
            flags |= REQ_BAD
        if self.find(0, start, end) >= 0 or self.find(13, start, end) >= 0:
            flags |= REQ_BAD
        if self.slots[slot].protocol == PROTOCOL_NONE:
            self.speaks(slot, PROTOCOL_HTTP)
        self.exchanges[row].method = cython.cast(cython.uchar, method)
        if k > target and target <= end:
            self.exchanges[row].target = cython.cast(
                cython.uint, self.intern(target, min(k, target + TARGET))
            )
        self.streams[s].flags = cython.cast(cython.uint, flags)
        self.streams[s].announced = -1
        self.streams[s].chunked = 0
        self.streams[s].hosts = 0
        self.streams[s].state = cython.cast(cython.uchar, HEADERS)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def status_line(self, slot: cython.longlong, start: cython.longlong, end: cython.longlong) -> cython.void:
        """HTTP-version SP status-code SP [reason-phrase] (RFC 9112 §4)."""
        s: cython.longlong = 2 * slot + 1
        row: cython.longlong = self.streams[s].exchange
        flags: cython.longlong = 0
        status: cython.longlong = 0
        k: cython.longlong
        if (
            end - start < 12
            or not self.begins_response(start, end)
            or self.src[start + 5] != 49
            or self.src[start + 6] != 46
            or not (48 <= self.src[start + 7] <= 57)
            or self.src[start + 8] != 32
        ):
            flags = RSP_BAD
        else:
            for k in range(start + 9, start + 12):
                if 48 <= self.src[k] <= 57:
                    status = status * 10 + self.src[k] - 48
                else:
                    flags = RSP_BAD
            if flags & RSP_BAD:
                status = 0
            if status < 100 or (end - start > 12 and self.src[start + 12] != 32):
                flags = RSP_BAD
            if self.src[start + 7] == 48:
                flags |= RSP_HTTP10 | RSP_CLOSE
            if self.find(0, start, end) >= 0 or self.find(13, start, end) >= 0:
                flags |= RSP_BAD
        if self.slots[slot].protocol == PROTOCOL_NONE and not (flags & RSP_BAD):
            self.speaks(slot, PROTOCOL_HTTP)
        self.streams[s].status = cython.cast(cython.ushort, status)
        if status >= 200 or status == 101 or flags & RSP_BAD:
            self.exchanges[row].status = cython.cast(cython.ushort, status)
        self.streams[s].flags = cython.cast(cython.uint, flags)
        self.streams[s].announced = -1
        self.streams[s].chunked = 0
        self.streams[s].state = cython.cast(cython.uchar, HEADERS)
        if flags & RSP_BAD and status == 0:
            self.bad_framing(slot, 1)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def field(
        self, slot: cython.longlong, direction: cython.longlong, start: cython.longlong, end: cython.longlong
    ) -> cython.void:
        """One header field line (RFC 9112 §5)."""
        s: cython.longlong = 2 * slot + direction
        bad: cython.longlong = REQ_BAD if direction == 0 else RSP_BAD
        k: cython.longlong = start
        h: cython.longlong = FNV_START
        c: cython.longlong
        value: cython.longlong
        stop: cython.longlong = end
        if self.src[start] == 32 or self.src[start] == 9:
            return  # a folded line: obsolete, but it belongs to the field before
        while k < end:
            c = TOKEN[self.src[k]]
            if c == 0:
                break
            h = ((h ^ c) * FNV_PRIME) & MASK32
            k += 1
        if k == start or k >= end or self.src[k] != 58:
            self.streams[s].flags |= cython.cast(cython.uint, bad)
            return
        if self.find(13, k, end) >= 0 or self.find(0, k, end) >= 0:
            self.streams[s].flags |= cython.cast(cython.uint, bad)
        if k - start > 17 or not (NAME_LENGTHS >> (k - start)) & 1:
            return
        value = k + 1
        while value < stop and (self.src[value] == 32 or self.src[value] == 9):
            value += 1
        while stop > value and (self.src[stop - 1] == 32 or self.src[stop - 1] == 9):
            stop -= 1
        if direction == 0:
            self.request_field(slot, h, value, stop)
        else:
            self.response_field(slot, h, value, stop)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def request_field(
        self, slot: cython.longlong, h: cython.longlong, start: cython.longlong, end: cython.longlong
    ) -> cython.void:
        s: cython.longlong = 2 * slot
        row: cython.longlong = self.streams[s].exchange
        k: cython.longlong
        if h == CONTENT_LENGTH:
            self.streams[s].flags |= REQ_LENGTH
            if not self.content_length(s, start, end):
                self.streams[s].flags |= REQ_BAD
        elif h == TRANSFER_ENCODING:
            self.transfer_coding(s, start, end)
            if self.streams[s].chunked == 1:
                self.streams[s].flags |= REQ_CHUNKED
            elif self.streams[s].chunked == 2:
                self.streams[s].flags |= REQ_TE_OTHER
        elif h == CONNECTION:
            if self.has_word(start, end, CLOSE):
                self.streams[s].flags |= REQ_CLOSE
            elif self.has_word(start, end, KEEP_ALIVE):
                self.streams[s].flags &= ~REQ_CLOSE
        elif h == HOST:
            if self.streams[s].hosts:
                self.streams[s].flags |= REQ_BAD
                return
            self.streams[s].hosts = 1
            self.exchanges[row].host = cython.cast(cython.uint, self.intern(start, min(end, start + 256)))
            if self.is_address(start, end):
                self.streams[s].flags |= REQ_HOST_IP
        elif h == EXPECT:
            self.streams[s].flags |= REQ_EXPECT
        elif h == UPGRADE:
            self.streams[s].flags |= REQ_UPGRADE
        elif h == USER_AGENT:
            if end - start >= 17 and self.hash(start, start + 17) == ELB_CHECKER:
                self.streams[s].flags |= REQ_HEALTH
        elif h == FORWARDED_FOR:
            self.streams[s].flags |= REQ_FORWARDED
            k = end
            while k > start and self.src[k - 1] != 44:
                k -= 1
            while k < end and self.src[k] == 32:
                k += 1
            self.exchanges[row].forwarded = cython.cast(cython.uint, self.address_hash(k, end))
        elif h in (FORWARDED, VIA):
            self.streams[s].flags |= REQ_FORWARDED
        elif h == AMZN_TRACE:
            # Root=1-67891233-abcdef012345678912345678;...
            k = start
            while k + 5 < end and not (self.src[k] == 82 and self.src[k + 4] == 61):
                k += 1
            if k + 5 < end:
                start = k + 5
                k = start
                while k < end and self.src[k] != 59:
                    k += 1
                self.exchanges[row].trace = cython.cast(cython.uint, self.hash(start, k))
        elif h in (TRACEPARENT, REQUEST_ID) and self.exchanges[row].trace == 0:
            self.exchanges[row].trace = cython.cast(cython.uint, self.hash(start, end))

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def response_field(
        self, slot: cython.longlong, h: cython.longlong, start: cython.longlong, end: cython.longlong
    ) -> cython.void:
        s: cython.longlong = 2 * slot + 1
        row: cython.longlong = self.streams[s].exchange
        if h == CONTENT_LENGTH:
            self.streams[s].flags |= RSP_LENGTH
            if not self.content_length(s, start, end):
                self.streams[s].flags |= RSP_BAD
        elif h == TRANSFER_ENCODING:
            self.transfer_coding(s, start, end)
            if self.streams[s].chunked == 1:
                self.streams[s].flags |= RSP_CHUNKED
        elif h == CONNECTION:
            if self.has_word(start, end, CLOSE):
                self.streams[s].flags |= RSP_CLOSE
            elif self.has_word(start, end, KEEP_ALIVE):
                self.streams[s].flags &= ~RSP_CLOSE
        elif h == SERVER:
            self.exchanges[row].server = cython.cast(cython.ushort, self.server(start, min(end, start + 128)))
        elif h == QPS_LIMITED:
            self.streams[s].flags |= RSP_THROTTLED

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def transfer_coding(
        self, s: cython.longlong, start: cython.longlong, end: cython.longlong
    ) -> cython.void:
        """Note the last transfer coding, which delimits the body: 1 chunked, 2 another (RFC 9112 §6.3)."""
        k: cython.longlong = end
        while k > start and self.src[k - 1] != 44:
            k -= 1
        if self.has_word(k, end, CHUNKED):
            self.streams[s].chunked = 1
        elif not self.has_word(k, end, IDENTITY):
            self.streams[s].chunked = 2

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def content_length(self, s: cython.longlong, start: cython.longlong, end: cython.longlong) -> cython.bint:
        """Note Content-Length: 1*DIGIT, or the same number listed again (RFC 9110 §8.6); False when it is
        neither."""
        n: cython.longlong = -1
        k: cython.longlong
        ok: cython.bint = end > start
        for k in range(start, end):
            if 48 <= self.src[k] <= 57:
                if n < 0:
                    n = 0
                if n < LONGEST // 16:
                    n = n * 10 + self.src[k] - 48
                else:
                    ok = False
            elif self.src[k] == 44:
                if n < 0 or (self.streams[s].announced >= 0 and self.streams[s].announced != n):
                    ok = False
                elif self.streams[s].announced == -1:
                    self.streams[s].announced = n
                n = -1
            elif self.src[k] != 32 and self.src[k] != 9:
                ok = False
        if n < 0 or (self.streams[s].announced >= 0 and self.streams[s].announced != n):
            ok = False
        if not ok:
            self.streams[s].announced = -2
        elif self.streams[s].announced == -1:
            self.streams[s].announced = n
        return ok

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def has_word(self, start: cython.longlong, end: cython.longlong, word: cython.longlong) -> cython.bint:
        """Whether a comma-separated list has this word (by its hash)."""
        k: cython.longlong = start
        c: cython.longlong
        h: cython.longlong = FNV_START
        while k < end:
            c = TOKEN[self.src[k]]
            if c:
                h = ((h ^ c) * FNV_PRIME) & MASK32
            else:
                if h == word:
                    return True
                h = FNV_START
            k += 1
        return h == word

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def hash(self, start: cython.longlong, end: cython.longlong) -> cython.longlong:
        """fnv1a of src[start:end]."""
        h: cython.longlong = FNV_START
        k: cython.longlong
        for k in range(start, end):
            h = ((h ^ lower(self.src[k])) * FNV_PRIME) & MASK32
        return h if h else 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def address_hash(self, start: cython.longlong, end: cython.longlong) -> cython.longlong:
        """fnv1a of an address without its port and brackets: 10.0.0.1:4711, [2001:db8::1]:4711."""
        k: cython.longlong
        colon: cython.longlong
        if start < end and self.src[start] == 91:
            k = self.find(93, start, end)
            return self.hash(start + 1, k if k >= 0 else end)
        colon = self.find(58, start, end)
        if colon >= 0 and self.find(58, colon + 1, end) < 0:
            end = colon
        return self.hash(start, end)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def is_address(self, start: cython.longlong, end: cython.longlong) -> cython.bint:
        """Whether a Host is a literal IPv4 address or a bracketed IPv6 one, with or without a port."""
        k: cython.longlong
        dots: cython.int = 0
        if start < end and self.src[start] == 91:
            return True
        for k in range(start, end):
            if self.src[k] == 46:
                dots += 1
            elif self.src[k] == 58:
                break
            elif not (48 <= self.src[k] <= 57):
                return False
        return dots == 3

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def head_end(self, slot: cython.longlong, direction: cython.longlong) -> cython.void:
        """The empty line: how the body is delimited (RFC 9112 §6.3)."""
        s: cython.longlong = 2 * slot + direction
        row: cython.longlong = self.streams[s].exchange
        flags: cython.longlong = self.streams[s].flags
        announced: cython.longlong = self.streams[s].announced
        status: cython.longlong = self.streams[s].status
        if direction == 0:
            if not self.streams[s].hosts and not (flags & REQ_HTTP10):
                flags |= REQ_NO_HOST
            if self.streams[s].chunked and flags & REQ_LENGTH:
                flags |= REQ_BAD
            if self.streams[s].chunked == 2 and announced < 0:
                flags |= REQ_BAD
            self.exchanges[row].flags |= cython.cast(cython.uint, flags)
            self.exchanges[row].request_head = self.streams[s].head
            self.note_request_end(row)
            if self.streams[s].chunked == 1:
                self.streams[s].state = cython.cast(cython.uchar, CHUNK_SIZE)
            elif announced > 0:
                self.streams[s].remaining = announced
                self.streams[s].state = cython.cast(cython.uchar, BODY)
            elif announced == -2:
                self.bad_framing(slot, 0)
            else:
                self.message_end(slot, 0)
            return
        if self.streams[s].chunked and flags & RSP_LENGTH:
            flags |= RSP_BAD
        if status < 200 and status != 101 and not (flags & RSP_BAD):
            # interim: the final response is still to come
            self.exchanges[row].flags |= RSP_INTERIM
            self.exchanges[row].flags &= ~(RSP_SEEN | RSP_EARLY)
            self.exchanges[row].response_start_us = cython.cast(cython.uint, MASK32)
            self.exchanges[row].response_end_us = cython.cast(cython.uint, MASK32)
            self.exchanges[row].response_frame = 0
            self.exchanges[row].response_end_frame = 0
            self.streams[s].head = 0
            self.streams[s].status = 0
            self.streams[s].state = cython.cast(cython.uchar, START)
            self.streams[s].flags = 0
            return
        self.exchanges[row].flags |= cython.cast(cython.uint, flags)
        self.exchanges[row].response_head = self.streams[s].head
        self.note_response_end(row)
        if status == 101 or (self.exchanges[row].method == METHOD_CONNECT and 200 <= status < 300):
            self.exchanges[row].flags |= RSP_NO_BODY
            self.exchanges[row].response_ended = END_UPGRADED
            self.streams[2 * slot].state = cython.cast(cython.uchar, OPAQUE)
            self.streams[s].state = cython.cast(cython.uchar, OPAQUE)
            self.streams[2 * slot].sniffed = 1
            self.next_outstanding(slot)
        elif self.exchanges[row].method == METHOD_HEAD or status == 204 or status == 304:
            self.exchanges[row].flags |= RSP_NO_BODY
            self.message_end(slot, 1)
        elif self.streams[s].chunked == 1:
            self.streams[s].state = cython.cast(cython.uchar, CHUNK_SIZE)
        elif self.streams[s].chunked == 2:
            self.streams[s].state = cython.cast(cython.uchar, UNTIL_CLOSE)
        elif announced > 0:
            self.streams[s].remaining = announced
            self.streams[s].state = cython.cast(cython.uchar, BODY)
        elif announced == 0:
            self.message_end(slot, 1)
        elif announced == -2:
            self.bad_framing(slot, 1)
        else:
            self.streams[s].state = cython.cast(cython.uchar, UNTIL_CLOSE)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def note_request_end(self, row: cython.longlong) -> cython.void:
        self.exchanges[row].request_end_us = cython.cast(
            cython.uint, micros(self.now - self.exchanges[row].start_ns)
        )
        self.exchanges[row].request_end_frame = cython.cast(cython.uint, self.frame)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def note_response_end(self, row: cython.longlong) -> cython.void:
        self.exchanges[row].response_end_us = cython.cast(
            cython.uint, micros(self.now - self.exchanges[row].start_ns)
        )
        self.exchanges[row].response_end_frame = cython.cast(cython.uint, self.frame)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def chunk_size(
        self, slot: cython.longlong, direction: cython.longlong, start: cython.longlong, end: cython.longlong
    ) -> cython.void:
        """chunk-size [ chunk-ext ] (RFC 9112 §7.1)."""
        s: cython.longlong = 2 * slot + direction
        n: cython.longlong = 0
        k: cython.longlong = start
        c: cython.longlong
        while k < end:
            c = lower(self.src[k])
            if 48 <= c <= 57:
                c -= 48
            elif 97 <= c <= 102:
                c -= 87
            else:
                break
            if n >= LONGEST // 16:
                self.bad_framing(slot, direction)
                return
            n = n * 16 + c
            k += 1
        if k == start or (k < end and self.src[k] != 59 and self.src[k] != 32 and self.src[k] != 9):
            self.bad_framing(slot, direction)
            return
        if n == 0:
            self.streams[s].state = cython.cast(cython.uchar, TRAILERS)
        else:
            self.streams[s].remaining = n
            self.streams[s].state = cython.cast(cython.uchar, CHUNK_DATA)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def message_end(self, slot: cython.longlong, direction: cython.longlong) -> cython.void:
        """The last byte of a message."""
        s: cython.longlong = 2 * slot + direction
        row: cython.longlong = self.streams[s].exchange
        self.streams[s].state = cython.cast(cython.uchar, START)
        self.streams[s].flags = 0
        self.streams[s].exchange = cython.cast(cython.uint, NOWHERE)
        if row == NOWHERE:
            return
        if direction == 0:
            self.note_request_end(row)
            self.exchanges[row].request_ended = END_COMPLETE
        else:
            self.note_response_end(row)
            self.exchanges[row].response_ended = END_COMPLETE
            self.next_outstanding(slot)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def bad_framing(self, slot: cython.longlong, direction: cython.longlong) -> cython.void:
        """Where the message ends cannot be known."""
        s: cython.longlong = 2 * slot + direction
        row: cython.longlong = self.streams[s].exchange
        if row != NOWHERE:
            self.exchanges[row].flags |= REQ_BAD if direction == 0 else RSP_BAD
        self.lose(slot, direction, END_MALFORMED)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def lose(self, slot: cython.longlong, direction: cython.longlong, how: cython.longlong) -> cython.void:
        """Give the message in hand up."""
        s: cython.longlong = 2 * slot + direction
        row: cython.longlong = self.streams[s].exchange
        if row != NOWHERE:
            self.keep_head(s, direction, row)
        self.drop_line(s)
        self.streams[s].state = cython.cast(cython.uchar, LOST)
        self.streams[s].exchange = cython.cast(cython.uint, NOWHERE)
        self.streams[s].first_ns = 0
        self.streams[s].remaining = GAPPED if how == END_GAP else 0
        if row == NOWHERE:
            return
        if direction == 0:
            self.note_request_end(row)
            self.exchanges[row].request_ended = cython.cast(cython.uchar, how)
        else:
            self.note_response_end(row)
            self.exchanges[row].response_ended = cython.cast(cython.uchar, how)
            self.next_outstanding(slot)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def keep_head(self, s: cython.longlong, direction: cython.longlong, row: cython.longlong) -> cython.void:
        """Of a head cut short: what was read of it, the line in hand too."""
        state: cython.int = self.streams[s].state
        head: cython.uint = self.streams[s].head
        if state == HEADERS:
            head = cython.cast(cython.uint, min(head + self.streams[s].line_total, MASK32))
        if direction == 0:
            if self.exchanges[row].request_head == 0:
                self.exchanges[row].request_head = head
            self.exchanges[row].flags |= self.streams[s].flags
        elif state != START or self.streams[s].status:
            if self.exchanges[row].response_head == 0:
                self.exchanges[row].response_head = head
            self.exchanges[row].flags |= self.streams[s].flags

    # --- gaps and ends ------------------------------------------------------------------------------

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def gap(self, slot: cython.longlong, direction: cython.longlong, length: cython.longlong) -> cython.void:
        """`length` bytes of a direction are not in the capture."""
        s: cython.longlong = 2 * slot + direction
        state: cython.int = self.streams[s].state
        if state in (OPAQUE, LOST):
            return
        if state in (BODY, CHUNK_DATA) and length <= self.streams[s].remaining:
            self.count_body(s, direction, length)
            if self.streams[s].remaining == 0:
                if state == BODY:
                    self.message_end(slot, direction)
                else:
                    self.streams[s].state = cython.cast(cython.uchar, CHUNK_END)
            return
        if state == UNTIL_CLOSE:
            self.count_until_close(s, length)
            return
        if state == START and direction == 1 and self.streams[s].exchange != NOWHERE:
            self.cut_status(s)
        elif state == START and direction == 1 and self.slots[slot].oldest != NOWHERE:
            self.lose_answer(slot)  # the gap begins where that would
        self.lose(slot, direction, END_GAP)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def cut_status(self, s: cython.longlong) -> cython.void:
        """The status of a line cut by the snaplen, whose reason phrase alone is missing."""
        start: cython.longlong = self.streams[s].line * LINE
        came_from: cython.int = self.src_is
        if self.streams[s].line == NOWHERE or self.streams[s].line_total < STATUS_END:
            return
        self.use(2)
        if self.begins_response(start, start + STATUS_END) and self.src[start + STATUS_END - 1] == 32:
            status: cython.longlong = 0
            k: cython.longlong
            for k in range(start + 9, start + 12):
                if not (48 <= self.src[k] <= 57):
                    status = -1
                    break
                status = status * 10 + self.src[k] - 48
            if status >= 200:
                self.exchanges[self.streams[s].exchange].status = cython.cast(cython.ushort, status)
        self.use(came_from)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def missing(self, s: cython.longlong) -> cython.uint:
        """Announced body bytes still to come, where a length was announced."""
        state: cython.int = self.streams[s].state
        if state in (BODY, CHUNK_DATA):
            return cython.cast(
                cython.uint, min(cython.cast(cython.longlong, self.streams[s].remaining), MASK32 - 1)
            )
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def fin(self, slot: cython.longlong, direction: cython.longlong) -> cython.void:
        """A direction ended in order."""
        s: cython.longlong = 2 * slot + direction
        row: cython.longlong = self.streams[s].exchange
        how: cython.longlong = END_GAP if self.answers_lost(slot) else END_FIN
        if row != NOWHERE and self.streams[s].state != OPAQUE and self.streams[s].state != LOST:
            self.keep_head(s, direction, row)
            if direction == 0:
                self.exchanges[row].request_missing = self.missing(s)
                self.exchanges[row].request_ended = END_FIN
            else:
                self.exchanges[row].response_missing = self.missing(s)
                if self.streams[s].state == UNTIL_CLOSE:
                    self.exchanges[row].response_ended = END_BY_CLOSE
                    self.note_response_end(row)
                else:
                    self.exchanges[row].response_ended = END_FIN
                self.next_outstanding(slot)
        self.drop_line(s)
        self.streams[s].exchange = cython.cast(cython.uint, NOWHERE)
        self.streams[s].state = cython.cast(cython.uchar, OPAQUE)
        self.streams[s].sniffed = 1
        if direction == 1:
            if self.slots[slot].ended == END_NONE:
                self.slots[slot].ended = END_FIN
            self.end_outstanding(slot, how)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def between_requests(self, slot: cython.longlong) -> cython.bint:
        """Whether a kept-alive connection waits for its client's next request."""
        s: cython.longlong = 2 * slot
        return (
            self.slots[slot].newest != NOWHERE
            and self.streams[s].state == START
            and self.streams[s].line_total == 0
        )

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def rst(self, slot: cython.longlong, direction: cython.longlong) -> cython.void:
        """A side reset the connection: both directions end."""
        d: cython.longlong
        s: cython.longlong
        row: cython.longlong
        how: cython.longlong
        lost: cython.bint = self.answers_lost(slot)
        for d in range(2):
            s = 2 * slot + d
            row = self.streams[s].exchange
            how = END_RST_SENDER if d == direction else END_RST_RECEIVER
            if row != NOWHERE and self.streams[s].state != OPAQUE and self.streams[s].state != LOST:
                self.keep_head(s, d, row)
                if d == 0:
                    self.exchanges[row].request_missing = self.missing(s)
                    self.exchanges[row].request_ended = cython.cast(cython.uchar, how)
                else:
                    self.exchanges[row].response_missing = self.missing(s)
                    self.exchanges[row].response_ended = cython.cast(cython.uchar, how)
                    self.next_outstanding(slot)
            if d == 0 and direction == 1 and self.between_requests(slot):
                continue  # the next request may be on its way, to meet the reset
            self.drop_line(s)
            self.streams[s].exchange = cython.cast(cython.uint, NOWHERE)
            self.streams[s].state = cython.cast(cython.uchar, OPAQUE)
            self.streams[s].sniffed = 1
        how = END_RST_SENDER if direction == 1 else END_RST_RECEIVER
        self.slots[slot].ended = cython.cast(cython.uchar, how)
        self.end_outstanding(slot, END_GAP if lost else how)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def answers_lost(self, slot: cython.longlong) -> cython.bint:
        """Whether what the server sent last is missing from the capture: it may have been the answers."""
        s: cython.longlong = 2 * slot + 1
        return self.streams[s].state == LOST and self.streams[s].remaining == GAPPED

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def end_outstanding(self, slot: cython.longlong, how: cython.longlong) -> cython.void:
        """No response will come any more for what waits."""
        row: cython.longlong = self.slots[slot].oldest
        while row != NOWHERE:
            if self.exchanges[row].response_ended == END_NONE:
                self.exchanges[row].response_ended = cython.cast(cython.uchar, how)
            row = self.exchanges[row].next
        self.slots[slot].oldest = cython.cast(cython.uint, NOWHERE)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def close(self, slot: cython.longlong) -> cython.void:
        """Nothing more comes: what is unfinished is open."""
        d: cython.longlong
        s: cython.longlong
        row: cython.longlong
        for d in range(2):
            s = 2 * slot + d
            row = self.streams[s].exchange
            if row != NOWHERE and self.streams[s].state != OPAQUE and self.streams[s].state != LOST:
                self.keep_head(s, d, row)
                if d == 0:
                    self.exchanges[row].request_missing = self.missing(s)
                    self.exchanges[row].request_ended = END_OPEN
                else:
                    self.exchanges[row].response_missing = self.missing(s)
                    self.exchanges[row].response_ended = END_OPEN
                    self.next_outstanding(slot)
            self.drop_line(s)
        # what was asked after the server had closed gets no answer any more
        how: cython.longlong = self.slots[slot].ended if self.slots[slot].ended else END_OPEN
        self.end_outstanding(slot, END_GAP if self.answers_lost(slot) else how)
        self.slots[slot].open = 0
        spoke: cython.longlong = CONN_SYNACK | (
            CONN_DATA_CLIENT if self.slots[slot].swapped else CONN_DATA_SERVER
        )
        row = self.slots[slot].connection
        if not (self.connections[row].flags & spoke):
            # the capture holds one side only: nobody knows when the answers came
            row = self.connections[row].first_exchange
            while row != NOWHERE:
                self.exchanges[row].flags &= ~REQ_PIPELINED
                row = self.exchanges[row].next

    # --- strings ------------------------------------------------------------------------------------

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def intern(self, start: cython.longlong, end: cython.longlong) -> cython.longlong:
        """The row of the string src[start:end], which enters the table when new; 0 when the table is full."""
        n: cython.longlong = end - start
        mask: cython.longlong = self.string_buckets.shape[0] - 1
        h: cython.longlong = FNV_START
        k: cython.longlong
        row: cython.longlong
        at: cython.longlong
        _probe: cython.longlong
        same: cython.bint
        if n <= 0:
            return 0
        for k in range(start, end):
            h = ((h ^ self.src[k]) * FNV_PRIME) & MASK32
        at = h & mask
        for _probe in range(PROBES):
            row = self.string_buckets[at]
            if row == NOWHERE:
                break
            if self.string_hash[row] == h and self.string_length[row] == n:
                same = True
                for k in range(n):
                    if self.arena[self.string_start[row] + k] != self.src[start + k]:
                        same = False
                        break
                if same:
                    return row
            at = (at + 1) & mask
        else:
            # chosen to collide: nobody else's strings come near this
            self.strings_dropped += 1
            return 0
        if (
            self.arena_used + n > self.arena.shape[0]
            or self.string_count >= self.string_start.shape[0]
            or 2 * self.string_count > mask
        ):
            self.strings_dropped += 1
            return 0
        row = self.string_count
        self.string_count += 1
        self.string_start[row] = self.arena_used
        self.string_length[row] = cython.cast(cython.uint, n)
        self.string_hash[row] = cython.cast(cython.uint, h)
        self.string_buckets[at] = cython.cast(cython.uint, row)
        for k in range(n):
            self.arena[self.arena_used + k] = self.src[start + k]
        self.arena_used += n
        return row

    def rehash_strings(self, buckets: cython.uint[::1]) -> None:
        """Move all strings to a larger array of buckets (a power of two, all NONE)."""
        mask: cython.longlong = buckets.shape[0] - 1
        row: cython.longlong
        at: cython.longlong
        for row in range(1, self.string_count):
            at = self.string_hash[row] & mask
            while buckets[at] != NOWHERE:
                at = (at + 1) & mask
            buckets[at] = cython.cast(cython.uint, row)
        self.string_buckets = buckets

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(check=False)
    def server(self, start: cython.longlong, end: cython.longlong) -> cython.longlong:
        """The number of a Server header value; 0 when there are too many."""
        row: cython.longlong = self.intern(start, end)
        k: cython.longlong
        for k in range(1, self.server_count):
            if self.servers[k] == row:
                return k
        if row == 0 or self.server_count >= self.servers.shape[0]:
            return 0
        k = self.server_count
        self.servers[k] = cython.cast(cython.uint, row)
        self.server_count += 1
        return k


@cython.cfunc
def bind_table(framer: Framer, name: str, table: object) -> None:
    if name == "exchanges":
        framer.exchanges = table
    elif name == "connections":
        framer.connections = table
    elif name == "slots":
        framer.slots = table
    elif name == "streams":
        framer.streams = table
    elif name == "lines":
        framer.lines = table
    elif name == "line_next":
        framer.line_next = table
    elif name == "arena":
        framer.arena = table
    elif name == "string_start":
        framer.string_start = table
    elif name == "string_length":
        framer.string_length = table
    elif name == "string_hash":
        framer.string_hash = table
    elif name == "string_buckets":
        framer.string_buckets = table
    elif name == "servers":
        framer.servers = table
    else:
        raise ValueError(f"no table {name!r}")
