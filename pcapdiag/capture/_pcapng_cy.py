"""Kernel: walk the blocks of a pcapng section.

A block is type, total length, body, total length again (draft-ietf-opsawg-pcapng, section 3.1). The three
packet blocks become rows; section headers, interface descriptions, interface statistics and secrets stop the
walk for the caller to read, and so do blocks that take a frame number without being packets; every other type
is passed over by its length.
"""

from __future__ import annotations

import cython
from cython.cimports.pcapdiag.tables import Record

from pcapdiag.capture import stop as s
from pcapdiag.capture import tally as t


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(-1, check=False)
def u16(data: cython.const[cython.uchar][::1], at: cython.longlong, big: cython.bint) -> cython.longlong:
    b0: cython.uint = data[at]
    b1: cython.uint = data[at + 1]
    if big:
        return cython.cast(cython.longlong, b0 << 8 | b1)
    return cython.cast(cython.longlong, b1 << 8 | b0)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(-1, check=False)
def u32(data: cython.const[cython.uchar][::1], at: cython.longlong, big: cython.bint) -> cython.longlong:
    b0: cython.uint = data[at]
    b1: cython.uint = data[at + 1]
    b2: cython.uint = data[at + 2]
    b3: cython.uint = data[at + 3]
    if big:
        return cython.cast(cython.longlong, b0 << 24 | b1 << 16 | b2 << 8 | b3)
    return cython.cast(cython.longlong, b3 << 24 | b2 << 16 | b1 << 8 | b0)


@cython.cfunc
@cython.inline
@cython.nogil
@cython.exceptval(check=False)
def clock_ns(
    high: cython.longlong,
    low: cython.longlong,
    multiply: cython.longlong,
    divide: cython.longlong,
    shift: cython.longlong,
    offset_ns: cython.longlong,
) -> cython.longlong:
    """A packet's 64-bit clock as nanoseconds since the epoch; what int64 cannot hold is clamped.

    The unit is `multiply` ns, or 1/`divide` ns, or 2**-`shift` s: the other two of these are 0.
    """
    most: cython.ulonglong = 0x7FFFFFFFFFFFFFFF
    billion: cython.ulonglong = 1_000_000_000
    clock: cython.ulonglong = cython.cast(cython.ulonglong, high) << 32 | cython.cast(cython.ulonglong, low)
    factor: cython.ulonglong = 1
    seconds: cython.ulonglong = 0
    time: cython.ulonglong = 0
    if multiply > 0:
        factor = cython.cast(cython.ulonglong, multiply)
        time = most if clock > most // factor else clock * factor
    elif divide > 0:
        factor = cython.cast(cython.ulonglong, divide)
        time = clock // factor
        if time > most:
            time = most
    elif shift > 0:
        if shift < 64:
            seconds = clock >> shift
            clock -= seconds << shift
        if shift > 34:  # 34 bits of a fraction times 10**9 still fit in 64 bits, and tell 1 ns apart
            clock = clock >> (shift - 34) if shift - 34 < 64 else 0
            shift = 34
        time = (clock * billion) >> shift
        time = most if seconds > (most - time) // billion else seconds * billion + time
    if offset_ns > 0 and time > most - cython.cast(cython.ulonglong, offset_ns):
        return cython.cast(cython.longlong, most)
    return cython.cast(cython.longlong, time) + offset_ns


@cython.cfunc
@cython.nogil
@cython.exceptval(-2, check=False)
def drop_count(
    data: cython.const[cython.uchar][::1], at: cython.longlong, end: cython.longlong, big: cython.bint
) -> cython.longlong:
    """The epb_dropcount (option 4) among the options in data[at:end], -1 when there is none."""
    code: cython.longlong
    length: cython.longlong
    high: cython.longlong
    low: cython.longlong
    while at + 4 <= end:
        code = u16(data, at, big)
        length = u16(data, at + 2, big)
        if code == 0 or at + 4 + length > end:
            break
        if code == 4 and length == 8:
            high = u32(data, at + 4 if big else at + 8, big)
            low = u32(data, at + 8 if big else at + 4, big)
            return (high & 0xFFFF) << 32 | low  # more than 2**48 packets were never dropped
        at += 4 + (length + 3 & ~3)
    return -1


def walk(
    data: cython.const[cython.uchar][::1],
    end: cython.longlong,
    big: cython.bint,
    interfaces: cython.const[cython.longlong][:, ::1],
    interface_count: cython.longlong,
    record_limit: cython.longlong,
    rows: Record[::1],
    row: cython.Py_ssize_t,
    cursor: cython.longlong[::1],
    tally: cython.longlong[::1],
) -> cython.Py_ssize_t:
    """Fill `rows[row:]` (written) from the blocks in `data[cursor[AT]:end]`; return how many rows are filled.

    data        u1[n], read: stream bytes, a block beginning at cursor[AT]
    big         whether this section's numbers are big-endian
    interfaces  i8[n, 6], read: link, snaplen (0: none), multiply, divide, shift, offset_ns of each interface
    record_limit  the largest captured length that is believed
    cursor      i8[3], read and written: see pcapdiag.capture.stop
    tally       i8[10], added to: see pcapdiag.capture.tally
    """
    at: cython.longlong = cursor[s.AT]
    first_ns: cython.longlong = tally[t.FIRST_NS]
    last_ns: cython.longlong = tally[t.LAST_NS]
    previous_ns: cython.longlong = tally[t.PREVIOUS_NS]
    unset_ns: cython.longlong = t.UNSET_NS
    full: cython.int = s.FULL
    impossible: cython.int = s.IMPOSSIBLE
    block: cython.int = s.BLOCK
    bad_length: cython.int = s.BAD_LENGTH
    bad_trailer: cython.int = s.BAD_TRAILER
    bad_interface: cython.int = s.BAD_INTERFACE
    not_a_packet: cython.int = s.NOT_A_PACKET
    reason: cython.int = s.MORE
    need: cython.longlong = 0
    begin: cython.Py_ssize_t = row
    capacity: cython.Py_ssize_t = rows.shape[0]
    captured: cython.longlong = 0
    wire: cython.longlong = 0
    truncated: cython.longlong = 0
    backward: cython.longlong = 0
    dropped: cython.longlong = tally[t.DROPPED]
    most_dropped: cython.longlong = 0x4000000000000000
    drop_counts: cython.longlong = 0
    kind: cython.longlong
    length: cython.longlong
    fixed: cython.longlong
    interface: cython.longlong
    caplen: cython.longlong
    wirelen: cython.longlong
    snaplen: cython.longlong
    drops: cython.longlong
    time_ns: cython.longlong
    with cython.nogil:
        while True:
            if at + 12 > end:
                need = 12
                break
            kind = u32(data, at, big)
            if kind == 0x0A0D0D0A:  # section header: the same in both byte orders, its length is not
                reason = block
                break
            length = u32(data, at + 4, big)
            if length < 12 or length & 3:
                reason = bad_length
                break
            if at + length > end:
                need = length
                break
            if u32(data, at + length - 4, big) != length:
                reason = bad_trailer
                break
            if kind == 6 or kind == 2:  # enhanced packet block, and the packet block it replaced
                fixed = 28
            elif kind == 3:  # simple packet block
                fixed = 12
            elif kind == 1 or kind == 5 or kind == 10:  # interface description, statistics, secrets
                reason = block
                break
            elif kind == 0x0BAD or kind == 0x40000BAD or kind == 9:  # custom blocks, systemd journal
                reason = not_a_packet
                break
            else:
                at += length
                continue
            if row == capacity:
                reason = full
                break
            if length < fixed + 4:
                reason = bad_length
                break
            interface = 0
            drops = -1
            if kind == 6:
                interface = u32(data, at + 8, big)
            elif kind == 2:
                interface = u16(data, at + 8, big)
                drops = u16(data, at + 10, big)
                if drops == 0xFFFF:  # not known
                    drops = -1
            if interface >= interface_count:
                reason = bad_interface
                break
            if kind == 3:
                wirelen = u32(data, at + 8, big)
                caplen = wirelen
                snaplen = interfaces[0, 1]
                if snaplen > 0 and caplen > snaplen:
                    caplen = snaplen
                if caplen > length - 16:
                    caplen = length - 16
                time_ns = 0 if previous_ns == unset_ns else previous_ns
            else:
                caplen = u32(data, at + 20, big)
                wirelen = u32(data, at + 24, big)
                time_ns = clock_ns(
                    u32(data, at + 12, big),
                    u32(data, at + 16, big),
                    cython.cast(cython.longlong, interfaces[interface, 2]),
                    cython.cast(cython.longlong, interfaces[interface, 3]),
                    cython.cast(cython.longlong, interfaces[interface, 4]),
                    cython.cast(cython.longlong, interfaces[interface, 5]),
                )
            if caplen > record_limit or caplen > length - fixed - 4:
                reason = impossible
                break
            if kind == 6:
                drops = drop_count(data, at + fixed + (caplen + 3 & ~3), at + length - 4, big)
            if drops >= 0:
                drop_counts += 1
                if dropped < most_dropped:
                    dropped += drops
            rows[row].off = at + fixed
            rows[row].time_ns = time_ns
            rows[row].caplen = cython.cast(cython.uint, caplen)
            rows[row].wirelen = cython.cast(cython.uint, wirelen)
            rows[row].link = cython.cast(cython.ushort, interfaces[interface, 0])
            rows[row].interface = cython.cast(cython.ushort, interface)
            row += 1
            captured += caplen
            wire += wirelen
            truncated += caplen < wirelen
            backward += time_ns < previous_ns
            previous_ns = time_ns
            if time_ns < first_ns:
                first_ns = time_ns
            if time_ns > last_ns:
                last_ns = time_ns
            at += length
    cursor[s.AT] = at
    cursor[s.REASON] = reason
    cursor[s.NEED] = need
    tally[t.PACKETS] += row - begin
    tally[t.BYTES] += captured
    tally[t.WIRE_BYTES] += wire
    tally[t.TRUNCATED] += truncated
    tally[t.BACKWARD] += backward
    tally[t.FIRST_NS] = first_ns
    tally[t.LAST_NS] = last_ns
    tally[t.PREVIOUS_NS] = previous_ns
    tally[t.DROPPED] = dropped
    tally[t.DROP_COUNTS] += drop_counts
    return row
