"""What TLS connections show though nobody has their keys: names, versions, alerts.

Handshakes are read again from the capture, of the first connections only: enough to say who speaks what.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from pcapdiag import tables as t
from pcapdiag import words
from pcapdiag.causes import hellos
from pcapdiag.traffic import Traffic
from pcapdiag.wirepacket import Span, in_order

SAMPLED = 50  # connections whose handshakes are read
FRAMES_READ = 400  # of the capture, from a connection's first packet
HELLO_LIMIT = 1 << 15
NAMES_SHOWN = 3

SERVER_HELLO = 2


@dataclass
class Encrypted:
    """The TLS connections of a capture; names, versions and alerts of the first SAMPLED."""

    connections: int
    decrypted: int
    keys_inside: bool = False  # a pcapng carried keys
    names: dict[str, int] = field(default_factory=dict)  # server names of ClientHellos
    versions: dict[str, int] = field(default_factory=dict)  # agreed on
    alerts: dict[str, int] = field(default_factory=dict)
    trouble: str = ""  # why they could not be decrypted

    @property
    def note(self) -> str:
        """A sentence or two for the report."""
        said = words.counted(self.connections, "TLS connection")
        seen = [*self.versions, *([f"for {_first(self.names)}"] if self.names else [])]
        said += f" ({', '.join(seen)})" if seen else ""
        said += f", alerts: {_first(self.alerts)}" if self.alerts else ""
        if self.trouble:
            return f"{said}, {self.decrypted:,} decrypted: {self.trouble}."
        if self.decrypted == self.connections:
            return f"{said}, all decrypted."
        if self.decrypted:
            return f"{said}, {self.decrypted:,} decrypted: of the others TCP and handshakes alone are judged."
        missing = "the keys inside the capture need tshark" if self.keys_inside else "--tls-keylog FILE"
        return (
            f"{said}, encrypted: TCP and handshakes alone are judged. "
            f"A key log ({missing}) would show their requests, statuses and times."
        )


def encrypted_of(traffic: Traffic) -> Encrypted | None:
    """What the capture's TLS connections show; None where it has none."""
    is_tls = traffic.connections["protocol"] == t.PROTOCOL_TLS
    decrypted = int(np.count_nonzero(traffic.decrypted))
    if decrypted:
        is_tls = is_tls | traffic.decrypted
    rows = np.flatnonzero(is_tls)
    if not len(rows):
        return None
    found = Encrypted(len(rows), decrypted, any(info.tls_keys for info in traffic.files))
    found.trouble = traffic.tls_trouble
    names, versions, alerts = (Counter[str]() for _ in range(3))
    for client, server in _handshakes(traffic, rows[:SAMPLED].tolist()):
        sent, answered = hellos.flight(client), hellos.flight(server)
        if sent.hello is not None and sent.hello.server_name:
            names[sent.hello.server_name] += 1
        if version := agreed_version(server):
            versions[version] += 1
        for alert in (*sent.alerts, *answered.alerts):
            if alert not in (-1, hellos.CLOSE_NOTIFY):
                alerts[hellos.alert_name(alert)] += 1
    found.names, found.versions, found.alerts = (
        dict(counted.most_common()) for counted in (names, versions, alerts)
    )
    return found


def agreed_version(stream: bytes) -> str:
    """The version that a server's first record, a ServerHello, chooses; "" where there is none."""
    if stream[:1] != bytes([hellos.HANDSHAKE]) or stream[5:6] != bytes([SERVER_HELLO]):
        return ""
    message = stream[5 : 5 + int.from_bytes(stream[3:5], "big")]
    version = int.from_bytes(message[4:6], "big")
    at = 4 + 2 + 32 + 1 + message[38:39][0] + 2 + 1 + 2 if len(message) > 38 else len(message)
    while at + 4 <= len(message):
        kind, length = (int.from_bytes(message[at + i : at + i + 2], "big") for i in (0, 2))
        if kind == hellos.SUPPORTED_VERSIONS and length == 2:
            version = int.from_bytes(message[at + 4 : at + 6], "big")
        at += 4 + length
    return hellos.VERSIONS.get(version, "")


def _handshakes(traffic: Traffic, rows: list[int]) -> list[tuple[bytes, bytes]]:
    """The first bytes of both directions of these connections."""
    if traffic.wire is None:
        return []
    first = traffic.connections["first_frame"]
    spans = [Span(row, int(first[row]), int(first[row]) + FRAMES_READ) for row in rows]
    found = traffic.wire.collect(spans, limit=40)
    streams = []
    for row in rows:
        packets = [packet for packet in found.get(row, []) if packet.icmp is None]
        client, server = (
            in_order((p for p in packets if p.direction == direction), HELLO_LIMIT) for direction in (0, 1)
        )
        streams.append((client, server))
    return streams


def _first(counts: dict[str, int]) -> str:
    names = list(counts)
    more = f" and {len(names) - NAMES_SHOWN} more" if len(names) > NAMES_SHOWN else ""
    return ", ".join(names[:NAMES_SHOWN]) + more
