"""All tables of one analysis, read-only: what detectors and reports see."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from pcapdiag import tables as t
from pcapdiag.columns import blocks

if TYPE_CHECKING:
    from pcapdiag.encrypted import Encrypted
    from pcapdiag.wire import Wire


_ALL = slice(None)


@dataclass
class FileInfo:
    """One input file: how it was read, and how good it is."""

    path: str
    format: str  # "pcap", "pcapng"
    compression: str  # "", "gzip", "zstd", ...
    link_types: tuple[str, ...]
    packets: int
    captured_bytes: int
    wire_bytes: int
    first_ns: int
    last_ns: int
    first_frame: int  # running number of its frame 1
    vantage: int = 0
    truncated_packets: int = 0  # captured length under wire length
    dropped_packets: int | None = None  # by pcapng drop counters, None = the file has none
    damage: str = ""  # what is wrong, "" = whole
    damage_offset: int = 0
    backward_steps: int = 0  # records whose time lies before the record before them
    tls_keys: bytes = b""  # key log carried inside a pcapng
    interrupted: bool = False  # reading was ended before the file did
    snaplen: int = 0
    comment: str = ""


@dataclass
class Traffic:
    """Tables of one analysis. Row numbers are the identities used everywhere.

    ``leg`` (u1, one a connection) and ``peer`` (u4, one an exchange: the row of the same request on the
    other leg, or NONE) are filled by ``pcapdiag.legs``; before that nothing knows what an ALB is.
    """

    files: list[FileInfo]
    connections: np.ndarray  # tables.Connection
    exchanges: np.ndarray  # tables.Exchange
    troubles: np.ndarray  # tables.Trouble
    events: np.ndarray  # tables.Event
    addresses: list[str]
    strings: Strings
    servers: list[str]  # Server headers; 0 = none
    counters: dict[str, int]  # packets, tcp_packets, capture_duplicates, fragments, ...
    leg: np.ndarray = field(default_factory=lambda: np.zeros(0, "u1"))
    peer: np.ndarray = field(default_factory=lambda: np.zeros(0, "u4"))
    #: which connections another vantage point saw too, and is believed: they have no leg and are not judged
    twin: np.ndarray = field(default_factory=lambda: np.zeros(0, "?"))
    alb: tuple[str, ...] = ()
    alb_reason: str = ""
    alb_warning: str = ""  # why the addresses that the user named cannot be what was meant
    #: Connections in clear beside TLS of other hosts, where no load balancer was recognised: either leg.
    undecided: np.ndarray = field(default_factory=lambda: np.zeros(0, "?"))
    encrypted: Encrypted | None = None  # what its TLS connections show; None where there are none
    decrypted: np.ndarray = field(default_factory=lambda: np.zeros(0, "?"))  # connections opened by a key log
    tls_trouble: str = ""  # why tshark could not decrypt
    dns: dict[str, dict[str, int]] = field(default_factory=dict)  # name -> address -> first given, ns
    wire: Wire | None = None  # the cold path: packets read again; None for tables without a capture
    #: (frontend vantage, backend vantage) -> how far the second's clock is ahead, and the error of that
    clock_offsets_ns: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)

    def frame_of(self, running: int) -> tuple[int, int]:
        """(file index, frame as Wireshark numbers it) of a running frame number."""
        starts = [f.first_frame for f in self.files]
        index = max(0, int(np.searchsorted(starts, running, side="right")) - 1)
        return index, running - starts[index] + 1

    def server_keys(self, connections: np.ndarray | slice = _ALL) -> np.ndarray:
        """The server's address row << 16 | port of each of these connections, i8."""
        rows = self.connections
        return rows["server"][connections].astype("i8") << 16 | rows["server_port"][connections]

    def client(self, connection: int) -> str:
        row = self.connections[connection]
        return endpoint(self.addresses[row["client"]], int(row["client_port"]))

    def server(self, connection: int) -> str:
        row = self.connections[connection]
        return endpoint(self.addresses[row["server"]], int(row["server_port"]))

    def target(self, exchange: int) -> str:
        return self.strings[int(self.exchanges[exchange]["target"])]

    def host(self, exchange: int) -> str:
        return self.strings[int(self.exchanges[exchange]["host"])]

    def method(self, exchange: int) -> str:
        return t.METHODS[int(self.exchanges[exchange]["method"])]

    @cached_property
    def exchange_leg(self) -> np.ndarray:
        """The leg of each exchange, u1."""
        return self.leg[self.exchanges["connection"]]

    def of_connection(self, connection: int) -> Iterator[int]:
        """Rows of a connection's exchanges, in order."""
        row = int(self.connections[connection]["first_exchange"])
        while row != t.NONE:
            yield row
            row = int(self.exchanges[row]["next"])

    def is_first(self, exchanges: np.ndarray) -> np.ndarray:
        """Which of these exchanges are the first of their connections."""
        return self.connections["first_exchange"][self.exchanges["connection"][exchanges]] == exchanges

    def previous(self, exchanges: np.ndarray) -> np.ndarray:
        """Row of the exchange before each of these on its connection, i8, NONE at the first."""
        result = np.full(len(exchanges), t.NONE, "i8")
        later = np.flatnonzero(~self.is_first(exchanges))
        if len(later):
            wanted, which = np.unique(exchanges[later], return_inverse=True)
            found = np.full(len(wanted), t.NONE, "i8")
            following = self.exchanges["next"]
            for part in blocks(int(wanted[-1])):  # it stands before
                at = np.searchsorted(wanted, following[part])
                hits = np.flatnonzero((at < len(wanted)) & (wanted[at % len(wanted)] == following[part]))
                found[at[hits]] = part.start + hits
            result[later] = found[which]
        return result

    @cached_property
    def trouble_of(self) -> dict[tuple[int, int], np.void]:
        """(connection, direction) -> its row in troubles."""
        return {(int(r["connection"]), int(r["direction"])): r for r in self.troubles}

    def events_of(self, connection: int) -> np.ndarray:
        return self.events[self.events["connection"] == connection]


class Strings:
    """Interned strings: row number -> text. Bytes that are not UTF-8 are shown as \\xNN."""

    def __init__(self, arena: np.ndarray, starts: np.ndarray, lengths: np.ndarray) -> None:
        self._arena, self._starts, self._lengths = arena, starts, lengths

    def __len__(self) -> int:
        return len(self._starts)

    def __getitem__(self, row: int) -> str:
        start = int(self._starts[row])
        return bytes(self._arena[start : start + int(self._lengths[row])]).decode("utf-8", "backslashreplace")

    def starting_with(self, prefix: bytes) -> np.ndarray:
        """Rows of the strings that begin with these bytes."""
        rows = np.flatnonzero(self._lengths >= len(prefix))
        for at, byte in enumerate(prefix):
            rows = rows[self._arena[self._starts[rows] + at] == byte]
        return rows


def start_line_read(exchanges: np.ndarray, rows: np.ndarray | slice = _ALL) -> np.ndarray:
    """Whether the capture holds each request's start line: those that a short snaplen cut there are alike
    only in that nothing is known of them."""
    return (exchanges["method"][rows] != 0) | (exchanges["target"][rows] != 0)


def endpoint(address: str, port: int) -> str:
    """``10.0.0.1:80`` or ``[2001:db8::1]:80``."""
    return f"[{address}]:{port}" if ":" in address else f"{address}:{port}"


def address_text(hi: int, lo: int) -> str:
    """The address of a 128-bit number in two halves; IPv4-mapped ones as IPv4."""
    if hi == 0 and lo >> 32 == 0xFFFF:
        return f"{lo >> 24 & 255}.{lo >> 16 & 255}.{lo >> 8 & 255}.{lo & 255}"
    return str(ipaddress.IPv6Address(hi << 64 | lo))
