"""A capture that holds a part of the traffic only: what is missing makes causes silent, and never adds one.

Each case is a recorded capture of which a part was taken away, as a short snaplen, a filter or a late start
does; the whole capture says what is true.
"""

from __future__ import annotations

import io
import json
import struct
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

import pcapdiag
from pcapdiag.causes.cause import Severity

CAPTURES = Path(__file__).parents[1] / "captures"
HEADER, RECORD = 24, 16
ETHERNET = 14

Records = list[bytes]


def records(capture: bytes) -> Records:
    found, at = [], HEADER
    while at + RECORD <= len(capture):
        end = at + RECORD + struct.unpack_from("<I", capture, at + 8)[0]
        found.append(capture[at:end])
        at = end
    return found


def cut_to(snaplen: int) -> Callable[[Records], Records]:
    """As ``tcpdump -s`` or ``editcap -s`` cut packets."""

    def cut(packets: Records) -> Records:
        return [
            p[:8] + struct.pack("<I", min(snaplen, len(p) - RECORD)) + p[12 : RECORD + snaplen]
            for p in packets
        ]

    return cut


def only_from(side: str) -> Callable[[Records], Records]:
    """Packets of clients only, or of servers: as a filter with "src" alone."""

    def chosen(packets: Records) -> Records:
        servers = {ends(p)[1] for p in packets if is_tcp(p) and flags(p) & 0x12 == 0x02}
        return [p for p in packets if not is_tcp(p) or (ends(p)[1] in servers) == (side == "client")]

    return chosen


def without_first(share: float) -> Callable[[Records], Records]:
    return lambda packets: packets[int(len(packets) * share) :]


def without_last(share: float) -> Callable[[Records], Records]:
    return lambda packets: packets[: len(packets) - int(len(packets) * share)]


def is_tcp(packet: bytes) -> bool:
    return packet[RECORD + 12 : RECORD + 14] == b"\x08\x00" and packet[RECORD + ETHERNET + 9] == 6


def ends(packet: bytes) -> tuple[bytes, bytes]:
    """Source and destination, address and port."""
    ip = packet[RECORD + ETHERNET :]
    tcp = ip[4 * (ip[0] & 15) :]
    return ip[12:16] + tcp[:2], ip[16:20] + tcp[2:4]


def flags(packet: bytes) -> int:
    ip = packet[RECORD + ETHERNET :]
    return ip[4 * (ip[0] & 15) + 13]


def accused(capture: bytes, name: str) -> Counter[str]:
    """The causes at warning or above, with their counts."""
    expected = json.loads((CAPTURES / f"{name}.expected.json").read_text())
    named = expected.get("alb", [])
    analysis = pcapdiag.analyze(
        io.BytesIO(capture),
        alb=named if isinstance(named, list) else [named],
        profile=expected.get("profile"),
    )
    counts: Counter[str] = Counter()
    for finding in analysis.findings:
        if finding.severity >= Severity.WARNING and not finding.cause.name.startswith("capture-"):
            counts[finding.cause.name] += finding.count
    return counts


def added(name: str, change: Callable[[Records], Records]) -> Counter[str]:
    """What the part says that the whole does not."""
    whole = (CAPTURES / f"{name}.pcap").read_bytes()
    part = whole[:HEADER] + b"".join(change(records(whole)))
    return accused(part, name) - accused(whole, name)


@pytest.mark.parametrize("snaplen", [68, 78, 96, 256])
@pytest.mark.parametrize(
    "name",
    [
        "backend-connect-refused/nginx-not-listening",
        "backend-connect-refused/varnish-not-listening",
        "backend-connect-timeout/nginx-syn-dropped",
        "backend-high-rtt/nginx-far-backend",
        "backend-packet-loss/nginx-both-ways",
        "backlog-overflow/nginx-ack-dropped",
        "backlog-overflow/nginx-syn-dropped",
        "backlog-overflow/nginx-syn-dropped.backend",
        "bandwidth-limited/nginx-slow-line",
        "health-check-failing/haproxy-500.backend",
        "health-check-failing/haproxy-refused",
        "health-check-failing/nginx-503",
        "malformed-request/haproxy-seven",
        "mixed/nginx-five-faults",
        "status-rewritten/nginx-504-as-502",
        "throttled/nginx-burst",
        "uri-too-long/haproxy-by-backend",
    ],
)
def test_a_short_snaplen_adds_nothing(name: str, snaplen: int) -> None:
    assert not added(name, cut_to(snaplen))


def test_what_a_short_snaplen_leaves_of_an_even_transfer_is_still_bandwidth() -> None:
    name = "bandwidth-limited/nginx-slow-line"
    whole = (CAPTURES / f"{name}.pcap").read_bytes()
    part = whole[:HEADER] + b"".join(cut_to(96)(records(whole)))
    assert accused(part, name) == Counter({"bandwidth-limited": 2})


@pytest.mark.parametrize("side", ["client", "server"])
@pytest.mark.parametrize(
    "name",
    [
        "alb-node-unreachable/haproxy-one-of-three",
        "backend-packet-loss/near-miss-reordering",
        "backend-packet-loss/nginx-both-ways",
        "backend-zero-window/near-miss-brief",
        "backlog-overflow/nginx-ack-dropped",
        "backlog-overflow/nginx-syn-dropped",
        "backlog-overflow/nginx-syn-dropped.backend",
        "mtu-blackhole/haproxy-download.backend",
        "mtu-blackhole/nginx-upload",
    ],
)
def test_one_direction_adds_nothing(name: str, side: str) -> None:
    assert not added(name, only_from(side))


def without_handshakes(packets: Records) -> Records:
    return [p for p in packets if not is_tcp(p) or not flags(p) & 0x02]


def test_what_a_receiver_selected_beyond_a_hole_tells_of_a_black_hole_without_a_handshake() -> None:
    """None of the three uploads shows a duplicate ACK: all that answers them selects their last segment."""
    name = "mtu-blackhole/haproxy-client-upload"
    whole = (CAPTURES / f"{name}.pcap").read_bytes()
    part = whole[:HEADER] + b"".join(without_handshakes(records(whole)))
    assert accused(part, name) == Counter({"mtu-blackhole": 3})


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("alb-node-unreachable/haproxy-one-of-three", without_first(0.3)),
        ("backend-connect-refused/varnish-not-listening", without_first(0.3)),
        ("health-check-failing/nginx-503", without_last(0.3)),
        ("healthy/apache-mix", without_first(0.1)),
        ("mtu-blackhole/haproxy-client-upload.client", without_last(0.1)),
        ("mtu-blackhole/haproxy-download.backend", without_last(0.3)),
        ("mtu-blackhole/nginx-upload", without_first(0.1)),
        ("mtu-blackhole/nginx-upload", without_last(0.3)),
    ],
)
def test_a_late_start_or_an_early_end_adds_nothing(name: str, change: Callable[[Records], Records]) -> None:
    assert not added(name, change)


def without(*frames: int) -> Callable[[Records], Records]:
    """The capture lacks these packets, as Wireshark counts them."""
    return lambda packets: [p for n, p in enumerate(packets, 1) if n not in frames]


@pytest.mark.parametrize(
    ("name", "frames"),
    [
        # the handshake of TLS, so that what follows is an answer to nothing
        ("tls-on-plaintext-port/nginx-answers-400", (35,)),
        # the handshake's rest, and the request: the server's reset seems to answer the SYN
        ("backend-reset/haproxy-before-response", (59, 60, 61)),
    ],
)
def test_packets_that_the_capture_lacks_add_nothing(name: str, frames: tuple[int, ...]) -> None:
    assert not added(name, without(*frames))
