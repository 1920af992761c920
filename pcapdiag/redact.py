"""What lets a report or a carved capture leave the company: no address, no secret of a header or query.

Addresses become others of the same version, the same one each time and in every report of a capture:
198.18.0.1, 198.18.0.2 ... (RFC 2544's) and 2001:db8::1 ... (RFC 3849's) in the order in which the capture
shows them. Query values, cookies and credentials become ``*``. Carved packets lose what lies around their IP
header (MAC addresses, tunnels) and keep of their payload only what HTTP's framing needs, at its length.
Ports, times, sizes, paths, host names and file names stay: look them over.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import re
import struct
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from pcapdiag.wirepacket import WirePacket

if TYPE_CHECKING:
    from pcapdiag.analysis import Analysis

LINKTYPE_RAW = 101
#: Header fields whose values tell nothing of anyone.
HARMLESS = (
    b"accept-ranges", b"connection", b"content-length", b"content-type", b"date", b"expect", b"keep-alive",
    b"server", b"te", b"trailer", b"transfer-encoding", b"upgrade", b"vary", b"via",
)  # fmt: skip

_IPV4 = r"(?<![\w.])(?:\d{1,3}\.){3}\d{1,3}(?![\w.]*\w)"
_IPV6 = r"(?<![\w:.])(?:[0-9A-Fa-f]{0,4}:){2,7}(?:[0-9A-Fa-f]{1,4}|(?:\d{1,3}\.){3}\d{1,3})?(?![\w:])"
_ADDRESS = re.compile(f"{_IPV6}|{_IPV4}")
#: Up to the next space: a quote may be part of a value. Punctuation at the end may be the sentence's.
_QUERY = re.compile(r"\?\S*?(?=['\"<>),.:]*(?:\s|$))")
#: A start line that findings quote for being malformed: its query may hold spaces too.
_QUOTED_QUERY = re.compile(r"(?<=')([A-Z]+ [^\s?']*)(\?.*?)(?=( HTTP/\d[^']*)?'(?:[\s.,;:)]|$))")
#: What stands after a name's ``=``, or where no name is: such a part is a value too.
_QUERY_VALUE = re.compile(r"(?<==)[^&;#]+|(?<=[?&;])[^=&;#?]+(?=[?&;#]|$)")
_SECRET = re.compile(r"(?i)\b((?:proxy-)?authorization|(?:set-)?cookie)(\s*:\s*)[^'\"\n]*")
_ADDRESS_BYTES = re.compile(_ADDRESS.pattern.encode())
_USER = re.compile(r"(?<=://)[^\s/?#@'\"<>]+(?=@)")
_START_LINE = re.compile(rb"(?:[A-Z]{3,10} [^ \r\n]* HTTP/\d|HTTP/\d)")
_EARLIER = 131_072  # addresses of 198.18.0.0/15


class Redactor:
    """Redacts everything said of one capture; `addresses` are those of its tables, in their order."""

    def __init__(self, addresses: Iterable[str]) -> None:
        self._given: dict[str, str] = {}
        for address in addresses:
            self.address(address)

    def address(self, address: str) -> str:
        """The address that stands for this one; what is no address stays."""
        if address not in self._given:
            try:
                parsed = ipaddress.ip_address(address)
            except ValueError:
                return address
            number = len(self._given) + 1
            if parsed.version == 6:
                stands_in = str(ipaddress.IPv6Address(int(ipaddress.IPv6Address("2001:db8::")) + number))
            else:
                base = "198.18.0.0" if number < _EARLIER else "240.0.0.0"
                stands_in = str(ipaddress.IPv4Address(base) + number)
            self._given[address] = stands_in
        return self._given[address]

    def text(self, text: str) -> str:
        text = _SECRET.sub(r"\1\2*", text)
        text = _USER.sub("*", text)
        text = _QUOTED_QUERY.sub(lambda line: line[1] + _QUERY_VALUE.sub("*", line[2]), text)
        text = _QUERY.sub(lambda query: _QUERY_VALUE.sub("*", query.group()), text)
        return _ADDRESS.sub(lambda found: self.address(found.group()), text)

    def value(self, value: Any) -> Any:
        """Plain data with every text in it redacted."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.value(key): self.value(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)(self.value(item) for item in value)
        return value

    def analysis(self, analysis: Analysis) -> Analysis:
        """A copy whose words are redacted; its tables are the same and must not be shown."""
        return dataclasses.replace(
            analysis,
            traffic=self._words(analysis.traffic, "alb", "alb_reason", "alb_warning"),
            profile_reason=self.text(analysis.profile_reason),
            findings=[
                dataclasses.replace(
                    self._words(finding, "title", "explanation", "remedy", "facts", "peers", "also"),
                    evidence=tuple(
                        self._words(item, "client", "server", "display_filter", "note")
                        for item in finding.evidence
                    ),
                )
                for finding in analysis.findings
            ],
            account=dataclasses.replace(
                analysis.account,
                unexplained=[self._words(left, "missing") for left in analysis.account.unexplained],
            ),
        )

    def _words(self, thing: Any, *names: str) -> Any:
        return dataclasses.replace(thing, **{name: self.value(getattr(thing, name)) for name in names})

    def packet(self, packet: WirePacket, source: str, destination: str) -> WirePacket | None:
        """The packet from its IP header on; None where that cannot be told (an ICMP error about it)."""
        pair = ipaddress.ip_address(source).packed + ipaddress.ip_address(destination).packed
        addresses_at = packet.record.rfind(pair, 0, packet.payload_at)
        if packet.icmp is not None or addresses_at < 0:
            return None
        begin = addresses_at - (12 if len(pair) == 8 else 8)
        header = bytearray(packet.record[begin : packet.payload_at])
        other = b"".join(ipaddress.ip_address(self.address(end)).packed for end in (source, destination))
        header[addresses_at - begin : addresses_at - begin + len(pair)] = other
        if len(pair) == 8:
            _correct_checksum(header)
        payload = masked(packet.payload)
        return dataclasses.replace(
            packet,
            record=bytes(header) + payload,
            payload=payload,
            wirelen=packet.wirelen - begin,
            link=LINKTYPE_RAW,
        )


def masked(payload: bytes) -> bytes:
    """A packet's payload at its length: a head's start line and field names, line ends, and ``x``."""
    if not _START_LINE.match(payload):
        return re.sub(rb"[^\r\n]", b"x", payload)
    head, end, body = payload.partition(b"\r\n\r\n")
    start, *fields = head.split(b"\r\n")
    path, mark, query = start.partition(b"?")
    query, space, version = query.partition(b" ")
    path = _without_addresses(re.sub(_USER.pattern.encode(), _crossed, path))
    lines = [path + re.sub(_QUERY_VALUE.pattern.encode(), _crossed, mark + query) + space + version]
    for field in fields:
        name, colon, value = field.partition(b":")
        keep = name.strip().lower() in HARMLESS
        lines.append(name + colon + (_without_addresses(value) if keep else re.sub(rb"[^ \t]", b"x", value)))
    return b"\r\n".join(lines) + end + re.sub(rb"[^\r\n]", b"x", body)


def _crossed(found: re.Match[bytes]) -> bytes:
    return b"x" * len(found.group())


def _without_addresses(text: bytes) -> bytes:
    """The text with the digits of its addresses crossed out; a time of day or a version is none."""

    def crossed(found: re.Match[bytes]) -> bytes:
        try:
            ipaddress.ip_address(found.group().decode("ascii"))
        except ValueError:
            return found.group()
        return re.sub(rb"[0-9A-Fa-f]", b"x", found.group())

    return _ADDRESS_BYTES.sub(crossed, text)


def _correct_checksum(header: bytearray) -> None:
    """Compute an IPv4 header's checksum anew."""
    header[10:12] = b"\0\0"
    length = (header[0] & 15) * 4
    total = sum(struct.unpack(f"!{length // 2}H", header[:length]))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    header[10:12] = struct.pack("!H", ~total & 0xFFFF)
