"""Transfers ran at a ceiling: the line carries no more, and what its queue cannot hold waits or is lost.

What the wire shows
    A large transfer whose bytes arrive at one even rate from beginning to end, while there are always
    more on the way, and while the round trip is many times what the empty path takes: a queue stands
    before the narrowest place. Often the queue overflows, and segments are lost in regular turns.

Why it happens
    A line, a shaper or a quota: a client's mobile or home line, a VPN, an instance type that used up its
    network burst, a bandwidth cap on the load balancer or its address (Alibaba Cloud sells them by Mbit/s;
    AWS has none on an ALB).

What to do
    Compare the rate found with what that line or instance should carry. Send less (compression, smaller
    images, ranges), nearer (a CDN), or buy more. Give uploads and downloads of that size time-outs to
    match.

What it could be mistaken for
    frontend-packet-loss and backend-packet-loss: there loss sets the rate, with no queue before it; here
    the rate makes the loss. frontend-high-rtt and backend-high-rtt: there the empty path is long. A
    sender that has no more to say, or a reader that is slow, leaves the path idle in between.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import claims, endings, reading
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.columns import among, union
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic
from pcapdiag.wirepacket import WirePacket

CAUSE = Cause(
    "bandwidth-limited",
    Severity.WARNING,
    legs=("frontend", "backend"),
    statuses=(408, 499),
    outranks=("frontend-packet-loss", "backend-packet-loss", "frontend-high-rtt", "backend-high-rtt"),
    mistaken_for=(
        ("frontend-packet-loss", "a queue stands before anything is lost, and the rate stays even"),
        ("frontend-high-rtt", "the round trip is short when nothing is queued"),
        ("slow-backend", "the response had begun and did not stop"),
    ),
)

QUEUED = 2.0  # so many times the empty path's round trip is a queue
READ_AT_ONCE = 8
FRAMES_READ = 100_000  # between the first and the last of a transfer that is read again
SLICES = 8  # of a transfer's time, in which its rate is compared
EVEN = (0.5, 1.6)  # share of the whole rate that each slice may have
BUSY = 0.9  # share of the time with bytes on the way


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    suspects = _suspects(traffic, profile)
    if not len(suspects):
        return
    read = suspects[:READ_AT_ONCE]
    rates_bps = np.array([_even_rate_bps(traffic, row) for row in read.tolist()])
    limited = rates_bps > 0
    legs = traffic.exchange_leg[read] == t.LEG_BACKEND
    for leg, mine in ((t.LEG_FRONTEND, ~legs), (t.LEG_BACKEND, legs)):
        chosen = limited & mine
        if chosen.any():
            # Those beyond what is read ran over the same lines, queued as these.
            yield _on_leg(traffic, leg, _with_alike(traffic, suspects, read[chosen]), rates_bps[chosen])


def _on_leg(traffic: Traffic, leg: int, rows: np.ndarray, rates_bps: np.ndarray) -> Finding:
    rate_bps = float(np.median(rates_bps))
    names = claims.involved(traffic, rows, leg)
    what = "backends" if leg == t.LEG_BACKEND else "clients"
    empty_ms, queued_ms = _trips_ms(traffic, rows)
    lost = _lost(traffic, rows)
    return claims.finding(
        traffic,
        CAUSE,
        leg,
        title=(
            f"{claims.of_requests(traffic, leg)} moved their bodies at an even {_spoken(rate_bps)}, the "
            f"ceiling of the line with {claims.who(names, what)}"
        ),
        explanation=(
            "Bytes were on the way all the time and arrived at that rate from beginning to end, while a "
            f"round trip took {queued_ms:.0f} ms in place of {empty_ms:.0f} ms: a queue stands before the "
            f"narrowest place. {lost:,} segments were sent again."
        ),
        remedy=(
            f"Compare {_spoken(rate_bps)} with what the line, shaper or instance of {names[0]} should carry.",
            "Send less (compression, smaller images) or nearer (a CDN); allow for it in time-outs.",
        ),
        exchanges=rows,
        facts={
            "throughput_bps": round(rate_bps),
            "slowest_bps": round(float(rates_bps.min())),
            "fastest_bps": round(float(rates_bps.max())),
            "empty_rtt_ms": round(empty_ms, 1),
            "queued_rtt_ms": round(queued_ms, 1),
            "retransmitted_segments": lost,
        },
        note="a large transfer at an even rate",
        kinds=(t.EVENT_RETRANSMISSION,),
    )


def _suspects(traffic: Traffic, profile: Profile) -> np.ndarray:
    """Exchanges with a large body on connections whose round trips say that a queue stood."""
    connections = traffic.connections
    queued = np.zeros(len(connections), "?")
    enough_us = int(profile.bandwidth_queue_ms * 1000)
    for side in ("client", "server"):
        mask = connections[f"{side}_mean_rtt_us"] > enough_us
        mask &= connections[f"{side}_mean_rtt_us"] != t.NEVER
        mask &= connections[f"{side}_bytes"] >= profile.bandwidth_min_bytes
        rows = np.flatnonzero(mask)
        mean_us, empty_us = connections[f"{side}_mean_rtt_us"][rows], _empty_us(traffic, rows, side)
        queued[rows] |= (mean_us > empty_us + enough_us) & (mean_us > QUEUED * empty_us)
    if not queued.any():
        return np.zeros(0, "i8")
    # A reader that closed its window held the bytes up itself.
    queued[traffic.troubles["connection"][traffic.troubles["zero_windows"] > 0]] = False
    exchanges = traffic.exchanges
    rows = np.flatnonzero(queued[exchanges["connection"]])
    return rows[_body_bytes(traffic, rows) >= profile.bandwidth_min_bytes]


def _empty_us(traffic: Traffic, rows: np.ndarray, side: str) -> np.ndarray:
    """The round trip of the path before there was a queue: the smaller of handshake's and data's."""
    row = traffic.connections[rows]
    handshake_us = row["syn_rtt_us"].astype("i8") + row["ack_rtt_us"]
    return np.minimum(handshake_us, row[f"{side}_rtt_us"])


def _body_bytes(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    return np.maximum(*_sizes(traffic, rows))


def _sizes(traffic: Traffic, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Bytes of each exchange's bodies, request's and response's: at the most those of its connection, where a
    short snaplen hides them. The packets tell how large it was."""
    exchanges = traffic.exchanges[rows]
    connections = traffic.connections[exchanges["connection"]]
    hidden = endings.cut_short(traffic, rows)
    return (
        np.where(hidden, connections["client_bytes"], exchanges["request_body"]),
        np.where(hidden, connections["server_bytes"], exchanges["response_body"]),
    )


def _is_download(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    sent, got = _sizes(traffic, rows)
    return got >= sent


def _even_rate_bps(traffic: Traffic, row: int) -> float:
    """The rate at which an exchange's larger body arrived, when it was even and the path never idle; else "
    "0."""
    reader = reading.wire(traffic)
    if reader is None:
        return 0.0
    exchange = traffic.exchanges[row]
    is_response = bool(_is_download(traffic, np.array([row]))[0])
    side = "response" if is_response else "request"
    first = int(exchange[f"{side}_frame"])
    connection = int(exchange["connection"])
    last = int(traffic.connections["last_frame"][connection])
    if int(exchange["next"]) != t.NONE:
        last = int(traffic.exchanges["request_frame"][int(exchange["next"])])
    packets = reader.packets(connection, first, min(last, first + FRAMES_READ))
    return even_rate_bps(packets, 1 if is_response else 0)


def even_rate_bps(packets: Sequence[WirePacket], direction: int) -> float:
    """The rate of one direction's bytes when it was even and they were always on the way; else 0.

    What arrived is told by the acknowledgements: all below them, and what they select above (SACK).
    """
    arrivals: list[tuple[int, int]] = []  # (time, bytes arrived by then)
    sent, idle_ns, idle_since = 0, 0, 0
    base, received, acked = -1, 0, 0
    selected: dict[int, int] = {}
    for packet in packets:
        if packet.icmp is not None:
            continue
        if packet.direction == direction:
            if packet.payload_len:
                base = packet.seq if base < 0 else base
                sent = max(sent, packet.seq + packet.payload_len)
                idle_ns += packet.time_ns - idle_since if idle_since else 0
                idle_since = 0
            continue
        if base < 0:
            continue
        acked = max(acked, packet.ack)
        selected |= {left: right for left, right in packet.sack if right > acked}
        selected = {left: right for left, right in selected.items() if right > acked}
        received = max(received, acked - base + _covered(selected, acked))
        if not arrivals or received > arrivals[-1][1]:
            arrivals.append((packet.time_ns, received))
        if acked >= sent and not idle_since:
            idle_since = packet.time_ns
    return _rate_if_even(arrivals, idle_ns)


def _covered(selected: dict[int, int], above: int) -> int:
    """Bytes above the acknowledgement that the blocks cover, each once."""
    total, reached = 0, above
    for left, right in sorted(selected.items()):
        total += max(right - max(left, reached), 0)
        reached = max(reached, right)
    return total


def _rate_if_even(arrivals: list[tuple[int, int]], idle_ns: int) -> float:
    if len(arrivals) <= 2 * SLICES:
        return 0.0
    times_ns, received = np.array(arrivals, "i8").T
    took_ns = int(times_ns[-1] - times_ns[0])
    total = int(received[-1] - received[0])
    if took_ns <= 0 or idle_ns > (1 - BUSY) * took_ns:
        return 0.0
    edges = np.interp(np.linspace(times_ns[0], times_ns[-1], SLICES + 1), times_ns, received)
    shares = np.diff(edges) * SLICES / total
    if shares.min() < EVEN[0] or shares.max() > EVEN[1]:
        return 0.0
    return total * 8e9 / took_ns


def _with_alike(traffic: Traffic, suspects: np.ndarray, proven: np.ndarray) -> np.ndarray:
    """The proven rows, and the suspects that were not read of the same pairs of addresses."""
    ends = traffic.connections[traffic.exchanges["connection"][suspects]]
    pairs = ends["client"].astype("u8") << 32 | ends["server"]
    unread = suspects[READ_AT_ONCE:]
    same = among(pairs[READ_AT_ONCE:], pairs[among(suspects, proven)])
    return union(proven, unread[same]).astype("i8")


def _trips_ms(traffic: Traffic, rows: np.ndarray) -> tuple[float, float]:
    """Round trips of the empty path and of the queued one (medians over these exchanges' connections)."""
    on = traffic.exchanges["connection"][rows]
    larger = _is_download(traffic, rows)
    empty_us = np.where(larger, _empty_us(traffic, on, "server"), _empty_us(traffic, on, "client"))
    means = (traffic.connections[f"{side}_mean_rtt_us"][on] for side in ("server", "client"))
    return float(np.median(empty_us)) / 1000, float(np.median(np.where(larger, *means))) / 1000


def _lost(traffic: Traffic, rows: np.ndarray) -> int:
    on = among(traffic.troubles["connection"], traffic.exchanges["connection"][rows])
    return int(traffic.troubles["retransmitted"][on].sum())


def _spoken(rate_bps: float) -> str:
    return f"{rate_bps / 1e6:.1f} Mbit/s" if rate_bps >= 1e6 else f"{rate_bps / 1000:.0f} kbit/s"
