"""The tables as rows of plain values: what ``pcapdiag connections|exchanges|packets`` prints."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from pcapdiag import tables as t
from pcapdiag.report.summary import moment
from pcapdiag.traffic import Traffic, address_text, endpoint

if TYPE_CHECKING:
    from pcapdiag.capture import Batch, CaptureFile

Row = tuple[Any, ...]

CONNECTIONS = (
    "connection", "leg", "client", "server", "protocol", "file", "first_frame", "last_frame", "first",
    "duration_s", "client_packets", "server_packets", "client_bytes", "server_bytes", "syn_rtt_ms",
    "ack_rtt_ms", "client_retransmitted", "server_retransmitted", "exchanges", "state",
)  # fmt: skip
EXCHANGES = (
    "exchange", "leg", "connection", "client", "server", "start", "method", "target", "host", "status",
    "request_bytes", "response_bytes", "request_s", "wait_s", "response_s", "request_frame", "response_frame",
    "request_ended", "response_ended", "peer",
)  # fmt: skip
PACKETS = (
    "file", "frame", "time", "source", "destination", "flags", "seq", "ack", "window", "length", "analysis",
)  # fmt: skip
_PACKET_COLUMNS = (
    "frame", "time_ns", "src_hi", "src_lo", "src_port", "dst_hi", "dst_lo", "dst_port", "flags", "seq", "ack",
    "window", "payload_len",
)  # fmt: skip
TCP_FLAGS = ("FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR", "AE")


def connection_rows(traffic: Traffic) -> Iterator[Row]:
    """One row of CONNECTIONS a connection, in order of first packets."""
    trouble_of = traffic.trouble_of
    for number, row in enumerate(traffic.connections):
        retransmitted = [
            int(trouble["retransmitted"]) if (trouble := trouble_of.get((number, way))) is not None else 0
            for way in (0, 1)
        ]
        file, first_frame = traffic.frame_of(int(row["first_frame"]))
        yield (
            number,
            t.LEGS[traffic.leg[number]],
            traffic.client(number),
            traffic.server(number),
            t.PROTOCOLS[row["protocol"]],
            file,
            first_frame,
            traffic.frame_of(int(row["last_frame"]))[1],
            moment(row["first_ns"]),
            (int(row["last_ns"]) - int(row["first_ns"])) / 1e9,
            int(row["client_packets"]),
            int(row["server_packets"]),
            int(row["client_bytes"]),
            int(row["server_bytes"]),
            milliseconds(row["syn_rtt_us"]),
            milliseconds(row["ack_rtt_us"]),
            *retransmitted,
            int(row["exchanges"]),
            connection_state(int(row["flags"]), int(row["closed_by"])),
        )


def milliseconds(time_us: int) -> float | None:
    return None if time_us == t.NEVER else round(int(time_us) / 1000, 3)


def connection_state(flags: int, closed_by: int) -> str:
    """How a connection stood when the capture ended, in a word or two."""
    if flags & t.CONN_REFUSED:
        return "refused"
    by = "" if closed_by > 1 else " by client" if closed_by == 0 else " by server"
    if flags & (t.CONN_RST_CLIENT | t.CONN_RST_SERVER):
        return "reset" + by
    if flags & (t.CONN_FIN_CLIENT | t.CONN_FIN_SERVER):
        return "closed" + by
    if flags & t.CONN_SYN and not flags & (t.CONN_SYNACK | t.CONN_DATA_SERVER | t.CONN_DATA_CLIENT):
        return "unanswered"
    return "open"


def exchange_rows(traffic: Traffic) -> Iterator[Row]:
    """One row of EXCHANGES an exchange."""
    for number, row in enumerate(traffic.exchanges):
        connection = int(row["connection"])
        peer = int(traffic.peer[number])
        yield (
            number,
            t.LEGS[traffic.leg[connection]],
            connection,
            traffic.client(connection),
            traffic.server(connection),
            moment(row["start_ns"]),
            traffic.method(number),
            traffic.target(number),
            traffic.host(number),
            int(row["status"]) or None,
            int(row["request_body"]),
            int(row["response_body"]),
            *phases_s(row),
            traffic.frame_of(int(row["request_frame"]))[1] if row["request_frame"] else None,
            traffic.frame_of(int(row["response_frame"]))[1] if row["response_frame"] else None,
            t.END_NAMES[row["request_ended"]],
            t.END_NAMES[row["response_ended"]],
            None if peer == t.NONE else peer,
        )


def phases_s(row: np.void) -> tuple[float | None, float | None, float | None]:
    """How long an exchange's request took, its server thought, and its response took."""
    end, first, last = (int(row[name]) for name in ("request_end_us", "response_start_us", "response_end_us"))
    return (
        None if end == t.NEVER else end / 1e6,
        None if t.NEVER in (end, first) else (first - end) / 1e6,
        None if t.NEVER in (first, last) else (last - first) / 1e6,
    )


def packet_rows(batches: Iterable[tuple[CaptureFile, Batch, np.ndarray, np.ndarray]]) -> Iterator[Row]:
    """One row of PACKETS a TCP packet, from the batches of file after file."""
    addresses: dict[tuple[int, int], str] = {}
    flag_names: dict[int, str] = {}
    analysis_names: dict[int, str] = {}
    number, current = -1, None
    for file, _, packets, analysis in batches:
        if file is not current:
            number, current = number + 1, file
        is_tcp = packets["kind"] == t.KIND_TCP
        values = [packets[name][is_tcp].tolist() for name in _PACKET_COLUMNS]
        for frame, time_ns, src_hi, src_lo, src_port, dst_hi, dst_lo, dst_port, flags, *numbers, found in zip(
            *values, analysis[is_tcp].tolist(), strict=True
        ):
            source, destination = (src_hi, src_lo), (dst_hi, dst_lo)
            for address in (source, destination):
                if address not in addresses:
                    addresses[address] = address_text(*address)
            if flags not in flag_names:
                flag_names[flags] = tcp_flags(flags)
            if found not in analysis_names:
                analysis_names[found] = analysis_flags(found)
            yield (
                number,
                frame,
                moment(time_ns),
                endpoint(addresses[source], src_port),
                endpoint(addresses[destination], dst_port),
                flag_names[flags],
                *numbers,
                analysis_names[found],
            )


def tcp_flags(flags: int) -> str:
    """``SYN,ACK``."""
    return ",".join(name for bit, name in enumerate(TCP_FLAGS) if flags >> bit & 1)


def analysis_flags(found: int) -> str:
    """``retransmission,out_of_order``: Wireshark's names."""
    return ",".join(name for name, flag in t.ANALYSIS_FLAGS.items() if found & flag)
