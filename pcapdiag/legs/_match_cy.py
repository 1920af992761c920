# cython: language_level=3, boundscheck=True, wraparound=False, initializedcheck=False
"""Which backend exchange carried which frontend exchange: one pass over both legs in order of time.

Frontend requests wait in buckets by method and target, the youngest first; each backend request looks
through its bucket for the one it carries, which began before it and was not yet answered. Requests that
were answered before leave the bucket when next met, so a walk sees only what was outstanding, and it is
bounded by `LOOK_BACK`. Among several that fit, what the load balancer added or passed on decides (forwarded
address, trace id, host, bodies, status: the weights below), then the time both ends of the exchange lie
apart.

A pass is one of:
    ALIKE   backend exchanges and frontend exchanges with the same status, each used once
    REST    what is left: attempts that failed and were made again, statuses rewritten, no response

Arrays: rows, tables.Exchange, read; connections, tables.Connection, read; leg, uint8, one a connection,
read; order, uint32, the rows to look at in order of time, read; targets and hosts, uint32, for each string
the string it equals once normalised, read (empty: itself); address_hash, uint32, one an address, read;
link, uint32, one an exchange, scratch; head, uint32, a power of two long, scratch; peer, uint32, one an
exchange, written.
"""

from __future__ import annotations

import cython
from cython.cimports.pcapdiag.tables import (
    END_COMPLETE,
    LEG_BACKEND,
    LEG_FRONTEND,
    REQ_HEALTH,
    REQ_SEEN,
    Connection,
    Exchange,
)

ALIKE = 0
REST = 1

LOOK_BACK = cython.declare(cython.int, 256)
SLACK_NS = cython.declare(
    cython.longlong, 50_000
)  # two interfaces of one host; a quick proxy answers in 100 µs
SATURATED = cython.declare(cython.longlong, 0xFFFFFFFF)  # tables.NEVER
MULTIPLIER = cython.declare(cython.longlong, 0x9E3779B1)  # 2**32 / golden ratio: Fibonacci hashing
NOWHERE = cython.declare(cython.uint, 0xFFFFFFFF)  # tables.NONE

# What a frontend exchange has in common with a backend exchange, and what that is worth.
SAME_TRACE = cython.declare(cython.int, 16)
SAME_CLIENT = cython.declare(cython.int, 8)
SAME_BODY = cython.declare(cython.int, 4)
OTHER_BODY = cython.declare(cython.int, -16)  # of requests; responses may be compressed on the way
SAME_STATUS = cython.declare(cython.int, 4)
SAME_HOST = cython.declare(cython.int, 2)
SAME_HEAD = cython.declare(cython.int, 2)  # as many bytes longer as heads get on their way
UNTRIED = cython.declare(cython.int, 1)  # of what fits two alike, the one that has no attempt yet
HEAD_SPREAD = cython.declare(cython.int, 8)  # addresses are 7 to 15 bytes long
IMPOSSIBLE = cython.declare(cython.int, -1000)


@cython.final
@cython.cclass
class Match:
    """The tables, the buckets, and one vantage point's (or one pair's) clock."""

    rows: cython.const[Exchange][::1]
    connections: cython.const[Connection][::1]
    leg: cython.const[cython.uchar][::1]
    targets: cython.const[cython.uint][::1]
    hosts: cython.const[cython.uint][::1]
    address_hash: cython.const[cython.uint][::1]
    link: cython.uint[::1]
    head: cython.uint[::1]
    peer: cython.uint[::1]
    shift_ns: cython.longlong  # what to add to a backend time to compare it with a frontend time
    slack_ns: cython.longlong
    rest: cython.bint
    head_growth: cython.longlong  # of the last request that could be no other

    def __init__(
        self,
        rows: cython.const[Exchange][::1],
        connections: cython.const[Connection][::1],
        leg: cython.const[cython.uchar][::1],
        targets: cython.const[cython.uint][::1],
        hosts: cython.const[cython.uint][::1],
        address_hash: cython.const[cython.uint][::1],
        link: cython.uint[::1],
        head: cython.uint[::1],
        peer: cython.uint[::1],
    ) -> None:
        self.rows = rows
        self.connections = connections
        self.leg = leg
        self.targets = targets
        self.hosts = hosts
        self.address_hash = address_hash
        self.link = link
        self.head = head
        self.peer = peer
        self.head_growth = 0

    def run(
        self,
        order: cython.const[cython.uint][::1],
        rest: cython.bint,
        shift_ns: cython.longlong,
        uncertain_ns: cython.longlong,
    ) -> cython.int:
        """One pass over `order`; how many backend exchanges found their frontend exchange."""
        at: cython.Py_ssize_t
        row: cython.uint
        which: cython.int
        found: cython.int = 0
        self.rest = rest
        self.shift_ns = shift_ns
        self.slack_ns = SLACK_NS + uncertain_ns
        with cython.nogil:
            for at in range(self.head.shape[0]):
                self.head[at] = NOWHERE
            for at in range(order.shape[0]):
                row = order[at]
                if (self.rows[row].flags & (REQ_SEEN | REQ_HEALTH)) != REQ_SEEN:
                    continue
                if not rest and (self.rows[row].status == 0 or self.peer[row] != NOWHERE):
                    continue
                which = self.leg[self.rows[row].connection]
                if which == LEG_FRONTEND:
                    self.push(row)
                elif which == LEG_BACKEND and self.peer[row] == NOWHERE:
                    found += self.find(row)
        return found

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=True)
    def bucket(self, row: cython.uint) -> cython.Py_ssize_t:
        """The bucket of a request's method and target."""
        key: cython.longlong = self.target_of(row)
        key = (((key << 4) ^ self.rows[row].method) & SATURATED) * (MULTIPLIER >> 1)
        return (key >> 16) & (self.head.shape[0] - 1)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=True)
    def target_of(self, row: cython.uint) -> cython.uint:
        target: cython.uint = self.rows[row].target
        return self.targets[target] if target < self.targets.shape[0] else target

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=True)
    def host_of(self, row: cython.uint) -> cython.uint:
        host: cython.uint = self.rows[row].host
        return self.hosts[host] if host < self.hosts.shape[0] else host

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=True)
    def push(self, row: cython.uint) -> cython.int:
        """A frontend request is outstanding from now on."""
        where: cython.Py_ssize_t = self.bucket(row)
        self.link[row] = self.head[where]
        self.head[where] = row
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=True)
    def unlink(self, where: cython.Py_ssize_t, before: cython.uint, row: cython.uint) -> cython.int:
        """Take a request out of its bucket; `before` is its younger neighbour, if any."""
        if before == NOWHERE:
            self.head[where] = self.link[row]
        else:
            self.link[before] = self.link[row]
        return 0

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=True)
    def find(self, back: cython.uint) -> cython.int:
        """Give a backend exchange its frontend exchange, if one fits; 1 if so."""
        start_ns: cython.longlong = self.rows[back].start_ns + self.shift_ns
        where: cython.Py_ssize_t = self.bucket(back)
        before: cython.uint = NOWHERE
        at: cython.uint = self.head[where]
        best: cython.uint = NOWHERE
        best_before: cython.uint = NOWHERE
        best_worth: cython.int = IMPOSSIBLE
        best_apart_ns: cython.longlong = 0
        worth: cython.int
        apart_ns: cython.longlong
        steps: cython.int = 0
        candidates: cython.int = 0
        following: cython.uint
        while at != NOWHERE and steps < LOOK_BACK:
            following = self.link[at]
            if self.answered_ns(at) + self.slack_ns < start_ns:
                self.unlink(where, before, at)
                at = following
                continue
            steps += 1
            worth = self.worth(at, back)
            if worth > IMPOSSIBLE:
                candidates += 1
                apart_ns = self.apart_ns(at, back)
                if worth > best_worth or (worth == best_worth and apart_ns < best_apart_ns):
                    best, best_before, best_worth, best_apart_ns = at, before, worth, apart_ns
            before = at
            at = following
        if best == NOWHERE:
            return 0
        self.peer[back] = best
        if candidates == 1:
            self.head_growth = self.head_growth_of(best, back)
        if not self.rest:
            self.unlink(where, best_before, best)
            self.peer[best] = back
        elif self.peer[best] == NOWHERE or self.rows[self.peer[best]].start_ns < self.rows[back].start_ns:
            self.peer[best] = back
        return 1

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=True)
    def answered_ns(self, row: cython.uint) -> cython.longlong:
        """When a response began, or, without one, when its connection was last seen."""
        after_us: cython.longlong = self.rows[row].response_start_us
        if self.rows[row].status == 0 or after_us == SATURATED:
            return self.connections[self.rows[row].connection].last_ns
        return self.rows[row].start_ns + after_us * 1000

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=True)
    def ended_ns(self, row: cython.uint) -> cython.longlong:
        """When an attempt was over: its response began, or its connection began to close."""
        at: cython.uint = self.rows[row].connection
        end_ns: cython.longlong = self.connections[at].last_ns
        if self.rows[row].status != 0:
            return self.answered_ns(row)
        if 0 < self.connections[at].rst_ns < end_ns:
            end_ns = self.connections[at].rst_ns
        if 0 < self.connections[at].client_fin_ns < end_ns:
            end_ns = self.connections[at].client_fin_ns
        if 0 < self.connections[at].server_fin_ns < end_ns:
            end_ns = self.connections[at].server_fin_ns
        return end_ns

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=True)
    def worth(self, front: cython.uint, back: cython.uint) -> cython.int:
        """What two exchanges have in common, or IMPOSSIBLE."""
        result: cython.int = 0
        status: cython.int = self.rows[front].status
        if self.rows[front].method != self.rows[back].method or self.target_of(front) != self.target_of(back):
            return IMPOSSIBLE
        if self.rows[front].start_ns > self.rows[back].start_ns + self.shift_ns + self.slack_ns:
            return IMPOSSIBLE
        if status == self.rows[back].status:
            result += SAME_STATUS
        elif not self.rest:
            return IMPOSSIBLE
        # A load balancer that gave up (a timeout's 5xx, a client gone) may be answered later all the same.
        if self.rows[back].status != 0 and (0 < status < 500 or status == self.rows[back].status):
            if self.answered_ns(back) + self.shift_ns > self.answered_ns(front) + self.slack_ns:
                return IMPOSSIBLE
        if self.rest and self.peer[front] == NOWHERE:
            result += UNTRIED
        elif self.rest and not self.made_again(front, back):
            return IMPOSSIBLE
        return result + self.common(front, back)

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=True)
    def made_again(self, front: cython.uint, back: cython.uint) -> cython.bint:
        """Whether `back` may be another attempt for a request that has one already.

        Attempts follow one another, where mirrored copies run side by side; and after one that went well
        there is none.
        """
        known: cython.uint = self.peer[front]
        if self.rows[back].start_ns < self.rows[known].start_ns:
            return self.ended_ns(back) <= self.rows[known].start_ns + self.slack_ns
        if 0 < self.rows[known].status < 500 and self.rows[known].status == self.rows[front].status:
            return False
        return self.ended_ns(known) <= self.rows[back].start_ns + self.slack_ns

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=True)
    def common(self, front: cython.uint, back: cython.uint) -> cython.int:
        """What marks and bodies two exchanges share; negative where they contradict each other."""
        result: cython.int = 0
        forwarded: cython.uint = self.rows[back].forwarded
        client: cython.uint = self.connections[self.rows[front].connection].client
        if forwarded != 0 and (
            forwarded == self.address_hash[client] or forwarded == self.rows[front].forwarded
        ):
            result += SAME_CLIENT
        if self.rows[front].trace != 0 and self.rows[back].trace != 0:
            result += SAME_TRACE if self.rows[front].trace == self.rows[back].trace else -SAME_TRACE
        if self.host_of(front) == self.host_of(back):
            result += SAME_HOST
        if abs(self.head_growth_of(front, back) - self.head_growth) <= HEAD_SPREAD:
            result += SAME_HEAD
        if self.rows[front].request_ended == END_COMPLETE == self.rows[back].request_ended:
            if self.rows[front].request_body == self.rows[back].request_body:
                result += SAME_BODY
            else:
                result += OTHER_BODY
        if self.rows[front].response_ended == END_COMPLETE == self.rows[back].response_ended:
            if self.rows[front].response_body == self.rows[back].response_body:
                result += SAME_BODY
        return result

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=True)
    def head_growth_of(self, front: cython.uint, back: cython.uint) -> cython.longlong:
        """How many bytes of header fields the load balancer added."""
        return cython.cast(cython.longlong, self.rows[back].request_head) - self.rows[front].request_head

    @cython.cfunc
    @cython.nogil
    @cython.exceptval(-1, check=True)
    def apart_ns(self, front: cython.uint, back: cython.uint) -> cython.longlong:
        """How far apart the two begin, and are answered."""
        begun_ns: cython.longlong = self.rows[back].start_ns + self.shift_ns - self.rows[front].start_ns
        answered_ns: cython.longlong = 0
        if self.rows[front].status != 0 and self.rows[back].status != 0:
            answered_ns = self.answered_ns(front) - self.answered_ns(back) - self.shift_ns
        return abs(begun_ns) + abs(answered_ns)
