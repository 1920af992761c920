"""Kernel: walk the records of a plain pcap stream.

Record header (draft-ietf-opsawg-pcap, section 5): seconds, fraction, captured length, original length, each
u32 in the file's byte order; the 0xa1b2cd34 kind appends eight bytes that we skip.
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
def u32(data: cython.const[cython.uchar][::1], at: cython.longlong, big: cython.bint) -> cython.longlong:
    b0: cython.uint = data[at]
    b1: cython.uint = data[at + 1]
    b2: cython.uint = data[at + 2]
    b3: cython.uint = data[at + 3]
    if big:
        return cython.cast(cython.longlong, b0 << 24 | b1 << 16 | b2 << 8 | b3)
    return cython.cast(cython.longlong, b3 << 24 | b2 << 16 | b1 << 8 | b0)


def walk(
    data: cython.const[cython.uchar][::1],
    end: cython.longlong,
    big: cython.bint,
    header_bytes: cython.longlong,
    tick_ns: cython.longlong,
    limit: cython.longlong,
    link: cython.ushort,
    rows: Record[::1],
    cursor: cython.longlong[::1],
    tally: cython.longlong[::1],
) -> cython.Py_ssize_t:
    """Fill `rows` (written) from `data[cursor[AT]:end]`; return how many rows were filled.

    data    u1[n], read: stream bytes, a record beginning at cursor[AT]
    big     whether numbers are big-endian; header_bytes 16 or 24; tick_ns nanoseconds a fraction unit
    limit   the largest captured length that is believed
    cursor  i8[3], read and written: see pcapdiag.capture.stop
    tally   i8[10], added to: see pcapdiag.capture.tally
    """
    at: cython.longlong = cursor[s.AT]
    first_ns: cython.longlong = tally[t.FIRST_NS]
    last_ns: cython.longlong = tally[t.LAST_NS]
    previous_ns: cython.longlong = tally[t.PREVIOUS_NS]
    full: cython.int = s.FULL
    impossible: cython.int = s.IMPOSSIBLE
    zeros: cython.int = s.ZEROS
    reason: cython.int = s.MORE
    need: cython.longlong = 0
    count: cython.Py_ssize_t = 0
    capacity: cython.Py_ssize_t = rows.shape[0]
    captured: cython.longlong = 0
    wire: cython.longlong = 0
    truncated: cython.longlong = 0
    backward: cython.longlong = 0
    seconds: cython.longlong
    fraction: cython.longlong
    caplen: cython.longlong
    wirelen: cython.longlong
    time_ns: cython.longlong
    with cython.nogil:
        while True:
            if at + header_bytes > end:
                need = header_bytes
                break
            seconds = u32(data, at, big)
            fraction = u32(data, at + 4, big)
            caplen = u32(data, at + 8, big)
            wirelen = u32(data, at + 12, big)
            if caplen > limit:
                reason = impossible
                break
            if seconds | fraction | caplen | wirelen == 0:
                reason = zeros
                break
            if at + header_bytes + caplen > end:
                need = header_bytes + caplen
                break
            if count == capacity:
                reason = full
                break
            time_ns = seconds * 1_000_000_000 + fraction * tick_ns
            rows[count].off = at + header_bytes
            rows[count].time_ns = time_ns
            rows[count].caplen = cython.cast(cython.uint, caplen)
            rows[count].wirelen = cython.cast(cython.uint, wirelen)
            rows[count].link = link
            rows[count].interface = 0
            count += 1
            captured += caplen
            wire += wirelen
            truncated += caplen < wirelen
            backward += time_ns < previous_ns
            previous_ns = time_ns
            if time_ns < first_ns:
                first_ns = time_ns
            if time_ns > last_ns:
                last_ns = time_ns
            at += header_bytes + caplen
    cursor[s.AT] = at
    cursor[s.REASON] = reason
    cursor[s.NEED] = need
    tally[t.PACKETS] += count
    tally[t.BYTES] += captured
    tally[t.WIRE_BYTES] += wire
    tally[t.TRUNCATED] += truncated
    tally[t.BACKWARD] += backward
    tally[t.FIRST_NS] = first_ns
    tally[t.LAST_NS] = last_ns
    tally[t.PREVIOUS_NS] = previous_ns
    return count
