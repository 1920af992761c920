"""HTTPS with its keys: tshark decrypts, and our own framing reads what was inside like plain HTTP.

tshark hands over each TLS record's bytes with the frame that completed it (its HTTP dissector is off, so that
they come untouched), and they go to the same kernel that framed the plain connections, under the same
connection numbers. HTTP/2 comes as tshark's frames: each of its streams is told to the kernel as one HTTP/1.1
exchange, its header fields, the lengths of its bodies and how it ended.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from pcapdiag import tables as t
from pcapdiag import tshark
from pcapdiag.columns import among, distinct
from pcapdiag.traffic import Traffic, address_text, endpoint

if TYPE_CHECKING:
    from pcapdiag.capture import CaptureFile
    from pcapdiag.http import Framer
    from pcapdiag.tcp import Tracker

LAYERS = "ip ipv6 tcp data http2"
FRAMES_LIMIT = 200_000  # frames of one file with decrypted bytes
HANDED_ON_BYTES = 1 << 20
SLOT_LIMIT = 1 << 15  # connections and HTTP/2 streams open at once
PORTS_LIMIT = 100

# HTTP/2 frames (RFC 9113, 6)
DATA, HEADERS, RST_STREAM = 0, 1, 3
CONTINUATION = 9
END_STREAM, PADDED = 1, 8


def decrypt(
    files: Sequence[CaptureFile], tracker: Tracker, framer: Framer, keylog: str | None
) -> tuple[int, str]:
    """Frame what the TLS connections carried, as far as there are keys.

    Returns how many frames were left unread, and why tshark could not read a file; "" when it could.
    """
    tshark.need_tshark("decryption")
    feed = Feed(framer)
    ends = Ends(tracker)
    unread, trouble = 0, ""
    for file in files:
        if not (keylog or file.info.tls_keys):
            continue
        try:
            for count, packet in enumerate(decrypted_frames(file, ends, keylog)):
                if count == FRAMES_LIMIT:
                    unread += 1
                    break
                take(packet, file.info.first_frame - 1, ends, feed)
        except tshark.TsharkGaveUp as error:
            trouble = str(error)
    for row, streams in feed.open_streams().items():
        for frame, time_ns, kind, direction in ends.closes(row):
            feed.end(streams, frame, time_ns, kind, direction)
    feed.close()
    return unread + feed.dropped, trouble


def decrypted_frames(file: CaptureFile, ends: Ends, keylog: str | None) -> Iterator[tshark.Packet]:
    """The packets that complete a record of TLS, with what was in it."""
    with tshark.readable(file) as path:
        yield from tshark.frames(
            path, "tls && (data || http2)", LAYERS, preferences=tshark.keylog_preference(keylog),
            decode_as=ends.decode_as(), without=("http",),
        )  # fmt: skip


def take(packet: tshark.Packet, before: int, ends: Ends, feed: Feed) -> None:
    """One of tshark's frames, on to the framing."""
    frame = before + packet.number
    found = ends.of(packet, frame)
    if found is None:
        return
    row, direction = found
    for layer in packet.layers:
        if layer.name == "http2":
            for piece in http2_frame(layer):
                feed.http2(row, direction, frame, packet.time_ns, piece)
        elif text := layer.first("data.data"):
            feed.data((row, 0), direction, frame, packet.time_ns, bytes.fromhex(text.replace(":", "")))


class Ends:
    """Which connection a frame belongs to, by its two ends and its number."""

    def __init__(self, tracker: Tracker) -> None:
        self._rows = tracker.connections.rows[: tracker.kernel.connection_count]
        texts = [address_text(hi, lo) for hi, lo in tracker.addresses()]
        self._of: dict[tuple[str, str], list[tuple[int, int]]] = {}  # ends -> (row, direction)
        for row in np.flatnonzero(self._rows["protocol"] == t.PROTOCOL_TLS).tolist():
            connection = self._rows[row]
            client = endpoint(texts[connection["client"]], int(connection["client_port"]))
            server = endpoint(texts[connection["server"]], int(connection["server_port"]))
            self._of.setdefault((client, server), []).append((row, 0))
            self._of.setdefault((server, client), []).append((row, 1))

    def of(self, packet: tshark.Packet, frame: int) -> tuple[int, int] | None:
        """(connection, direction) of tshark's packet."""
        ip, tcp = packet.named("ip", "ipv6"), packet.named("tcp")
        if not ip or not tcp:
            return None
        kind = ip[-1].name
        ends = tuple(
            endpoint(ip[-1].first(f"{kind}.{side}"), int(tcp[-1].first(f"tcp.{side}port") or 0))
            for side in ("src", "dst")
        )
        for row, direction in self._of.get((ends[0], ends[1]), ()):
            if self._rows["first_frame"][row] <= frame <= self._rows["last_frame"][row]:
                return row, direction
        return None

    def decode_as(self) -> dict[str, str]:
        """For tshark, the ports on which TLS was seen."""
        tls = self._rows["protocol"] == t.PROTOCOL_TLS
        ports = distinct(self._rows["server_port"][tls])[:PORTS_LIMIT].tolist()
        # What ALPN did not name is HTTP/1.1, as on any HTTPS port.
        return {
            f"{kind}.port=={port}": to for port in ports for kind, to in (("tcp", "tls"), ("tls", "http"))
        }

    def closes(self, row: int) -> Iterator[tuple[int, int, int, int]]:
        """(frame, time, kind, direction) of a connection's FINs and its first RST, in order."""
        c = self._rows[row]
        found = [
            (int(c[f"{side}_fin_frame"]), int(c[f"{side}_fin_ns"]), t.SEGMENT_FIN, direction)
            for direction, side in enumerate(("client", "server"))
        ]
        reset = int(c["flags"]) & (t.CONN_RST_CLIENT | t.CONN_RST_SERVER)
        by = {t.CONN_RST_CLIENT: 0, t.CONN_RST_SERVER: 1}.get(reset, int(c["closed_by"]) & 1)
        found.append((int(c["rst_frame"]), int(c["rst_ns"]), t.SEGMENT_RST, by))
        for frame, time_ns, kind, direction in sorted(found):
            if not frame:
                continue
            if kind == t.SEGMENT_FIN and int(c["flags"]) & t.CONN_GAP:
                yield frame, time_ns, t.SEGMENT_GAP, direction  # what was lost may have ended the message
            yield frame, time_ns, kind, direction


# --- HTTP/2 ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Http2Frame:
    """What matters of a frame of HTTP/2."""

    stream: int
    kind: int
    is_last: bool
    fields: tuple[tuple[str, str], ...] = ()
    body_bytes: int = 0


def http2_frame(layer: tshark.Layer) -> Iterator[Http2Frame]:
    """The frame of HTTP/2 in a layer, if it belongs to a stream."""
    stream, kind = layer.first("http2.streamid"), layer.first("http2.type")
    if not stream.isdigit() or not kind.isdigit() or int(stream) == 0:
        return
    flags = int(layer.first("http2.flags") or "0", 16)
    names = layer.all("http2.header.name")
    texts = layer.all("http2.header.value")
    length = int(layer.first("http2.length") or 0)
    if flags & PADDED:
        length -= int(layer.first("http2.pad_length") or 0) + 1
    yield Http2Frame(
        int(stream),
        HEADERS if int(kind) == CONTINUATION else int(kind),
        bool(flags & END_STREAM) and int(kind) in (DATA, HEADERS),
        tuple(zip(names, texts, strict=False)),
        max(0, length),
    )


class Message:
    """One direction of a stream of HTTP/2, told as HTTP/1.1."""

    def __init__(self) -> None:
        self._began = self._final = self._chunked = False

    def told(self, frame: Http2Frame, direction: int) -> bytes:
        """The frame as bytes of HTTP/1.1; bodies are zeros of their length."""
        said = b""
        if frame.fields and not self._final:
            said = self._head(dict(frame.fields), frame, direction)
        elif frame.kind == DATA and frame.body_bytes:
            said = bytes(frame.body_bytes)
            if self._chunked:
                said = b"%x\r\n%s\r\n" % (frame.body_bytes, said)
        if frame.is_last and self._chunked:
            said += b"0\r\n\r\n"
            self._chunked = False
        return said

    def _head(self, pseudo: dict[str, str], frame: Http2Frame, direction: int) -> bytes:
        status = pseudo.get(":status", "0")
        self._final = not (direction and status.startswith("1"))
        if direction:
            lines = [f"HTTP/1.1 {status} "]
        else:
            lines = [f"{pseudo.get(':method', '?')} {pseudo.get(':path', '*')} HTTP/1.1"]
            lines += [f"Host: {pseudo[':authority']}"] if ":authority" in pseudo else []
        lines += [f"{name}: {text}" for name, text in frame.fields if not name.startswith(":")]
        if self._final and "content-length" not in pseudo:
            if not frame.is_last:
                self._chunked = True
                lines.append("Transfer-Encoding: chunked")
            elif direction:
                lines.append("Content-Length: 0")
        one_line_each = (line.replace("\r", " ").replace("\n", " ") for line in lines)
        return "".join(f"{line}\r\n" for line in one_line_each).encode("utf-8", "backslashreplace") + b"\r\n"


# --- on to the kernel ------------------------------------------------------------------------------------

Stream = tuple[int, int]  # connection, HTTP/2 stream or 0


class Feed:
    """Hands decrypted bytes to the framing, as steps of streams like those of the tracker."""

    def __init__(self, framer: Framer) -> None:
        self._framer = framer
        self.dropped = 0  # pieces of streams for which no slot was left
        framer.make_slots(SLOT_LIMIT)
        self._slots: dict[Stream, int] = {}
        self._free = list(range(SLOT_LIMIT - 1, -1, -1))
        self._messages: dict[Stream, tuple[Message, Message]] = {}
        self._ended: dict[Stream, int] = {}  # directions of an HTTP/2 stream that came to their end
        self._bytes = bytearray()
        self._steps: list[tuple[int, ...]] = []

    def open_streams(self) -> dict[int, list[Stream]]:
        """Connection -> its streams that are still open."""
        streams: dict[int, list[Stream]] = {}
        for stream in self._slots:
            streams.setdefault(stream[0], []).append(stream)
        return streams

    def data(self, stream: Stream, direction: int, frame: int, time_ns: int, data: bytes) -> None:
        slot = self._slots.get(stream)
        if slot is None:
            if not self._free:
                self.dropped += 1
                return
            slot = self._slots[stream] = self._free.pop()
            self._step(t.SEGMENT_OPEN, stream, direction, frame, time_ns)
        self._step(t.SEGMENT_DATA, stream, direction, frame, time_ns, len(data))
        self._bytes += data
        if len(self._bytes) > HANDED_ON_BYTES:
            self._hand_on()

    def http2(self, row: int, direction: int, frame: int, time_ns: int, piece: Http2Frame) -> None:
        stream = row, piece.stream
        if piece.kind == RST_STREAM and stream in self._slots:
            self._step(t.SEGMENT_RST, stream, direction, frame, time_ns)
            self._forget(stream, direction, frame, time_ns)
        if piece.kind not in (DATA, HEADERS):
            return
        if stream not in self._messages:
            if not piece.fields:
                return
            self._messages[stream] = Message(), Message()
        if said := self._messages[stream][direction].told(piece, direction):
            self.data(stream, direction, frame, time_ns, said)
        if piece.is_last:
            self._ended[stream] = self._ended.get(stream, 0) | 1 << direction
            if self._ended[stream] == 3:
                self._forget(stream, direction, frame, time_ns)

    def end(self, streams: Iterable[Stream], frame: int, time_ns: int, kind: int, direction: int) -> None:
        """A FIN, an RST or a gap of the connection that carries these streams."""
        for stream in streams:
            self._step(kind, stream, direction, frame, time_ns, 1 if kind == t.SEGMENT_GAP else 0)

    def close(self) -> None:
        """No more comes."""
        for stream in list(self._slots):
            self._forget(stream, 0, 0, 0)
        self._hand_on()

    def _forget(self, stream: Stream, direction: int, frame: int, time_ns: int) -> None:
        if stream in self._slots:
            self._step(t.SEGMENT_CLOSE, stream, direction, frame, time_ns)
            self._free.append(self._slots.pop(stream))
        self._ended.pop(stream, None)
        self._messages.pop(stream, None)

    def _step(
        self, kind: int, stream: Stream, direction: int, frame: int, time_ns: int, length: int = 0
    ) -> None:
        captured = length if kind == t.SEGMENT_DATA else 0
        self._steps.append(
            (
                time_ns,
                len(self._bytes),
                length,
                captured,
                frame,
                self._slots[stream],
                stream[0],
                direction,
                kind,
                0,
            )
        )

    def _hand_on(self) -> None:
        if self._steps:
            data = np.frombuffer(bytes(self._bytes) or b"\0", "u1")
            self._framer.follow(data, np.zeros(1, "u1"), np.array(self._steps, t.Segment))
        self._bytes.clear()
        self._steps.clear()


# --- into the tables -------------------------------------------------------------------------------------


def weave(traffic: Traffic) -> None:
    """Put the exchanges of decrypted connections among the others, in order of time, and chain them anew.

    Theirs were framed after all others, and those of HTTP/2 stream by stream.
    """
    exchanges, connections = traffic.exchanges, traffic.connections
    order = np.argsort(exchanges["start_ns"], kind="stable")
    place = np.empty(len(order) + 1, "u4")
    place[order] = np.arange(len(order), dtype="u4")
    place[-1] = t.NONE
    exchanges = exchanges[order]
    for table, column in ((exchanges, "next"), (connections, "first_exchange")):
        at = table[column]
        table[column] = place[np.where(at == t.NONE, len(order), at)]
    mine = np.flatnonzero(among(exchanges["connection"], np.flatnonzero(traffic.decrypted)))
    mine = mine[np.argsort(exchanges["connection"][mine], kind="stable")]
    on = exchanges["connection"][mine]
    is_first = np.ones(len(mine), "?")
    is_first[1:] = on[1:] != on[:-1]
    following = np.full(len(mine), t.NONE, "u4")
    following[:-1] = np.where(is_first[1:], t.NONE, mine[1:])
    exchanges["next"][mine] = following
    connections["first_exchange"][on[is_first]] = mine[is_first]
    traffic.exchanges = exchanges
