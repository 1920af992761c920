"""tshark, driven through pyshark: the only module that starts it.

tshark opens the capture by itself wherever it can, so that what it says is independent of our reader; a pipe
and the compressions it may lack are given to it as a temporary plain copy.
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

import pyshark
from pyshark.tshark.output_parser.tshark_xml import TsharkXmlParser
from pyshark.tshark.tshark import TSharkNotFoundException, get_process_path

from pcapdiag.errors import PcapdiagError

if TYPE_CHECKING:
    from pcapdiag.capture import CaptureFile

#: What every tshark reads by itself; zstd and lz4 depend on how it was built.
READS_ITSELF = ("", "gzip")
COPY_LIMIT = 4 << 30

#: As our tracker reads a stream: whole messages, also out of segments that came out of order.
PREFERENCES = {
    "tcp.desegment_tcp_streams": "TRUE",
    "tcp.reassemble_out_of_order": "TRUE",
    "tcp.relative_sequence_numbers": "TRUE",
    "http.desegment_body": "FALSE",
}


_FIELD = re.compile(rb'<field name="([^"]+)"[^>]*? show="([^"]*)"')
_NUMBER = re.compile(rb'<field name="num"[^>]*? show="(\d+)"')
_TIME = re.compile(rb'<field name="timestamp"[^>]*? value="(\d+)\.?(\d*)')


@dataclass(frozen=True)
class Layer:
    """A protocol of a packet, with the values of its fields as tshark shows them."""

    name: str
    fields: dict[str, list[str]]

    def first(self, field: str) -> str:
        """The first value of a field; "" where the layer lacks it."""
        values = self.fields.get(field)
        return values[0] if values else ""

    def all(self, field: str) -> list[str]:
        return self.fields.get(field, [])


@dataclass(frozen=True)
class Packet:
    """A frame as tshark dissects it."""

    number: int
    time_ns: int
    layers: tuple[Layer, ...]

    def named(self, *names: str) -> list[Layer]:
        """Its layers of these protocols, the outermost first."""
        return [layer for layer in self.layers if layer.name in names]


class TsharkMissing(PcapdiagError):
    """There is no tshark to ask."""


class TsharkGaveUp(PcapdiagError):
    """tshark could read nothing of a file, which is damaged or of a kind it does not know."""


def need_tshark(what_for: str) -> None:
    """Raise TsharkMissing where tshark is not installed."""
    try:
        get_process_path()
    except TSharkNotFoundException:
        raise TsharkMissing(
            f"{what_for} needs tshark, which is not installed (Debian and Ubuntu: apt install tshark)"
        ) from None


def keylog_preference(keylog: str | None) -> dict[str, str]:
    """What makes tshark decrypt with this key log; keys inside a pcapng it takes by itself."""
    return {"tls.keylog_file": str(Path(keylog).resolve())} if keylog else {}


@contextlib.contextmanager
def readable(file: CaptureFile) -> Iterator[Path]:
    """A path at which tshark finds this capture."""
    if file.on_disk and file.info.compression in READS_ITSELF:
        yield Path(file.path)
        return
    with NamedTemporaryFile(suffix=".pcap") as copy:
        written = 0
        for chunk in file.content():
            written += copy.write(chunk)
            if written > COPY_LIMIT:
                break
        copy.flush()
        yield Path(copy.name)


def frames(
    path: Path,
    display_filter: str,
    layers: str,
    *,
    last_frame: int = 0,
    preferences: Mapping[str, str] | None = None,
    decode_as: Mapping[str, str] | None = None,
    without: Sequence[str] = (),
) -> Iterator[Packet]:
    """The packets that match the filter, with the fields of these layers (``"ip tcp http"``).

    tshark reads no further than `last_frame`, when that is given, and does `without` some protocols. Where it
    gives up on a damaged file, the packets before that are all there are.
    """
    options = ["-J", f"frame {layers}"]
    options += ["-c", str(last_frame)] if last_frame else []
    options += [part for protocol in without for part in ("--disable-protocol", protocol)]
    loop = asyncio.new_event_loop()
    capture = _Capture(
        str(path),
        display_filter=display_filter,
        keep_packets=False,
        eventloop=loop,
        custom_parameters=options,
        override_prefs={**PREFERENCES, **(preferences or {})},
        decode_as=dict(decode_as or {}),
    )
    count = 0
    try:
        for packet in capture:
            count += 1
            yield packet
    finally:
        capture.close()
        loop.close()
    if capture.failed and not count:
        raise TsharkGaveUp(f"tshark gave up on {path.name}: {capture.failed}")


class _Parser(TsharkXmlParser):
    """Reads the fields straight out of tshark's XML, which pyshark would make an object of, one each.

    That takes a tenth of the time.
    """

    def _parse_single_packet(self, packet: bytes) -> Packet:
        # By its indent a protocol is told from those inside it, as what an ICMP error quotes.
        _, *protocols = packet.split(b'\n  <proto name="')
        number, time_ns, layers = 0, 0, []
        for protocol in protocols:
            name = protocol[: protocol.find(b'"')].decode()
            if name == "geninfo":
                number, time_ns = _general(protocol)
            elif name != "frame":
                layers.append(Layer(name, _fields(protocol)))
        return Packet(number, time_ns, tuple(layers))


class _Capture(pyshark.FileCapture):
    """pyshark kills tshark once its last packet has come, which upsets asyncio's own wait for it, and takes a
    capture cut short for a crash. Here tshark ends by itself, and what it had to say is kept."""

    failed = ""

    def _setup_tshark_output_parser(self) -> TsharkXmlParser:
        return _Parser()

    async def _cleanup_subprocess(self, process: Any) -> None:
        if not self._eof_reached:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await process.wait()
        if self._eof_reached and process.returncode:
            self.failed = self._last_error_line or f"exit status {process.returncode}"


def _general(protocol: bytes) -> tuple[int, int]:
    """(number, time in ns) of a packet."""
    number = _NUMBER.search(protocol)
    time = _TIME.search(protocol)
    seconds, fraction = (time[1], time[2]) if time else (b"0", b"")
    time_ns = int(seconds) * 1_000_000_000 + int(fraction.ljust(9, b"0")[:9] or 0)
    return int(number[1]) if number else 0, time_ns


def _fields(protocol: bytes) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for name, shown in _FIELD.findall(protocol):
        text = shown.decode("utf-8", "backslashreplace")
        found.setdefault(name.decode(), []).append(unescape(text) if "&" in text else text)
    return found
