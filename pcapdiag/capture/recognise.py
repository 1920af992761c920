"""Tell by its first bytes what a file is: a capture, how compressed, or in plain words what else."""

from __future__ import annotations

from pcapdiag.capture import pcap, pcapng
from pcapdiag.capture.reader import Reader
from pcapdiag.capture.sections import SECTION_HEADER_MIN
from pcapdiag.capture.source import Raw
from pcapdiag.capture.stream import open_stream
from pcapdiag.capture.window import Window
from pcapdiag.errors import CaptureError

EXPECTED = "expected pcap or pcapng, plain or gzip/zstd/xz/lz4/bz2"

#: Formats we do not read, by how they begin, and what to do about them.
OTHER_FORMATS = {
    b"PK\x03\x04": "is a zip archive: unpack it first",
    b"7z\xbc\xaf": "is a 7z archive: unpack it first",
    b"snoop\0": "is a Solaris snoop file: convert it with `editcap -F pcapng`",
    b"GMBU": "is a Microsoft Network Monitor file: convert it with `editcap -F pcapng`",
    b"RTSS": "is a Microsoft Network Monitor file: convert it with `editcap -F pcapng`",
    b"XCP\0": "is a NetXray or Sniffer file: convert it with `editcap -F pcapng`",
}


def open_reader(label: str, raw: Raw, window_bytes: int) -> tuple[str, Reader]:
    """(compression, reader at the first record); CaptureError when `raw` is no capture."""
    compression, stream = open_stream(raw)
    window = Window(stream, window_bytes)
    window.refill(0, 4, greedy=False)
    head = bytes(window.data[: window.end])
    if pcapng.is_pcapng(head):
        kind, wanted = "pcapng section header", SECTION_HEADER_MIN
    elif pcap.byte_order(head):
        kind, wanted = "pcap file header", pcap.FILE_HEADER
    else:
        raise CaptureError(label, _what_else(head, window, compression))
    if not window.refill(0, wanted, greedy=False):
        problem = window.fault or f"it has {window.end} of the {wanted} bytes of a {kind}"
        raise CaptureError(label, f"is cut short: {problem}")
    reader = pcapng.PcapngReader(window) if pcapng.is_pcapng(head) else pcap.PcapReader(window)
    if reader.damage:
        raise CaptureError(label, reader.damage.text, reader.damage.offset)
    return compression, reader


def _what_else(head: bytes, window: Window, compression: str) -> str:
    if window.fault:
        return window.fault
    if not head:
        return f"holds nothing, compressed with {compression}" if compression else "is empty"
    window.refill(0, 8, greedy=False)
    start = bytes(window.data[: min(window.end, 8)])
    for magic, problem in OTHER_FORMATS.items():
        if start.startswith(magic):
            return problem
    inside = f" inside {compression}" if compression else ""
    return f"is not a capture{inside}: begins with {_shown(start)}; {EXPECTED}"


def _shown(start: bytes) -> str:
    """A few bytes, for a person: as text when they are text, else as hex."""
    if all(32 <= byte < 127 or byte in b"\t\r\n" for byte in start):
        return repr(start.decode()) + " …"
    return f"bytes {start.hex(' ')}"
