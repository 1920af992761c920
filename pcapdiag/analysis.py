"""``analyze(paths) -> Analysis``: calls the layers in their order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Union

import numpy as np

from pcapdiag import tables as t
from pcapdiag.ahead import ahead
from pcapdiag.capture import KEPT, Batch, CaptureFile, open_captures
from pcapdiag.copies import part_copies
from pcapdiag.errors import PcapdiagError
from pcapdiag.http import Framer
from pcapdiag.ordering import Ordering
from pcapdiag.packets import Decoder
from pcapdiag.tcp import Tracker
from pcapdiag.traffic import Traffic, address_text

if TYPE_CHECKING:
    from pcapdiag.causes.account import Account
    from pcapdiag.causes.cause import Finding
    from pcapdiag.dns import Answers
    from pcapdiag.profiles import Profile

#: A path, "-" for standard input, or an open binary file.
Source = Union[str, "os.PathLike[str]", BinaryIO]


@dataclass
class Analysis:
    """Traffic and findings: all a report sees."""

    traffic: Traffic
    profile: Profile
    profile_reason: str
    findings: list[Finding]
    account: Account
    capture_files: list[CaptureFile] = field(default_factory=list)


def analyze(
    paths: Source | Sequence[Source],
    *,
    alb: Sequence[str] = (),
    profile: str | None = None,
    profile_file: str | Path | None = None,
    only: Sequence[str] = (),
    ignore: Sequence[str] = (),
    tls_keylog: str | os.PathLike[str] | None = None,
    progress: Callable[[int], None] | None = None,
    interruption: AbstractContextManager[Callable[[], bool]] | None = None,
) -> Analysis:
    """Read captures and say why requests failed.

    `alb` names the load balancer's addresses or networks (found from the traffic when empty), `profile` whose
    limits hold (guessed when None), `profile_file` a TOML file of a site's own values, `only` and `ignore`
    causes by name. `tls_keylog` is a file of TLS keys with which tshark decrypts HTTPS (keys inside a pcapng
    are used without it). `progress` is called with the number of input bytes read so far.

    `interruption` surrounds the reading and gives what says whether to end it; what was read is judged.

    Raises CaptureError where an input is no capture, PcapdiagError where an option has no meaning.
    """
    files = open_captures(sources(paths))
    if alb or profile or profile_file:
        _check_options(alb, profile, profile_file)
    if tls_keylog:
        _check_keylog(tls_keylog)
    part_copies(files)
    with interruption or nullcontext() as stop:
        traffic = read(files, progress, tls_keylog, stop)

    from pcapdiag.causes import judge
    from pcapdiag.causes.account import Account
    from pcapdiag.encrypted import encrypted_of
    from pcapdiag.legs import find_legs
    from pcapdiag.profiles import guess_profile, load_profile
    from pcapdiag.wire import Wire

    analysis = Analysis(traffic, load_profile("generic"), "", [], Account(0, 0, []), files)
    traffic.wire = Wire(analysis)
    find_legs(traffic, alb)
    if profile is None:
        chosen, reason = guess_profile(traffic)
        if profile_file:
            chosen = load_profile(chosen.name, profile_file)
    else:
        chosen, reason = load_profile(profile, profile_file), "given"
    if profile_file:
        reason = f"{reason}; with the values of {Path(profile_file).name}"
    analysis.profile, analysis.profile_reason = chosen, reason
    traffic.encrypted = encrypted_of(traffic)
    analysis.findings, analysis.account = judge(traffic, chosen, only=only, ignore=ignore)
    return analysis


def _check_options(alb: Sequence[str], profile: str | None, profile_file: str | Path | None) -> None:
    """Refuse what cannot be meant before gigabytes are read."""
    from pcapdiag.legs import networks
    from pcapdiag.profiles import load_profile

    networks(alb)
    load_profile(profile or "generic", profile_file)


def _check_keylog(path: str | os.PathLike[str]) -> None:
    """Refuse a key log that cannot be used before gigabytes are read."""
    from pcapdiag.tshark import need_tshark

    try:
        Path(path).open("rb").close()
    except OSError as error:
        raise PcapdiagError(f"--tls-keylog {path}: {(error.strerror or str(error)).lower()}") from None
    need_tshark("--tls-keylog")


def sources(paths: Source | Sequence[Source]) -> list[Source]:
    """A list of sources out of one or several."""
    if isinstance(paths, (str, os.PathLike)) or hasattr(paths, "read"):
        return [paths]  # type: ignore[list-item]
    return list(paths)


def read(
    files: Sequence[CaptureFile],
    progress: Callable[[int], None] | None = None,
    tls_keylog: str | os.PathLike[str] | None = None,
    stop: Callable[[], bool] | None = None,
) -> Traffic:
    """The connections and exchanges of these captures; who is who is not known yet."""
    framer = Framer()
    tracker = Tracker(framer.follow)
    framer.attach(tracker)
    decoder = Decoder(kept=KEPT)
    answers: Answers | None = None
    current = -1
    for index, batch, packets in ahead(decoded(files, decoder, progress, stop), KEPT - 1, stop):
        if index != current:
            current = index
            tracker.begin_file(index, files[index].info.vantage)
        tracker.track(batch.data, packets)
        if decoder.dns_answers and (packets["kind"] == t.KIND_DNS).any():
            from pcapdiag import dns  # few captures hold any

            answers = answers or dns.Answers()
            answers.note(batch.data, packets)
    if stop and stop():
        interrupt(files)
    tracker.end_vantage()
    opened = decrypted_by(files, tracker, framer, tls_keylog)
    framer.detach()
    traffic = traffic_of(files, tracker, framer, decoder)
    if answers is not None:
        traffic.dns = answers.by_name
    if opened is not None:
        from pcapdiag.decrypted import weave

        traffic.decrypted, traffic.counters["tls_frames_unread"], traffic.tls_trouble = opened
        weave(traffic)
    return traffic


def interrupt(files: Sequence[CaptureFile]) -> None:
    """Reading ended early: of these files no more is read than was."""
    total = 0
    for file in files:
        file.interrupt()
        file.info.first_frame = total + 1
        total += file.info.packets


def decrypted_by(
    files: Sequence[CaptureFile], tracker: Tracker, framer: Framer, tls_keylog: str | os.PathLike[str] | None
) -> tuple[np.ndarray, int, str] | None:
    """Frame what keys open: (which connections were opened, frames left unread, what went wrong).

    None without any key.
    """
    if not tls_keylog and not any(file.info.tls_keys for file in files):
        return None
    from pcapdiag.decrypted import decrypt
    from pcapdiag.tshark import TsharkMissing

    rows = tracker.connections.rows
    was_tls = rows["protocol"] == t.PROTOCOL_TLS
    try:
        unread, trouble = decrypt(files, tracker, framer, os.fspath(tls_keylog) if tls_keylog else None)
    except TsharkMissing:
        return None  # keys came inside the capture, and nobody asked for them: the report says so
    opened = was_tls & (rows["protocol"] != t.PROTOCOL_TLS)
    if tls_keylog and was_tls.any() and not opened.any():
        trouble = trouble or "none of the keys given fits them"
    return opened[: tracker.kernel.connection_count], unread, trouble


def decoded(
    files: Sequence[CaptureFile],
    decoder: Decoder,
    progress: Callable[[int], None] | None,
    stop: Callable[[], bool] | None = None,
) -> Iterator[tuple[int, Batch, np.ndarray]]:
    """(file index, batch, tables.Packet rows) of all files in turn; frames run on from file to file.

    `stop` ends files on disk at once; a pipe gives what it still has.
    """
    total = 0
    for index, file in enumerate(files):
        file.info.first_frame = total + 1
        ordering = Ordering()
        for batch in file.batches(offset_progress(progress, files, index)):
            packets = decoder.decode(batch.data, batch.records, total + batch.first_frame)
            yield index, *ordering.put(batch, packets)
            if stop and stop() and file.on_disk:
                break
        if left := ordering.left():
            yield index, *left
        if stop and stop() and file.on_disk:
            return
        total += file.info.packets


def offset_progress(
    progress: Callable[[int], None] | None, files: Sequence[CaptureFile], index: int
) -> Callable[[int], None] | None:
    """`progress` counting on from the files before this one."""
    if progress is None:
        return None
    before = sum(file.size or 0 for file in files[:index])
    return lambda done: progress(before + done)


def packet_rows(
    paths: Source | Sequence[Source],
) -> Iterator[tuple[CaptureFile, Batch, np.ndarray, np.ndarray]]:
    """(file, batch, tables.Packet rows, analysis flags) of each batch; frames count from 1 in each file."""
    tracker = Tracker()
    decoder = Decoder()
    for index, file in enumerate(open_captures(sources(paths))):
        tracker.begin_file(index, file.info.vantage)
        for batch in file.batches():
            packets = decoder.decode(batch.data, batch.records, batch.first_frame)
            yield file, batch, packets, tracker.track(batch.data, packets)


def traffic_of(files: Sequence[CaptureFile], tracker: Tracker, framer: Framer, decoder: Decoder) -> Traffic:
    """The finished tables as one Traffic."""
    k = tracker.kernel
    addresses = [address_text(hi, lo) for hi, lo in tracker.addresses()]
    connections = tracker.connections.finished(k.connection_count)
    troubles = tracker.troubles.finished(k.trouble_count)
    events = tracker.events.finished(k.event_count)
    exchanges = framer.exchanges.finished(framer.kernel.exchange_count)
    swap_roles(connections, troubles, events)
    servers = framer.servers[: framer.kernel.server_count].tolist()
    strings = framer.strings()
    decoded = decoder.counters
    return Traffic(
        files=[file.info for file in files],
        connections=connections,
        exchanges=exchanges,
        troubles=troubles,
        events=events,
        addresses=addresses,
        strings=strings,
        servers=[strings[row] for row in servers],
        counters={
            **decoded,
            "tcp_packets": decoded["tcp"],
            "capture_duplicates": k.duplicates,
            "answers_stored_early": k.crossed,
            "events_dropped": k.events_dropped,
            "evicted_connections": k.evicted,
            "stash_overflows": k.stash_full,
            "lines_dropped": framer.kernel.lines_dropped,
            "strings_dropped": framer.kernel.strings_dropped,
        },
    )


def swap_roles(connections: np.ndarray, troubles: np.ndarray, events: np.ndarray) -> None:
    """Put client and server right where HTTP showed that the guess by ports was wrong."""
    swapped = (connections["flags"] & t.CONN_SWAPPED) != 0
    if not swapped.any():
        return
    rows = np.flatnonzero(swapped)
    for name in connections.dtype.names or ():
        if name == "client" or name.startswith("client_"):
            other = name.replace("client", "server", 1)
            kept = connections[name][rows].copy()
            connections[name][rows] = connections[other][rows]
            connections[other][rows] = kept
    for a, b in (
        (t.CONN_FIN_CLIENT, t.CONN_FIN_SERVER),
        (t.CONN_RST_CLIENT, t.CONN_RST_SERVER),
        (t.CONN_DATA_CLIENT, t.CONN_DATA_SERVER),
    ):
        flags = connections["flags"][rows]
        both = (
            (flags & ~np.uint32(a | b))
            | np.where(flags & a, np.uint32(b), 0)
            | np.where(flags & b, np.uint32(a), 0)
        )
        connections["flags"][rows] = both.astype("u4")
    closed = connections["closed_by"][rows]
    connections["closed_by"][rows] = np.where(closed == 255, closed, 1 - closed)
    for table in (troubles, events):
        mine = swapped[table["connection"]]
        table["direction"][mine] ^= 1
