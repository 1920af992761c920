"""Evidence: the frames of a connection where a claim can be checked, with Wireshark's filter for them.

Only a handful is ever shown of each finding, so this is plain Python over single rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes.cause import Evidence
from pcapdiag.columns import among
from pcapdiag.traffic import Traffic

MAX_EVIDENCE = 20
MAX_FRAMES = 12

_EXCHANGE_FRAMES = ("request_frame", "request_end_frame", "response_frame", "response_end_frame")
_CLOSE_FRAMES = ("client_fin_frame", "server_fin_frame", "rst_frame")


def of_exchanges(
    traffic: Traffic, rows: Sequence[int] | np.ndarray, note: str = "", kinds: Iterable[int] = ()
) -> tuple[Evidence, ...]:
    """The first exchanges of ``rows``: first and last frames of each message, how its connection closed
    when the exchange did not outlive that, and its events of these ``kinds``."""
    return tuple(_of_exchange(traffic, int(row), note, tuple(kinds)) for row in rows[:MAX_EVIDENCE])


def of_connections(
    traffic: Traffic, rows: Sequence[int] | np.ndarray, note: str = "", kinds: Iterable[int] = ()
) -> tuple[Evidence, ...]:
    """The first connections of ``rows``: first and last frame, how each closed, events of these ``kinds``."""
    return tuple(_of_connection(traffic, int(row), note, tuple(kinds)) for row in rows[:MAX_EVIDENCE])


def of_events(traffic: Traffic, larger_than: dict[int, int], notes: dict[int, str]) -> tuple[Evidence, ...]:
    """The first of these connections: their events of the kinds in ``notes``, and the note of the first kind.

    Of segments sent again only those of more bytes than given for their connection. Where none was kept,
    the connection's ends.
    """
    return tuple(
        _of_events(traffic, row, least, notes) for row, least in islice(larger_than.items(), MAX_EVIDENCE)
    )


def display_filter(traffic: Traffic, connection: int, frames: Iterable[int]) -> str:
    """Wireshark's filter for these frames (as Wireshark numbers them) of one connection."""
    row = traffic.connections[connection]
    client, server = traffic.addresses[row["client"]], traffic.addresses[row["server"]]
    ip = "ipv6" if ":" in client else "ip"
    endpoints = (
        f"{ip}.addr=={client} && {ip}.addr=={server} && "
        f"tcp.port=={int(row['client_port'])} && tcp.port=={int(row['server_port'])}"
    )
    numbers = ", ".join(str(frame) for frame in frames)
    return f"({endpoints}) && frame.number in {{{numbers}}}" if numbers else f"({endpoints})"


def _of_exchange(traffic: Traffic, row: int, note: str, kinds: tuple[int, ...]) -> Evidence:
    exchange = traffic.exchanges[row]
    connection = int(exchange["connection"])
    start_ns = int(exchange["start_ns"])
    running = [int(exchange[name]) for name in _EXCHANGE_FRAMES]
    if int(exchange["next"]) == t.NONE:
        running += [int(traffic.connections[connection][name]) for name in _CLOSE_FRAMES]
    rows, following = traffic.connections[connection], int(exchange["next"])
    # The handshake before the first exchange is its own; the last segment may be sent again after the end.
    since_ns = int(rows["first_ns"]) if row == int(rows["first_exchange"]) else start_ns
    until_ns = int(rows["last_ns"] if following == t.NONE else traffic.exchanges[following]["start_ns"])
    running += _event_frames(traffic, connection, kinds, since_ns, until_ns)
    return _evidence(traffic, connection, running, start_ns, note)


def _of_connection(traffic: Traffic, row: int, note: str, kinds: tuple[int, ...]) -> Evidence:
    connection = traffic.connections[row]
    running = [int(connection[name]) for name in ("first_frame", "last_frame", *_CLOSE_FRAMES)]
    start_ns, until_ns = int(connection["first_ns"]), int(connection["last_ns"])
    return _evidence(
        traffic, row, running + _event_frames(traffic, row, kinds, start_ns, until_ns), start_ns, note
    )


def _of_events(traffic: Traffic, row: int, larger_than: int, notes: dict[int, str]) -> Evidence:
    events = traffic.events_of(row)
    small = (events["kind"] == t.EVENT_RETRANSMISSION) & (events["b"] <= larger_than)
    events = events[among(events["kind"], list(notes)) & ~small]
    if not len(events):
        return _of_connection(traffic, row, "", ())
    kinds = set(events["kind"].tolist())
    note = next(said for kind, said in notes.items() if kind in kinds)
    return _evidence(traffic, row, events["frame"].tolist(), int(events["time_ns"][0]), note)


def _event_frames(
    traffic: Traffic, connection: int, kinds: tuple[int, ...], start_ns: int, until_ns: int
) -> list[int]:
    if not kinds:
        return []
    events = traffic.events_of(connection)
    wanted = among(events["kind"], kinds) & (events["time_ns"] >= start_ns) & (events["time_ns"] <= until_ns)
    return [int(frame) for frame in events["frame"][wanted][:MAX_FRAMES]]


def _evidence(traffic: Traffic, connection: int, running: Iterable[int], time_ns: int, note: str) -> Evidence:
    """Frames of the file where the first of them lies; a display filter speaks of one file."""
    placed = [traffic.frame_of(frame) for frame in sorted(set(running) - {0})]
    file = placed[0][0] if placed else int(traffic.connections[connection]["file"])
    frames = tuple(frame for in_file, frame in placed if in_file == file)[:MAX_FRAMES]
    return Evidence(
        connection=connection,
        client=traffic.client(connection),
        server=traffic.server(connection),
        frames=frames,
        time_ns=time_ns,
        display_filter=display_filter(traffic, connection, frames),
        file=traffic.files[file].path if file < len(traffic.files) else "",
        note=note,
    )
