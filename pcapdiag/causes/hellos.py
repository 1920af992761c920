"""What the first bytes of a TLS connection say: hellos and alerts, as far as they go in clear.

A TLS 1.3 alert sent after the ServerHello is encrypted; its record still has a length that no other first
message of a client has.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

ALERT, HANDSHAKE, APPLICATION_DATA = 21, 22, 23  # RFC 8446, 5.1
CLIENT_HELLO = 1
SERVER_NAME, SUPPORTED_VERSIONS = 0, 43  # extensions
CLOSE_NOTIFY = 0
ENCRYPTED_ALERT_BYTES = 19  # level, description, content type and the AEAD's tag

VERSIONS = {0x300: "SSL 3.0", 0x301: "TLS 1.0", 0x302: "TLS 1.1", 0x303: "TLS 1.2", 0x304: "TLS 1.3"}


class Hello(NamedTuple):
    """What a ClientHello offers."""

    server_name: str = ""
    versions: tuple[str, ...] = ()


@dataclass
class Flight:
    """The records at the beginning of one direction."""

    alerts: list[int] = field(default_factory=list)  # descriptions; -1 is an encrypted one
    is_tls: bool = False
    hello: Hello | None = None
    encrypted: int = 0  # records of application data


def flight(stream: bytes) -> Flight:
    """The records of a stream's beginning, up to where it stops being TLS or being there."""
    found = Flight()
    at = 0
    while at + 5 <= len(stream) and 20 <= stream[at] <= 23 and stream[at + 1] == 3:
        found.is_tls = True
        kind, length = stream[at], int.from_bytes(stream[at + 3 : at + 5], "big")
        body = stream[at + 5 : at + 5 + length]
        at += 5 + length
        if kind == ALERT and length == 2 and len(body) == 2:
            found.alerts.append(body[1])  # longer ones are encrypted: TLS 1.2 was agreed on
        elif kind == HANDSHAKE and body[:1] == bytes([CLIENT_HELLO]) and found.hello is None:
            found.hello = _hello(body)
        elif kind == APPLICATION_DATA:
            if not found.encrypted and length == ENCRYPTED_ALERT_BYTES:
                found.alerts.append(-1)
            found.encrypted += 1
    return found


def alert_name(description: int) -> str:
    """``protocol_version (70)``; ``an encrypted alert`` where it cannot be read."""
    if description < 0:
        return "an encrypted alert"
    import ssl  # slow to import, and few captures need its names

    try:
        name = ssl.AlertDescription(description).name
        return f"{name.removeprefix('ALERT_DESCRIPTION_').lower()} ({description})"
    except ValueError:
        return f"alert {description}"


def _hello(message: bytes) -> Hello:
    """Server name and versions of a ClientHello (RFC 8446, 4.1.2); what is cut off is left out."""
    at = 4 + 2 + 32  # message header, version, random
    legacy = int.from_bytes(message[4:6], "big")
    for size in (1, 2, 1):  # session id, cipher suites, compression methods
        at += size + int.from_bytes(message[at : at + size], "big")
    at += 2
    name, versions = "", [legacy]
    while at + 4 <= len(message):
        kind, length = (int.from_bytes(message[at + i : at + i + 2], "big") for i in (0, 2))
        body = message[at + 4 : at + 4 + length]
        at += 4 + length
        if kind == SERVER_NAME:
            name = body[5:].decode("ascii", "backslashreplace")
        elif kind == SUPPORTED_VERSIONS:
            versions = [int.from_bytes(body[i : i + 2], "big") for i in range(1, len(body) - 1, 2)]
    return Hello(name, tuple(VERSIONS[v] for v in sorted(versions) if v in VERSIONS))
