"""The cold path: packets of a few connections, read a second time to prove what was found.

The tables hold no packets, so a `Wire` reads the needed frame ranges of the files again, decodes them with
the same kernel as the first pass, and keeps the packets of the connections asked for. Ask for many at once
(`collect`): ranges that touch are read once. What is read is bounded by the ranges and by `limit`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from pcapdiag import tables as t
from pcapdiag.columns import among
from pcapdiag.malformed import why_malformed
from pcapdiag.traffic import Traffic
from pcapdiag.wirepacket import (
    MODULUS,
    STREAM_LIMIT,
    Key,
    Span,
    WirePacket,
    address_number,
    head_of,
    in_order,
    merged,
    packet_key,
    signed,
)

if TYPE_CHECKING:
    from pcapdiag.capture import CaptureFile

HANDSHAKE_FRAMES = 200  # where a connection's initial sequence numbers are looked for
PACKET_LIMIT = 10_000  # packets of one connection kept by one call
MESSAGE_LIMIT = 1 << 18
TARGET_COMPARED = 32  # characters of the target by which a request is found in the stream


class Captured(Protocol):
    """What a Wire needs of an Analysis."""

    @property
    def traffic(self) -> Traffic: ...

    @property
    def capture_files(self) -> list[CaptureFile]: ...


@dataclass
class _Owner:
    """A span, and how many packets it may still have."""

    span: Span
    client: tuple[int, int]  # address as a number, port
    left: int


class Wire:
    """Reads packets of an analysis's connections again."""

    def __init__(self, analysis: Captured) -> None:
        self.traffic = analysis.traffic
        self._files = analysis.capture_files
        self._bases: dict[tuple[int, int], int] = {}  # (connection, direction) -> initial sequence number

    def packets(
        self,
        connection: int,
        first_frame: int | None = None,
        last_frame: int | None = None,
        limit: int = PACKET_LIMIT,
    ) -> list[WirePacket]:
        """A connection's packets between two running frames, at most `limit`."""
        row = self.traffic.connections[connection]
        first = int(row["first_frame"]) if first_frame is None else first_frame
        last = int(row["last_frame"]) if last_frame is None else last_frame
        return self.collect([Span(connection, first, last)], limit).get(connection, [])

    def collect(self, spans: Iterable[Span], limit: int = PACKET_LIMIT) -> dict[int, list[WirePacket]]:
        """Each connection's packets in its spans, by one pass over the frames they cover."""
        wanted = [self._clipped(span) for span in spans]
        shown: dict[int, list[tuple[int, int]]] = {}
        for span in wanted:
            shown.setdefault(span.connection, []).append((span.first_frame, span.last_frame))
        handshakes = [
            self._handshake(connection) for connection in shown if (connection, 0) not in self._bases
        ]
        found: dict[int, list[WirePacket]] = {connection: [] for connection in shown}
        for connection, packet in self.each([*wanted, *handshakes], limit):
            self._learn_bases(connection, packet)
            kept = found[connection]
            if len(kept) < limit and any(a <= packet.running <= b for a, b in shown[connection]):
                kept.append(packet)
        return {
            connection: [self._relative(connection, p) for p in kept] for connection, kept in found.items()
        }

    def stream(
        self,
        connection: int,
        direction: int,
        first_frame: int | None = None,
        last_frame: int | None = None,
        limit_bytes: int = STREAM_LIMIT,
    ) -> bytes:
        """The bytes of one direction in order, each once, up to the first that the capture does not hold."""
        packets = self.packets(connection, first_frame, last_frame)
        return in_order((p for p in packets if p.direction == direction and p.icmp is None), limit_bytes)

    def request_head(self, exchange: int) -> bytes:
        """Start line and header fields of a request as sent, to the empty line or as far as captured."""
        return head_of(self.message(exchange, 0))

    def response_head(self, exchange: int) -> bytes:
        """The same of the (final) response."""
        return head_of(self.message(exchange, 1))

    def why_malformed(self, exchange: int, direction: int) -> str:
        """What is wrong with a request (0) or response (1), in words; "" when nothing is."""
        return why_malformed(self.message(exchange, direction), direction)

    def message(self, exchange: int, direction: int, limit_bytes: int = MESSAGE_LIMIT) -> bytes:
        """The bytes of an exchange's request (0) or response (1), and what follows in its last packet."""
        row = self.traffic.exchanges[exchange]
        side = "response" if direction else "request"
        first, last = int(row[f"{side}_frame"]), int(row[f"{side}_end_frame"])
        decrypted = self.traffic.decrypted
        if not first or (len(decrypted) and decrypted[row["connection"]]):
            return b""  # there are only the records of TLS
        stream = self.stream(int(row["connection"]), direction, first, max(first, last), limit_bytes)
        known = b"HTTP/1.%d %d" if direction else self.traffic.method(exchange).encode()
        if direction:
            starts = [stream.find(known % (minor, int(row["status"]))) for minor in (1, 0)]
        else:
            target = self.traffic.target(exchange)[:TARGET_COMPARED].encode("utf-8", "surrogateescape")
            starts = [stream.find(known + b" " + target)]
        return stream[max(0, min((at for at in starts if at >= 0), default=0)) :]

    def rows(self, first: int, last: int) -> Iterator[np.ndarray]:
        """All packets between two running frames as tables.Packet rows, good until the next are asked for."""
        from pcapdiag.packets import Decoder

        decoder = Decoder()
        for index, frames in self._in_files(first, last):
            before = self.traffic.files[index].first_frame - 1
            for batch in self._files[index].reread(*frames):
                rows = decoder.decode(batch.data, batch.records, before + batch.first_frame)
                yield rows[(rows["frame"] >= first) & (rows["frame"] <= last)]

    def payloads(self, frames: np.ndarray) -> Iterator[tuple[int, bytes]]:
        """The TCP payload of each of these running frames (in order), as far as captured."""
        from pcapdiag.packets import Decoder

        decoder = Decoder()
        for index, own in self._in_files(int(frames[0]), int(frames[-1])):
            before = self.traffic.files[index].first_frame - 1
            for batch in self._files[index].reread(*own):
                rows = decoder.decode(batch.data, batch.records, before + batch.first_frame)
                rows = rows[among(rows["frame"], frames) & (rows["kind"] == t.KIND_TCP)]
                for frame, at, size in zip(
                    rows["frame"].tolist(),
                    rows["payload_off"].tolist(),
                    rows["captured_len"].tolist(),
                    strict=True,
                ):
                    yield frame, bytes(batch.data[at : at + size])

    def _clipped(self, span: Span) -> Span:
        row = self.traffic.connections[span.connection]
        first = max(span.first_frame, int(row["first_frame"]))
        return Span(span.connection, first, min(span.last_frame, int(row["last_frame"])))

    def _handshake(self, connection: int) -> Span:
        row = self.traffic.connections[connection]
        first = int(row["first_frame"])
        return Span(connection, first, min(first + HANDSHAKE_FRAMES, int(row["last_frame"])))

    def each(self, spans: list[Span], limit: int = sys.maxsize) -> Iterator[tuple[int, WirePacket]]:
        """(connection, packet with raw sequence numbers) of the packets in the spans, `limit` of each."""
        owners = self._owners(spans, limit)
        for first, last in merged((span.first_frame, span.last_frame) for span in spans):
            yield from self._in_range(first, last, owners)

    def _in_range(
        self, first: int, last: int, owners: dict[Key, list[_Owner]]
    ) -> Iterator[tuple[int, WirePacket]]:
        """The packets between two running frames that one of the owners still takes."""
        from pcapdiag.packets import Decoder

        decoder = Decoder()
        ports = np.array(sorted({key[1] << 16 | key[3] for key in owners}), "u4")
        hungry = {id(o): o for each in owners.values() for o in each if first <= o.span.first_frame <= last}
        for index, frames in self._in_files(first, last):
            before = self.traffic.files[index].first_frame - 1
            for batch in self._files[index].reread(*frames):
                rows = decoder.decode(batch.data, batch.records, before + batch.first_frame)
                pairs = rows["src_port"].astype("u4") << 16 | rows["dst_port"]
                for row in rows[among(pairs, ports) & (rows["kind"] != t.KIND_DNS)]:
                    key, frame = packet_key(row), int(row["frame"])
                    for owner in owners.get(key, ()) if first <= frame <= last else ():
                        if owner.span.first_frame <= frame <= owner.span.last_frame:
                            if owner.left:
                                owner.left -= 1
                                direction = 0 if key[:2] == owner.client else 1
                                yield (
                                    owner.span.connection,
                                    self._packet(direction, row, batch, index, before),
                                )
                            break
                if not any(owner.left for owner in hungry.values()):
                    return

    def _owners(self, spans: list[Span], limit: int) -> dict[Key, list[_Owner]]:
        """Source and destination of a packet -> the spans it may belong to."""
        owners: dict[Key, list[_Owner]] = {}
        for span in spans:
            client, server = self._endpoints(span.connection)
            owner = _Owner(span, client, limit)
            for key in ((*client, *server), (*server, *client)):
                owners.setdefault(key, []).append(owner)
        return owners

    def _endpoints(self, connection: int) -> tuple[tuple[int, int], tuple[int, int]]:
        row = self.traffic.connections[connection]
        client, server = (address_number(self.traffic.addresses[row[side]]) for side in ("client", "server"))
        return (client, int(row["client_port"])), (server, int(row["server_port"]))

    def _in_files(self, first: int, last: int) -> Iterator[tuple[int, tuple[int, int]]]:
        """(file, its own frames) of a range of running frames."""
        for index, info in enumerate(self.traffic.files):
            before = info.first_frame - 1
            low, high = max(first - before, 1), min(last - before, info.packets)
            if low <= high:
                yield index, (low, high)

    def _packet(self, direction: int, row: np.void, batch, index: int, before: int) -> WirePacket:  # type: ignore[no-untyped-def]
        record = batch.records[int(row["frame"]) - before - batch.first_frame]
        off, payload_off = int(record["off"]), int(row["payload_off"])
        is_icmp = row["kind"] == t.KIND_ICMP
        return WirePacket(
            file=index,
            frame=int(row["frame"]) - before,
            running=int(row["frame"]),
            time_ns=int(row["time_ns"]),
            direction=direction,
            seq=int(row["seq"]),
            ack=int(row["ack"]),
            flags=0 if is_icmp else int(row["flags"]),
            window=int(row["window"]),
            payload_len=0 if is_icmp else int(row["payload_len"]),
            payload=b""
            if is_icmp
            else bytes(batch.data[payload_off : payload_off + int(row["captured_len"])]),
            record=bytes(batch.data[off : off + int(record["caplen"])]),
            payload_at=payload_off - off,
            wirelen=int(record["wirelen"]),
            link=int(record["link"]),
            interface=int(record["interface"]),
            sack=tuple(
                (int(row[f"sack{i}_left"]), int(row[f"sack{i}_right"]))
                for i in range(min(int(row["sack_count"]), 4))
            ),
            icmp=(int(row["icmp_type"]), int(row["icmp_code"])) if is_icmp else None,
            ip_id=int(row["ip_id"]),
        )

    def _learn_bases(self, connection: int, packet: WirePacket) -> None:
        """Remember the initial sequence numbers; without a SYN, the first byte seen counts as number 1."""
        if packet.icmp:
            return
        own, other = (connection, packet.direction), (connection, 1 - packet.direction)
        if packet.flags & t.SYN:
            self._bases[own] = packet.seq
        else:
            self._bases.setdefault(own, (packet.seq - 1) % MODULUS)
        if packet.flags & t.ACK:
            self._bases.setdefault(other, (packet.ack - 1) % MODULUS)

    def _relative(self, connection: int, packet: WirePacket) -> WirePacket:
        own = self._bases.get((connection, packet.direction), 0)
        other = self._bases.get((connection, 1 - packet.direction), 0)
        row = self.traffic.connections[connection]
        scale = int(row["server_wscale"] if packet.direction else row["client_wscale"])
        both = row["server_wscale"] >= 0 and row["client_wscale"] >= 0 and not packet.flags & t.SYN
        return replace(
            packet,
            seq=signed(packet.seq - own),
            ack=signed(packet.ack - other) if packet.flags & t.ACK else 0,
            window=packet.window << scale if both else packet.window,
            sack=tuple((signed(left - other), signed(right - other)) for left, right in packet.sack),
        )
