"""Builds captured traffic as a dialogue, so that a test reads as its story.

    c = Conversation(client="10.0.0.1:40000", server="10.0.0.10:80")
    c.handshake()
    c.request("GET / HTTP/1.1\\r\\nHost: a\\r\\n\\r\\n")
    c.wait(0.2)
    c.server.send(first_half)
    c.server.send(second_half, dropped=True)    # captured, then lost on the way to the client
    c.wait(0.3)
    c.server.retransmit()
    c.client.rst()
    write(tmp_path / "story.pcap", c)

Both sides keep proper books: sequence and acknowledgment numbers, SACK blocks, timestamps, IP ids. The
receiver of data acknowledges it at once unless `auto_ack` is off. A packet can fail to arrive in three ways:
`lost` is neither captured nor received, `dropped` is captured but not received, `unseen` is received but not
captured. Every packet follows the one before by `step_s`; `wait` lets more time pass.
"""

from __future__ import annotations

import ipaddress
import struct
from pathlib import Path

import dpkt

from pcapdiag.tables import ACK, FIN, PSH, RST, SYN

START_NS = 1_700_000_000_000_000_000
SYN_WINDOW = 64240


class Side:
    """One end of a conversation: what it says next, and what it has heard."""

    def __init__(self, conversation: Conversation, endpoint: str, isn: int, mac: bytes) -> None:
        host, _, port = endpoint.rpartition(":")
        self.address = ipaddress.ip_address(host.strip("[]"))
        self.port = int(port)
        self.mac = mac
        self.isn = isn
        self.next = isn  # sequence number of the next byte, never wrapped here
        self.heard = 0  # acknowledgment number, 0 before the other side's SYN
        self.held: list[tuple[int, int]] = []  # ranges received beyond a hole, latest first: SACK blocks
        self.sent: list[tuple[int, int, bytes]] = []  # sequence number, flags, payload
        self.window = 502  # as in the header, unscaled
        self.mss = conversation.mss
        self.wscale: int | None = conversation.wscale
        self.ttl = 64
        self.ip_id = isn & 0xFFF
        self.heard_ts = 0
        self.peer: Side
        self._conversation = conversation

    # What a side can say, in the order of a connection's life.

    def syn(self, *, lost: bool = False, dropped: bool = False, unseen: bool = False) -> None:
        self._say(self.isn, SYN, b"", lost, dropped, unseen)

    def synack(self, *, lost: bool = False, dropped: bool = False, unseen: bool = False) -> None:
        self._say(self.isn, SYN | ACK, b"", lost, dropped, unseen)

    def send(
        self, data: bytes | str, *, lost: bool = False, dropped: bool = False, unseen: bool = False
    ) -> None:
        """Sends `data` in segments of the smaller MSS, pushing the last one."""
        data = data.encode() if isinstance(data, str) else data
        mss = min(self.mss, self.peer.mss) - (12 if self._conversation.timestamps else 0)
        for at in range(0, len(data), mss):
            last = at + mss >= len(data)
            self._say(self.next, ACK | PSH if last else ACK, data[at : at + mss], lost, dropped, unseen)
        if not (lost or dropped):
            self._answered()

    def retransmit(self, *, lost: bool = False, dropped: bool = False, unseen: bool = False) -> None:
        """Sends the first segment the other side lacks once more; if it lacks none, the last one."""
        lacking = [s for s in self.sent if s[0] + len(s[2]) + _phantom(s[1]) > self.peer.heard]
        seq, flags, data = (lacking or self.sent[-1:])[0]
        self._say(seq, flags, data, lost, dropped, unseen)
        if not (lost or dropped or flags & SYN):
            self._answered()

    def ack(self, *, window: int | None = None, lost: bool = False, unseen: bool = False) -> None:
        """A bare ACK; `window` stays announced from here on."""
        self.window = self.window if window is None else window
        self._say(self.next, ACK, b"", lost, False, unseen)

    def keep_alive(self, data: bytes = b"") -> None:
        """Asks for an ACK by naming a byte the other side already has."""
        self._say(self.next - 1, ACK, data, False, True, False)
        self._answered()

    def fin(self, *, lost: bool = False, dropped: bool = False, unseen: bool = False) -> None:
        self._say(self.next, FIN | ACK, b"", lost, dropped, unseen)
        if not (lost or dropped):
            self._answered()

    def rst(self, *, ack: bool = True, lost: bool = False, unseen: bool = False) -> None:
        self._say(self.next, RST | ACK if ack else RST, b"", lost, False, unseen)

    # Keeping books.

    def _answered(self) -> None:
        if self._conversation.auto_ack:
            self.peer.ack()

    def _say(self, seq: int, flags: int, data: bytes, lost: bool, dropped: bool, unseen: bool) -> None:
        length = len(data) + _phantom(flags)
        if length and seq == self.next:
            self.sent.append((seq, flags, data))
        self.next = max(self.next, seq + length)
        self._conversation.put(self, self.frame(seq, flags, data), captured=not (lost or unseen))
        if not (lost or dropped):
            self.peer._hear(seq, seq + length, flags)

    def _hear(self, left: int, right: int, flags: int) -> None:
        if flags & SYN:
            self.heard = right
        self.heard_ts = self._conversation.clock_ms()
        if right > left and right > self.heard:
            touching = [h for h in self.held if h[0] <= right and left <= h[1]]
            merged = min([left, *(h[0] for h in touching)]), max([right, *(h[1] for h in touching)])
            self.held = [merged, *(h for h in self.held if h not in touching)]
            if merged[0] <= self.heard:
                self.heard = merged[1]
            self.held = [h for h in self.held if h[1] > self.heard]

    def frame(self, seq: int, flags: int, data: bytes) -> bytes:
        """An Ethernet frame of one packet, with all its checksums right."""
        options = self._options(flags)
        tcp = dpkt.tcp.TCP(
            sport=self.port,
            dport=self.peer.port,
            seq=seq & 0xFFFFFFFF,
            ack=self.heard & 0xFFFFFFFF if flags & ACK else 0,
            off=5 + len(options) // 4,
            flags=flags,
            win=SYN_WINDOW if flags & SYN else 0 if flags & RST else self.window,
            opts=options,
            data=data,
        )
        self.ip_id = self.ip_id + 1 & 0xFFFF
        return self.packet(tcp, dpkt.ip.IP_PROTO_TCP)

    def packet(self, body: dpkt.Packet, protocol: int) -> bytes:
        source, target = self.address.packed, self.peer.address.packed
        ip: dpkt.Packet
        if self.address.version == 4:
            ip = dpkt.ip.IP(src=source, dst=target, p=protocol, ttl=self.ttl, id=self.ip_id, data=body)
            ip.df, ip.len = 1, 20 + len(body)
            kind = dpkt.ethernet.ETH_TYPE_IP
        else:
            ip = dpkt.ip6.IP6(src=source, dst=target, nxt=protocol, hlim=self.ttl, plen=len(body), data=body)
            kind = dpkt.ethernet.ETH_TYPE_IP6
        return bytes(dpkt.ethernet.Ethernet(src=self.mac, dst=self.peer.mac, type=kind, data=ip))

    def _options(self, flags: int) -> bytes:
        c, options = self._conversation, b""
        if flags & SYN:
            options += struct.pack("!BBH", 2, 4, self.mss)
            options += b"\1\1\4\2" if c.sack else b""
            options += struct.pack("!BBBB", 1, 3, 3, self.wscale) if self.wscale is not None else b""
        if c.timestamps:
            options += struct.pack("!BBBBII", 1, 1, 8, 10, c.clock_ms(), self.heard_ts)
        if c.sack and self.held and not flags & (SYN | RST):
            blocks = self.held[: 3 if c.timestamps else 4]
            options += struct.pack("!BBBB", 1, 1, 5, 2 + 8 * len(blocks))
            options += b"".join(struct.pack("!II", a & 0xFFFFFFFF, b & 0xFFFFFFFF) for a, b in blocks)
        return options


class Conversation:
    """A TCP connection as its capture shows it: `packets` are (time_ns, Ethernet frame)."""

    def __init__(
        self,
        client: str = "10.0.0.1:40000",
        server: str = "10.0.0.10:80",
        *,
        start_s: float = 0.0,
        step_s: float = 0.0001,
        mss: int = 1460,
        wscale: int | None = 7,
        sack: bool = True,
        timestamps: bool = False,
        auto_ack: bool = True,
        client_isn: int = 1_000_000,
        server_isn: int = 2_000_000,
    ) -> None:
        self.mss, self.wscale, self.sack, self.timestamps = mss, wscale, sack, timestamps
        self.auto_ack = auto_ack
        self.step_ns = round(step_s * 1e9)
        self.now_ns = START_NS + round(start_s * 1e9)
        self.packets: list[tuple[int, bytes]] = []
        self.client = Side(self, client, client_isn, b"\x02\0\0\0\0\x01")
        self.server = Side(self, server, server_isn, b"\x02\0\0\0\0\x02")
        self.client.peer, self.server.peer = self.server, self.client
        self._last: dict[Side, bytes] = {}

    def handshake(self) -> None:
        self.client.syn()
        self.server.synack()
        self.client.ack()

    def request(self, data: bytes | str) -> None:
        self.client.send(data)

    def response(self, data: bytes | str) -> None:
        self.server.send(data)

    def wait(self, seconds: float) -> None:
        self.now_ns += round(seconds * 1e9)

    def close(self, first: Side | None = None) -> None:
        """Both sides close in order, the client first unless told otherwise."""
        first = first or self.client
        first.fin()
        first.peer.fin()

    def icmp(self, about: Side, kind: int = 3, code: int = 4, mtu: int = 0, by: str = "") -> None:
        """An ICMP error (ICMPv6 where the conversation is) quoting the last packet `about` sent."""
        router = Side(self, f"{by or about.peer.address}:0", 0, about.peer.mac)
        router.peer = about
        quote = struct.pack("!BBHI", kind, code, 0, mtu) + self._last[about][14 : 14 + 28 + 20]
        version_4 = about.address.version == 4
        body = (dpkt.icmp.ICMP if version_4 else dpkt.icmp6.ICMP6)(quote)
        self.put(router, router.packet(body, 1 if version_4 else 58))

    def duplicate(self) -> None:
        """The last packet is captured once more, as `-i any` does on a bridge."""
        self.packets.append((self.packets[-1][0] + 2_000, self.packets[-1][1]))

    def reorder(self) -> None:
        """The last two packets pass the capture in the other order."""
        (early, one), (late, two) = self.packets[-2:]
        self.packets[-2:] = [(early, two), (late, one)]

    def put(self, side: Side, frame: bytes, captured: bool = True) -> None:
        self._last[side] = frame
        if captured:
            self.packets.append((self.now_ns, frame))
        self.now_ns += self.step_ns

    def clock_ms(self) -> int:
        return self.now_ns // 1_000_000 & 0xFFFFFFFF


def merged(*conversations: Conversation) -> list[tuple[int, bytes]]:
    """Their packets in order of time."""
    return sorted((p for c in conversations for p in c.packets), key=lambda packet: packet[0])


def capture(*conversations: Conversation, snaplen: int = 262144) -> bytes:
    """A pcap file (nanoseconds, Ethernet) of all their packets."""
    records = [struct.pack("<IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, snaplen, 1)]
    for time_ns, frame in merged(*conversations):
        seen = frame[:snaplen]
        records += [struct.pack("<IIII", *divmod(time_ns, 10**9), len(seen), len(frame)), seen]
    return b"".join(records)


def write(path: Path | str, *conversations: Conversation, snaplen: int = 262144) -> Path:
    path = Path(path)
    path.write_bytes(capture(*conversations, snaplen=snaplen))
    return path


def _phantom(flags: int) -> int:
    """SYN and FIN take one sequence number each."""
    return bool(flags & SYN) + bool(flags & FIN)
