"""A second opinion: what tshark says of the frames that the findings name.

Every frame of the evidence must be a packet between the two ends that the evidence names, and among them must
be what its cause claims: `SIGNS` says what that is, in tshark's own terms. A sign that tshark could not see
(it did not read the bytes as HTTP or TLS) is silence, not a difference. A cause without a sign is checked by
its frames alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from pcapdiag import tables as t
from pcapdiag import tshark
from pcapdiag.columns import distinct
from pcapdiag.traffic import endpoint

if TYPE_CHECKING:
    from pcapdiag.analysis import Analysis
    from pcapdiag.causes.cause import Evidence, Finding

AGREE, DIFFER, SILENT = "agree", "differ", "silent"

#: Frames asked about in one file; of more evidence the first of each finding are taken.
FRAMES_ASKED = 2000
WORDS_SHOWN = 6
LAYERS = "ip ipv6 tcp http http2 icmp icmpv6 tls"
CLIENT, SERVER = 0, 1

_FLAGS = {"SYN": t.SYN, "FIN": t.FIN, "RST": t.RST}
_RETRANSMISSIONS = ("retransmission", "fast_retransmission", "spurious_retransmission")
_LOSSES = (*_RETRANSMISSIONS, "out_of_order", "lost_segment", "ack_lost_segment", "duplicate_ack")
_ZERO_WINDOWS = ("zero_window", "window_full", "zero_window_probe", "zero_window_probe_ack")
_REQUESTS = (
    ("http", "http.request.method", "http.request.uri"),
    ("http2", "http2.headers.method", "http2.headers.path"),
)
_STATUSES = {"http": "http.response.code", "http2": "http2.headers.status"}
_BAD_EXPERT = 6 << 20  # severities from "warning" up


@dataclass(frozen=True)
class Said:
    """What tshark says of one frame. An ICMP error is told by the packet it quotes."""

    frame: int
    source: str
    destination: str
    flags: int = 0
    payload_bytes: int = 0
    analysis: tuple[str, ...] = ()  # as tcp.analysis names them
    request: str = ""  # "GET /x"
    status: int = 0
    tls: str = ""  # "handshake", "alert 40", ...
    icmp: str = ""
    expert: tuple[str, ...] = ()  # warnings and errors of the HTTP and TLS dissectors

    @property
    def words(self) -> str:
        """``FIN, retransmission`` or ``GET /x``: what stands out."""
        flags = [name for name, bit in _FLAGS.items() if self.flags & bit]
        status = [f"status {self.status}"] if self.status else []
        told = [*flags, *self.analysis, self.request, *status, self.tls, self.icmp, *self.expert]
        data = f"{self.payload_bytes} bytes" if self.payload_bytes else "ACK" if self.flags & t.ACK else ""
        return ", ".join(word for word in told if word) or data or "nothing"


@dataclass(frozen=True)
class Checked:
    """One piece of evidence, and tshark's opinion of it."""

    evidence: Evidence
    opinion: str
    because: str
    said: tuple[Said, ...]


@dataclass(frozen=True)
class Opinion:
    """What tshark makes of a finding: `differ` where it differs on any of its evidence."""

    finding: Finding
    opinion: str
    checked: tuple[Checked, ...]

    @property
    def because(self) -> str:
        """The reasons given for the evidence, each once."""
        mine = dict.fromkeys(each.because for each in self.checked if each.opinion == self.opinion)
        return "; ".join(mine) or "it names no frames"

    @property
    def words(self) -> str:
        """What tshark says of the frames, each thing once."""
        words = list(dict.fromkeys(said.words for each in self.checked for said in each.said))
        return "; ".join(words[:WORDS_SHOWN]) + ("; ..." if len(words) > WORDS_SHOWN else "")


# --- signs --------------------------------------------------------------------------------------------

Sign = Callable[["Evidence", Sequence[Said]], tuple[str, str]]  # (opinion, what was looked for)


def flag(name: str, side: int) -> Sign:
    """A packet with this TCP flag from that side."""

    def seen(item: Evidence, said: Sequence[Said]) -> tuple[str, str]:
        sender = item.server if side else item.client
        found = any(s.source == sender and s.flags & _FLAGS[name] and not s.icmp for s in said)
        return (AGREE if found else DIFFER), f"{name} from {'server' if side else 'client'}"

    return seen


def data(side: int) -> Sign:
    """Payload from that side."""

    def seen(item: Evidence, said: Sequence[Said]) -> tuple[str, str]:
        sender = item.server if side else item.client
        found = any(s.source == sender and s.payload_bytes for s in said)
        return (AGREE if found else DIFFER), f"data from {'server' if side else 'client'}"

    return seen


def analysis(names: Sequence[str], shown: str, otherwise: str = DIFFER) -> Sign:
    """A packet that tshark's TCP analysis calls one of these."""

    def seen(item: Evidence, said: Sequence[Said]) -> tuple[str, str]:
        return (AGREE if any(set(names) & set(s.analysis) for s in said) else otherwise), shown

    return seen


def status(least: int = 400, most: int = 599) -> Sign:
    """A response whose status lies between these; silence where tshark shows no response at all."""

    def seen(item: Evidence, said: Sequence[Said]) -> tuple[str, str]:
        statuses = sorted({s.status for s in said} - {0})
        if not statuses:
            return SILENT, "a status"
        shown = f"status {', '.join(map(str, statuses))}"
        return (AGREE if any(least <= status <= most for status in statuses) else DIFFER), shown

    return seen


def no_answer(item: Evidence, said: Sequence[Said]) -> tuple[str, str]:
    """A client's SYN, and none in return."""
    opened = any(s.source == item.client and s.flags & t.SYN for s in said)
    answered = any(s.source == item.server and s.flags & t.SYN for s in said)
    return (AGREE if opened and not answered else DIFFER), "SYN without answer"


def icmp_error(item: Evidence, said: Sequence[Said]) -> tuple[str, str]:
    return (AGREE if any(s.icmp for s in said) else DIFFER), "ICMP error"


def expert(item: Evidence, said: Sequence[Said]) -> tuple[str, str]:
    """A complaint of tshark's HTTP or TLS dissector; it complains of little, so else silence."""
    return (AGREE if any(s.expert for s in said) else SILENT), "a complaint of the dissector"


def tls(wanted: str) -> Sign:
    def seen(item: Evidence, said: Sequence[Said]) -> tuple[str, str]:
        return (AGREE if any(s.tls.startswith(wanted) for s in said) else SILENT), f"TLS {wanted}".strip()

    return seen


def any_of(*signs: Sign) -> Sign:
    """One of these: silence wins over a difference."""

    def seen(item: Evidence, said: Sequence[Said]) -> tuple[str, str]:
        got = [sign(item, said) for sign in signs]
        agreeing = [shown for opinion, shown in got if opinion == AGREE]
        if agreeing:
            return AGREE, agreeing[0]
        silent = any(opinion == SILENT for opinion, _ in got)
        return (SILENT if silent else DIFFER), " or ".join(shown for _, shown in got)

    return seen


def all_of(*signs: Sign) -> Sign:
    """All of these: a difference in one is a difference."""

    def seen(item: Evidence, said: Sequence[Said]) -> tuple[str, str]:
        got = [sign(item, said) for sign in signs]
        for wanted in (DIFFER, SILENT):
            if missing := [shown for opinion, shown in got if opinion == wanted]:
                return wanted, " and ".join(missing)
        return AGREE, " and ".join(shown for _, shown in got)

    return seen


_SERVER_CLOSE = any_of(flag("FIN", SERVER), flag("RST", SERVER))
_CLIENT_CLOSE = any_of(flag("FIN", CLIENT), flag("RST", CLIENT))
_REFUSED = any_of(flag("RST", SERVER), icmp_error)
_RETRANSMITTED = analysis(_RETRANSMISSIONS, "retransmission")
_LOST = analysis(_LOSSES, "loss")

#: What tshark must see in the evidence of a cause.
SIGNS: dict[str, Sign] = {
    "alb-node-unreachable": any_of(no_answer, _REFUSED),
    "alb-policy-response": status(300),
    "backend-closed-before-response": _SERVER_CLOSE,
    "backend-connect-refused": _REFUSED,
    "backend-connect-timeout": any_of(no_answer, _RETRANSMITTED),
    "backend-error-status": status(400),
    "backend-packet-loss": _LOST,
    "backend-reset": flag("RST", SERVER),
    "backend-response-timeout": data(CLIENT),
    "backend-tls-handshake-failed": any_of(_SERVER_CLOSE, _CLIENT_CLOSE, tls("alert")),
    "backend-zero-window": analysis(_ZERO_WINDOWS, "zero window"),
    "backlog-overflow": any_of(no_answer, _RETRANSMITTED, flag("RST", SERVER)),
    "client-closed-before-request": _CLIENT_CLOSE,
    "client-closed-before-response": _CLIENT_CLOSE,
    "frontend-connect-refused": _REFUSED,
    "frontend-connect-timeout": any_of(no_answer, _RETRANSMITTED),
    "frontend-keepalive-race": all_of(_SERVER_CLOSE, data(CLIENT)),
    "frontend-packet-loss": _LOST,
    "health-check-failing": any_of(status(300), _SERVER_CLOSE, no_answer, _RETRANSMITTED),
    "keepalive-race": all_of(_SERVER_CLOSE, data(CLIENT)),
    "malformed-request": any_of(expert, data(CLIENT)),
    "malformed-response": any_of(expert, data(SERVER)),
    "mtu-blackhole": any_of(analysis(_LOSSES, "loss", SILENT), icmp_error),  # may never reach the capture
    "no-backend": status(500),
    "plaintext-on-tls-port": any_of(status(400), data(CLIENT)),
    "request-content-length-mismatch": data(CLIENT),
    "request-header-too-large": any_of(status(400), _SERVER_CLOSE),
    "request-timeout": any_of(status(400), _SERVER_CLOSE),
    "response-content-length-mismatch": data(SERVER),
    "response-header-too-large": data(SERVER),
    "slow-backend": data(SERVER),
    "status-rewritten": status(100),
    "throttled": status(400),
    "tls-handshake-failed": any_of(_SERVER_CLOSE, _CLIENT_CLOSE, tls("alert")),
    "tls-on-plaintext-port": data(CLIENT),
    "trace-not-supported": status(400),
    "unsupported-request": any_of(status(400), _SERVER_CLOSE),
    "uri-too-long": status(400),
}


# --- asking -------------------------------------------------------------------------------------------


def verify(analysis_: Analysis, tls_keylog: str | None = None) -> list[Opinion]:
    """tshark's opinion of every finding, in their order. Raises TsharkMissing."""
    tshark.need_tshark("verify")
    asked = chosen(analysis_.findings)
    said = ask(analysis_, [item for items in asked for item in items], tls_keylog)
    return [
        opinion_of(finding, [(item, said.get(item.file, {})) for item in items])
        for finding, items in zip(analysis_.findings, asked, strict=True)
    ]


def chosen(findings: Sequence[Finding]) -> list[list[Evidence]]:
    """Of each finding the evidence to ask about: all, or as much as FRAMES_ASKED allows."""
    asked: list[list[Evidence]] = [[] for _ in findings]
    left = FRAMES_ASKED
    for rank in range(max((len(finding.evidence) for finding in findings), default=0)):
        for finding, items in zip(findings, asked, strict=True):
            if rank < len(finding.evidence) and finding.evidence[rank].frames:
                left -= len(finding.evidence[rank].frames)
                if left >= 0:
                    items.append(finding.evidence[rank])
    return asked


def ask(
    analysis_: Analysis, items: Iterable[Evidence], tls_keylog: str | None = None
) -> dict[str, dict[int, Said]]:
    """file -> frame -> what tshark says of it."""
    wanted: dict[str, set[int]] = {}
    for item in items:
        wanted.setdefault(item.file, set()).update(item.frames)
    said: dict[str, dict[int, Said]] = {}
    decode_as = http_ports(analysis_)
    preferences = tshark.keylog_preference(tls_keylog)
    for file in analysis_.capture_files:
        numbers = sorted(wanted.get(file.path, ()))
        if not numbers or file.path in said:
            continue
        with tshark.readable(file) as path:
            told = tshark.frames(
                path, f"frame.number in {{{', '.join(spans(numbers))}}}", LAYERS,
                last_frame=numbers[-1], decode_as=decode_as, preferences=preferences,
            )  # fmt: skip
            said[file.path] = {frame.frame: frame for frame in map(of_packet, told)}
    return said


def spans(numbers: Iterable[int]) -> Iterator[str]:
    """Numbers in order as a display filter's set: ``3``, ``5..9``."""
    first = last = -1
    for number in numbers:
        if number != last + 1 and first >= 0:
            yield str(first) if first == last else f"{first}..{last}"
        if number != last + 1:
            first = number
        last = number
    if first >= 0:
        yield str(first) if first == last else f"{first}..{last}"


def http_ports(analysis_: Analysis) -> dict[str, str]:
    """Ports on which HTTP in clear was found, for tshark, which knows the usual ones only."""
    rows, decrypted = analysis_.traffic.connections, analysis_.traffic.decrypted
    plain = rows["protocol"] == t.PROTOCOL_HTTP
    ports = distinct(rows["server_port"][plain & ~decrypted if len(decrypted) else plain])[:100]
    return {f"tcp.port=={port}": "http" for port in ports.tolist()}


def opinion_of(finding: Finding, items: Sequence[tuple[Evidence, dict[int, Said]]]) -> Opinion:
    checked = tuple(check(finding.cause.name, item, said) for item, said in items)
    opinions = {each.opinion for each in checked}
    worst = next((o for o in (DIFFER, AGREE) if o in opinions), SILENT)
    return Opinion(finding, worst, checked)


def check(cause: str, item: Evidence, said: dict[int, Said]) -> Checked:
    """Compare one piece of evidence with what tshark says of its frames."""
    mine = tuple(said[frame] for frame in item.frames if frame in said)
    absent = [str(frame) for frame in item.frames if frame not in said]
    if absent:
        return Checked(item, DIFFER, f"tshark has no frame {', '.join(absent)}", mine)
    ends = {item.client, item.server}
    strange = [str(s.frame) for s in mine if {s.source, s.destination} != ends]
    if strange:
        return Checked(item, DIFFER, f"another connection in frame {', '.join(strange)}", mine)
    if cause not in SIGNS:
        return Checked(item, AGREE, "the frames are of this connection", mine)
    opinion, shown = SIGNS[cause](item, mine)
    return Checked(item, opinion, shown if opinion == AGREE else f"not seen: {shown}", mine)


def of_packet(packet: tshark.Packet) -> Said:
    """A frame as tshark dissected it."""
    layers: dict[str, list[tshark.Layer]] = {}
    for layer in packet.layers:
        layers.setdefault(layer.name, []).append(layer)
    icmp = next((layer for name in ("icmp", "icmpv6") for layer in layers.get(name, ())), None)
    if icmp is not None:
        kind = f"{icmp.name} {icmp.first(f'{icmp.name}.type')}"
        code = icmp.first(f"{icmp.name}.code")
        return Said(packet.number, *ends_of(icmp, icmp), icmp=f"{kind}/{code}")
    tcp = layers["tcp"][-1] if "tcp" in layers else None
    if tcp is None:
        return Said(packet.number, "", "")
    ip = [layer for layer in packet.layers if layer.name in ("ip", "ipv6")][-1]
    http = layers.get("http", [])
    methods = [
        f"{layer.first(method)} {layer.first(uri)}".strip()
        for kind, method, uri in _REQUESTS
        for layer in layers.get(kind, [])
    ]
    statuses = [layer.first(field) for kind, field in _STATUSES.items() for layer in layers.get(kind, [])]
    return Said(
        packet.number,
        *ends_of(ip, tcp),
        flags=int(tcp.first("tcp.flags") or "0", 16),
        payload_bytes=int(tcp.first("tcp.len") or 0),
        analysis=tuple(n for n in t.ANALYSIS_FLAGS if f"tcp.analysis.{n}" in tcp.fields),
        request=next((method for method in methods if method), ""),
        status=next((int(code) for code in statuses if code.isdigit()), 0),
        tls=tls_words(layers.get("tls", [])),
        expert=tuple(dict.fromkeys(complaints([*http, *layers.get("tls", [])]))),
    )


def ends_of(ip: tshark.Layer, tcp: tshark.Layer) -> tuple[str, str]:
    """Source and destination; of an ICMP error those of the quoted packet, which lie in its own layer."""
    kind = "ipv6" if "ipv6.src" in ip.fields else "ip"
    source, destination = ip.first(f"{kind}.src"), ip.first(f"{kind}.dst")
    ports = (tcp.first("tcp.srcport"), tcp.first("tcp.dstport"))
    if not (source and destination and all(ports)):
        return "", ""
    return endpoint(source, int(ports[0])), endpoint(destination, int(ports[1]))


def tls_words(layers: Iterable[tshark.Layer]) -> str:
    for layer in layers:
        if alert := layer.first("tls.alert_message.desc"):
            return f"alert {alert}"
        if layer.first("tls.handshake.type"):
            return "handshake"
        if layer.first("tls.record.content_type"):
            return "record"
    return ""


def complaints(layers: Iterable[tshark.Layer]) -> Iterator[str]:
    """Expert messages from a warning up."""
    for layer in layers:
        severities = layer.all("_ws.expert.severity")
        messages = layer.all("_ws.expert.message")
        for severity, message in zip(severities, messages, strict=False):
            if severity.isdigit() and int(severity) >= _BAD_EXPERT:
                yield message
