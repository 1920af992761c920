"""tshark, driven through pyshark: the only module that starts it.

tshark opens the capture by itself wherever it can, so that what it says is independent of our reader; a pipe
and the compressions it may lack are given to it as a temporary plain copy.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import TYPE_CHECKING, Any

import pyshark
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


class TsharkMissing(PcapdiagError):
    """There is no tshark to ask."""


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
) -> Iterator[Any]:
    """pyshark's packets that match the filter, with the fields of these layers (``"ip tcp http"``).

    tshark reads no further than `last_frame`, when that is given, and does without some protocols. Where it gives up on a damaged file,
    the packets before that are all there are.
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
        raise PcapdiagError(f"tshark gave up on {path}: {capture.failed}")


class _Capture(pyshark.FileCapture):  # type: ignore[misc]
    """pyshark kills tshark once its last packet has come, which upsets asyncio's own wait for it, and takes a
    capture cut short for a crash. Here tshark ends by itself, and what it had to say is kept."""

    failed = ""

    async def _cleanup_subprocess(self, process: Any) -> None:
        if not self._eof_reached:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        await process.wait()
        if self._eof_reached and process.returncode:
            self.failed = self._last_error_line or f"exit status {process.returncode}"


def value(layer: Any, name: str) -> str:
    """The first value of a field; "" where the layer lacks it."""
    found = layer.get_field(name)
    return "" if found is None else str(found.get_default_value() or "")


def values(layer: Any, name: str) -> list[str]:
    """All values of a field."""
    found = layer.get_field(name)
    return [] if found is None else [str(each.get_default_value() or "") for each in found.all_fields]
