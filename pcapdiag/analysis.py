"""``analyze(paths) -> Analysis``: calls the layers in their order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, Union

import numpy as np

from pcapdiag import tables as t
from pcapdiag.capture import Batch, CaptureFile, open_captures
from pcapdiag.causes.account import Account, Unexplained
from pcapdiag.causes.cause import Finding
from pcapdiag.causes.verdict import judge
from pcapdiag.http import Framer
from pcapdiag.legs import find_legs
from pcapdiag.packets import Decoder
from pcapdiag.profiles import Profile, guess_profile, load_profile
from pcapdiag.tcp import Tracker
from pcapdiag.traffic import Traffic, address_text
from pcapdiag.wire import Wire

__all__ = ["Account", "Analysis", "Source", "Unexplained", "analyze", "packet_rows", "read"]

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
    profile_file: str | os.PathLike[str] | None = None,
    only: Sequence[str] = (),
    ignore: Sequence[str] = (),
    progress: Callable[[int], None] | None = None,
) -> Analysis:
    """Read captures and say why requests failed.

    `alb` names the load balancer's addresses or networks (found from the traffic when empty), `profile` whose
    limits hold (guessed when None), `profile_file` a TOML file of a site's own values, `only` and `ignore`
    causes by name. `progress` is called with the number of input bytes read so far.

    Raises CaptureError where an input is no capture, PcapdiagError where an option has no meaning.
    """
    files = open_captures(sources(paths))
    traffic = read(files, progress)
    find_legs(traffic, alb)
    if profile is None:
        chosen, reason = guess_profile(traffic)
        if profile_file:
            chosen = load_profile(chosen.name, profile_file)
    else:
        chosen, reason = load_profile(profile, profile_file), "given"
    analysis = Analysis(traffic, chosen, reason, [], Account(0, 0, []), files)
    traffic.wire = Wire(analysis)
    analysis.findings, analysis.account = judge(traffic, chosen, only=only, ignore=ignore)
    return analysis


def sources(paths: Source | Sequence[Source]) -> list[Source]:
    """A list of sources out of one or several."""
    if isinstance(paths, (str, os.PathLike)) or hasattr(paths, "read"):
        return [paths]  # type: ignore[list-item]
    return list(paths)  # type: ignore[arg-type]


def read(files: Sequence[CaptureFile], progress: Callable[[int], None] | None = None) -> Traffic:
    """The connections and exchanges of these captures; who is who is not known yet."""
    tracker_framer = Framer()
    tracker = Tracker(tracker_framer.follow)
    tracker_framer.attach(tracker)
    decoder = Decoder()
    total = 0
    for index, file in enumerate(files):
        file.info.first_frame = total + 1
        tracker.begin_file(index, file.info.vantage)
        for batch in file.batches(offset_progress(progress, files, index)):
            packets = decoder.decode(batch.data, batch.records, total + batch.first_frame)
            tracker.track(batch.data, packets)
        total += file.info.packets
    tracker.end_vantage()
    return traffic_of(files, tracker, tracker_framer, decoder)


def offset_progress(
    progress: Callable[[int], None] | None, files: Sequence[CaptureFile], index: int
) -> Callable[[int], None] | None:
    """`progress` counting on from the files before this one."""
    if progress is None:
        return None
    before = sum(file.size or 0 for file in files[:index])
    return lambda done: progress(before + done)


def packet_rows(paths: Source | Sequence[Source]) -> Iterator[tuple[CaptureFile, Batch, np.ndarray, np.ndarray]]:
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
    for name in connections.dtype.names:
        if name == "client" or name.startswith("client_"):
            other = name.replace("client", "server", 1)
            kept = connections[name][rows].copy()
            connections[name][rows] = connections[other][rows]
            connections[other][rows] = kept
    for a, b in ((t.CONN_FIN_CLIENT, t.CONN_FIN_SERVER), (t.CONN_RST_CLIENT, t.CONN_RST_SERVER), (t.CONN_DATA_CLIENT, t.CONN_DATA_SERVER)):
        flags = connections["flags"][rows]
        both = (flags & ~np.uint32(a | b)) | np.where(flags & a, np.uint32(b), 0) | np.where(flags & b, np.uint32(a), 0)
        connections["flags"][rows] = both.astype("u4")
    closed = connections["closed_by"][rows]
    connections["closed_by"][rows] = np.where(closed == 255, closed, 1 - closed)
    for table in (troubles, events):
        mine = swapped[table["connection"]]
        table["direction"][mine] ^= 1
