"""The named attacks: captures made by script to break who reads them.

Each returns the bytes of a capture. Frames of one shape are made by columns, a million at a time.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
from collections.abc import Iterable

import numpy as np
import zstandard

from pcapdiag.tables import ACK, FIN, PSH, RST, SYN

CLIENT, SERVER = 0x0A000001, 0x0A00000A
SNAPLEN = 262_144
START_S = 1_700_000_000
ETHERNET = bytes(12) + b"\x08\x00"
REQUEST = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"
RESPONSE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"

Numbers = int | np.ndarray


def tcp(
    count: int,
    payload: bytes | np.ndarray = b"",
    *,
    seq: Numbers = 1,
    ack: Numbers = 1,
    flags: Numbers = ACK | PSH,
    up: bool = True,
    address: Numbers = CLIENT,
    port: Numbers = 40_000,
) -> np.ndarray:
    """`count` frames as rows: Ethernet, IPv4, TCP. `payload` is the same in all, or a row each."""
    body = np.frombuffer(payload, "u1") if isinstance(payload, bytes) else payload
    size = body.shape[-1]
    frames = np.zeros((count, 54 + size), "u1")
    frames[:, :14] = np.frombuffer(ETHERNET, "u1")
    frames[:, 14:34] = np.frombuffer(
        struct.pack("!BBHHHBBHII", 0x45, 0, 40 + size, 1, 0, 64, 6, 0, 0, 0), "u1"
    )
    client, server = (26, 30) if up else (30, 26)
    column(frames, client, 4, address)
    column(frames, server, 4, SERVER)
    column(frames, 34 if up else 36, 2, port)
    column(frames, 36 if up else 34, 2, 80)
    column(frames, 38, 4, seq)
    column(frames, 42, 4, ack)
    column(frames, 46, 1, 0x50)
    column(frames, 47, 1, flags)
    column(frames, 48, 2, 500)
    frames[:, 54:] = body
    return frames


def column(frames: np.ndarray, at: int, width: int, values: Numbers) -> None:
    """Write a number, or one a row, in network order."""
    whole = np.broadcast_to(np.asarray(values, "u8"), len(frames)) & ((1 << 8 * width) - 1)
    for place in range(width):
        frames[:, at + place] = (whole >> np.uint64(8 * (width - 1 - place))) & np.uint64(255)


def woven(*parts: np.ndarray) -> list[np.ndarray]:
    """The parts' frames in turn: first of each, second of each, ..."""
    return [part[row : row + 1] for row in range(len(parts[0])) for part in parts]


def pcap(*parts: np.ndarray, step_us: int = 10, times_us: np.ndarray | None = None) -> bytes:
    """A pcap of these frames, one after another."""
    head = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, SNAPLEN, 1)
    return head + b"".join(records(parts, step_us, times_us))


def records(parts: Iterable[np.ndarray], step_us: int, times_us: np.ndarray | None) -> Iterable[bytes]:
    at = 0
    for frames in parts:
        count, size = frames.shape
        when = (
            START_S * 1_000_000 + (np.arange(at, at + count, dtype="u8") * np.uint64(step_us))
            if times_us is None
            else times_us[at : at + count].astype("u8")
        )
        rows = np.zeros((count, 16 + size), "u1")
        head = np.stack([when // 1_000_000, when % 1_000_000, np.full(count, size), np.full(count, size)], 1)
        rows[:, :16] = head.astype("<u4").view("u1").reshape(count, 16)
        rows[:, 16:] = frames
        yield rows.tobytes()
        at += count


def one(frame: bytes) -> np.ndarray:
    return np.frombuffer(frame, "u1")[None, :]


def opening(**of: Numbers) -> list[np.ndarray]:
    """The three packets of a handshake; sequence numbers then begin at 1 on both sides."""
    return [
        tcp(1, seq=0, ack=0, flags=SYN, **of),  # type: ignore[arg-type]
        tcp(1, seq=0, ack=1, flags=SYN | ACK, up=False, **of),  # type: ignore[arg-type]
        tcp(1, flags=ACK, **of),  # type: ignore[arg-type]
    ]


# --- lengths that lie ---------------------------------------------------------------------------------


def lying_lengths() -> list[bytes]:
    """Captures each of which states lengths that are not so."""
    whole = pcap(*opening(), tcp(1, REQUEST), tcp(1, RESPONSE, up=False))
    made = []
    for at in (32, 36):  # captured and wire length of the first record
        for lie in (0, 1, 53, 0x7FFFFFFF, 0xFFFFFFFF):
            made.append(whole[:at] + struct.pack("<I", lie) + whole[at + 4 :])
    frame = 40  # where the first frame begins
    for at, width in (
        (16, 2),
        (46, 1),
        (14, 1),
        (20, 2),
        (47, 1),
    ):  # IP total length, TCP offset, IP header, ...
        for lie in (0, 1, 0x0F, 0xF0, 0xFF, 0xFFFF):
            field = (lie & ((1 << 8 * width) - 1)).to_bytes(width, "big")
            made.append(whole[: frame + at] + field + whole[frame + at + width :])
    options = tcp(1, bytes([2, 0, 3, 255, 5, 1, 8, 200]) * 5, flags=SYN)
    column(options, 46, 1, 0xF0)
    made.append(pcap(options))
    section = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
    for lie in (0, 4, 11, 12, 13, 0x7FFFFFFC, 0xFFFFFFFF):
        made.append(section + struct.pack("<II", 1, lie) + bytes(40))
        made.append(section + struct.pack("<IIHHIHHI", 1, 24, 1, 0, 0, 9, lie & 0xFFFF, 24) + bytes(40))
        interface = struct.pack("<IIHHII", 1, 20, 1, 0, 0, 20)
        made.append(section + interface + struct.pack("<IIIIIII", 6, 60, 0, 0, 0, lie, lie) + bytes(28))
    return made


# --- tunnels and headers ------------------------------------------------------------------------------


def ip4(body: bytes, protocol: int, length: int | None = None) -> bytes:
    total = min(20 + len(body), 0xFFFF) if length is None else length
    return struct.pack("!BBHHHBBHII", 0x45, 0, total, 1, 0, 64, protocol, 0, CLIENT, SERVER) + body


def deep_tunnels(depth: int = 10_000, count: int = 200) -> bytes:
    """Tunnels in tunnels: IP in IP, GRE, MPLS, VLAN tags, and all in turn."""
    inner = tcp(1, REQUEST)[0, 14:].tobytes()
    ipip = gre = mixed = inner
    for level in range(depth):
        ipip = ip4(b"", 4, 0) + ipip if level else ip4(ipip, 4)
        gre = ip4(b"", 47, 0) + b"\0\0\x08\0" + gre
        mixed = [ip4(b"", 4, 0), ip4(b"", 47, 0) + b"\0\0\x08\0", ip4(b"", 41, 0) + ip6_header(4)][
            level % 3
        ] + mixed
    frames = [
        ETHERNET + ipip[:SNAPLEN],
        ETHERNET + gre[:SNAPLEN],
        ETHERNET + mixed[:SNAPLEN],
        ETHERNET[:12] + b"\x81\0\0\x01" * depth + b"\x08\0" + inner,
        ETHERNET[:12] + b"\x88\x47" + b"\0\0\0\x40" * depth + b"\0\0\x01\x40" + inner,
    ]
    return pcap(*[one(frame[: SNAPLEN - 100]) for _ in range(count) for frame in frames])


def ip6_header(following: int, length: int = 0xFFFF) -> bytes:
    return struct.pack("!IHBB", 6 << 28, length, following, 64) + bytes(15) + b"\1" + bytes(15) + b"\2"


def extension_loops(headers: int = 8_000, count: int = 400) -> bytes:
    """IPv6 packets that are nothing but extension headers, each naming the next of its own kind."""
    frames = []
    for kind in (0, 43, 60, 44, 51, 135, 139, 140):
        for length in (0, 255):
            chain = (bytes([kind, length]) + bytes(6)) * headers
            frames.append(ETHERNET[:12] + b"\x86\xdd" + ip6_header(kind) + chain)
    return pcap(*[one(frame) for _ in range(count // 16) for frame in frames])


# --- segments -----------------------------------------------------------------------------------------


def overlapping(count: int = 50_000) -> bytes:
    """Each segment overlaps the one before with other bytes; then a request comes in two versions."""
    twisted = REQUEST.replace(b"/ ", b"/evil "[:2])
    versions = [tcp(1, REQUEST[:20]), tcp(1, twisted[5:], seq=6), tcp(1, REQUEST[20:], seq=21)]
    seqs = 1 + len(REQUEST) + 10 * np.arange(count)
    noise = (np.arange(count)[:, None] + np.arange(40)[None, :] & 0xFF).astype("u1")
    return pcap(
        *opening(), *versions, tcp(1, RESPONSE, up=False, ack=1 + len(REQUEST)), tcp(count, noise, seq=seqs)
    )


def half_open(count: int = 1_000_000) -> bytes:
    """SYNs from as many addresses, never answered."""
    numbers = np.arange(count)
    return pcap(
        tcp(count, seq=numbers, ack=0, flags=SYN, address=0x0B000000 + numbers, port=1024 + numbers % 60_000)
    )


def half_open_from_few(count: int = 1_000_000) -> bytes:
    """SYNs from all ports of a few addresses."""
    numbers = np.arange(count)
    return pcap(
        tcp(
            count,
            seq=numbers,
            ack=0,
            flags=SYN,
            address=0x0B000000 + numbers // 60_000,
            port=1024 + numbers % 60_000,
        )
    )


def tiny_out_of_order(count: int = 1_000_000) -> bytes:
    """One byte in two, so that no hole is ever filled; then the same backwards."""
    ahead = 3 + 2 * np.arange(count // 2)
    return pcap(*opening(), tcp(count // 2, b"x", seq=ahead), tcp(count // 2, b"x", seq=ahead[::-1] + count))


def wraparound() -> bytes:
    """A request and an answer across 2**32, the client's sequence numbers and the server's."""
    base = 2**32 - 10
    back = [tcp(1, RESPONSE * 3, up=False, seq=base + 1, ack=base + 1 + len(REQUEST) * 3)]
    return pcap(
        tcp(1, seq=base, ack=0, flags=SYN),
        tcp(1, seq=base, ack=base + 1, flags=SYN | ACK, up=False),
        tcp(1, seq=base + 1, ack=base + 1, flags=ACK),
        *[tcp(1, REQUEST, seq=base + 1 + len(REQUEST) * n, ack=base + 1) for n in range(3)],
        *back,
    )


# --- HTTP ---------------------------------------------------------------------------------------------


def stream(payload: bytes, segment: int = 60_000) -> list[np.ndarray]:
    """One direction's bytes in segments."""
    return [tcp(1, payload[at : at + segment], seq=1 + at) for at in range(0, len(payload), segment)]


def endless_header(megabytes: int = 100) -> bytes:
    """A head whose fields never end, and one field that never does."""
    fields = b"X-Field-Of-A-Head-That-Never-Ends: and its value\r\n"
    many = REQUEST[:-2] + fields * (megabytes * 500_000 // len(fields))
    long = REQUEST[:-2] + b"X-Long: " + b"y" * (megabytes * 500_000)
    other = opening(port=40_001)
    tail = [tcp(1, long[at : at + 60_000], seq=1 + at, port=40_001) for at in range(0, len(long), 60_000)]
    return pcap(*opening(), *stream(many), *other, *tail)


def vast_numbers() -> bytes:
    """Chunk sizes and lengths at and beyond the ends of 64-bit numbers."""
    parts: list[np.ndarray] = []
    sizes = [
        b"%x" % 2**64,
        b"%x" % (2**64 - 1),
        b"%x" % 2**63,
        b"%x" % (2**63 - 1),
        b"f" * 400,
        b"-1",
        b"0x10",
        b"",
    ]
    for number, size in enumerate(sizes):
        port = 41_000 + number
        chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + size + b"\r\nabc\r\n0\r\n\r\n"
        length = b"HTTP/1.1 200 OK\r\nContent-Length: %s\r\n\r\nabc" % (
            str(int(size or b"0", 16)).encode()[:500] if size[:1] not in (b"-",) else size
        )
        for extra, answer in enumerate((chunked, length)):
            own = {"port": port + 500 * extra}
            parts += [
                *opening(**own),
                tcp(1, REQUEST, **own),
                tcp(1, answer, up=False, ack=1 + len(REQUEST), **own),
            ]
            parts += [tcp(1, up=False, seq=1 + len(answer), flags=FIN | ACK, **own)]
    return pcap(*parts)


def pipelined(count: int = 1_000_000) -> bytes:
    """A million requests on one connection, as many to a segment as fit, answered afterwards."""
    up, down = b"GET / HTTP/1.1\r\nHost: a\r\n\r\n", b"HTTP/1.1 204 N\r\n\r\n"
    sent, got = up * count, down * count
    back = [
        tcp(1, got[at : at + 60_000], seq=1 + at, ack=1 + len(sent), up=False)
        for at in range(0, len(got), 60_000)
    ]
    return pcap(*opening(), *stream(sent), *back)


def distinct_targets(count: int = 300_000) -> bytes:
    """Every request names another host and another target."""
    sent = b"".join(b"GET /%06d HTTP/1.1\r\nHost: h%06d\r\n\r\n" % (n, n) for n in range(count))
    return pcap(*opening(), *stream(sent))


def distinct_servers(count: int = 100_000) -> bytes:
    """Every response names another Server."""
    sent = REQUEST * count
    got = b"".join(b"HTTP/1.1 204 N\r\nServer: s%06d\r\n\r\n" % n for n in range(count))
    back = [
        tcp(1, got[at : at + 60_000], seq=1 + at, ack=1 + len(sent), up=False)
        for at in range(0, len(got), 60_000)
    ]
    return pcap(*opening(), *stream(sent), *back)


def failing_connections(count: int = 200_000) -> bytes:
    """Every connection is answered by a reset, from as many servers' clients: a finding for each."""
    numbers = np.arange(count)
    own = {"address": 0x0B000000 + numbers, "port": 1024 + numbers % 60_000}
    syn, rst = tcp(count, seq=0, ack=0, flags=SYN, **own), tcp(count, seq=0, flags=RST | ACK, up=False, **own)
    both = np.empty((2 * count, syn.shape[1]), "u1")
    both[0::2], both[1::2] = syn, rst
    return pcap(both)


# --- time ---------------------------------------------------------------------------------------------


def backwards(count: int = 100_000) -> bytes:
    """Every packet is a second older than the one before it."""
    requests = tcp(count, REQUEST, seq=1 + len(REQUEST) * np.arange(count))
    times = (START_S + count - np.arange(count + 3)) * 1_000_000
    return pcap(*opening(), requests, times_us=times)


def ends_of_time() -> list[bytes]:
    """1970, 2106, both in one capture, and the first and last moment a pcapng can name."""
    packets = [*opening(), tcp(1, REQUEST), tcp(1, RESPONSE, up=False, ack=1 + len(REQUEST))]
    last = 0xFFFFFFFF * 1_000_000 + 999_999
    made = [
        pcap(*packets, times_us=np.array(times, "u8"))
        for times in ([0, 1, 2, 3, 4], [last - 4, last - 3, last - 2, last - 1, last], [0, 1, 2, last, last])
    ]
    section = struct.pack("<IIIHHqI", 0x0A0D0D0A, 28, 0x1A2B3C4D, 1, 0, -1, 28)
    frame = packets[0][0].tobytes() + bytes(2)
    for resolution in (0, 6, 9, 12, 127, 128, 191, 255):
        option = struct.pack("<HHB3xHH", 9, 1, resolution, 0, 0)
        interface = struct.pack("<IIHHI", 1, 32, 1, 0, 0) + option + struct.pack("<I", 32)
        blocks = [
            struct.pack("<IIIIIII", 6, 32 + len(frame), 0, high, low, len(frame) - 2, len(frame) - 2) + frame
            + struct.pack("<I", 32 + len(frame))
            for high, low in ((0, 0), (0x7FFFFFFF, 0xFFFFFFFF), (0xFFFFFFFF, 0xFFFFFFFF))
        ]  # fmt: skip
        made.append(section + interface + b"".join(blocks))
    return made


# --- compression --------------------------------------------------------------------------------------


def bombs(megabytes: int = 1_000) -> dict[str, bytes]:
    """A few kilobytes that unpack into so many megabytes of packets, or of nothing."""
    record = one(bytes(1400))
    packets = pcap(np.repeat(record, 700, axis=0))[24:]
    head = pcap()
    zeros = bytes(1 << 20)
    press = zstandard.ZstdCompressor(level=3).compressobj()
    made = {
        "zstd": b"".join(
            [press.compress(head), *(press.compress(packets) for _ in range(megabytes)), press.flush()]
        )
    }
    squeeze = lzma.LZMACompressor(preset=1)
    made["xz"] = b"".join(
        [squeeze.compress(head), *(squeeze.compress(zeros) for _ in range(megabytes)), squeeze.flush()]
    )
    made["gzip"] = gzip.compress(head, 6) + gzip.compress(packets * 8, 6) * (megabytes // 8)
    made["bz2"] = bz2.compress(head) + bz2.compress(packets * 20) * (megabytes // 20)
    made["gzip in gzip"] = gzip.compress(made["gzip"], 6)
    return made
