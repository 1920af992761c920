"""HTTPS with its keys becomes exchanges like plain ones; without them the report says what is missing."""

from __future__ import annotations

import shutil
import struct
from pathlib import Path

import numpy as np
import pytest

import pcapdiag
from pcapdiag import tables as t
from pcapdiag.decrypted import DATA, HEADERS, Http2Frame, Message, weave
from tests.tables_builder import TrafficBuilder

TLS = Path(__file__).resolve().parent.parent / "captures" / "tls"
KEYS = TLS / "key-log.keys.log"
needs_tshark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")

ASKED = [("/", 200), ("/faulty/500", 500), ("/faulty/503", 503), ("/api/items", 200)]


def told(analysis: pcapdiag.Analysis) -> list[list[tuple[str, int]]]:
    """(target, status) of each connection's exchanges, in the order of its chain."""
    traffic = analysis.traffic
    return [
        [
            (traffic.target(row), int(traffic.exchanges[row]["status"]))
            for row in traffic.of_connection(connection)
        ]
        for connection in range(len(traffic.connections))
        if traffic.decrypted[connection]
    ]


@needs_tshark
def test_a_key_log_opens_both_versions_of_tls() -> None:
    analysis = pcapdiag.analyze(TLS / "key-log.pcap", tls_keylog=KEYS)
    assert told(analysis) == [ASKED] * 4
    exchanges = analysis.traffic.exchanges
    assert set(exchanges["response_ended"].tolist()) == {t.END_COMPLETE}
    assert (exchanges["response_end_us"] >= exchanges["response_start_us"]).all()
    assert (np.diff(exchanges["start_ns"]) >= 0).all()
    assert analysis.traffic.host(0) == "shop.example.com"


@needs_tshark
def test_both_legs_are_joined_through_tls() -> None:
    analysis = pcapdiag.analyze(TLS / "key-log.alb.pcap", tls_keylog=KEYS)
    traffic = analysis.traffic
    front = np.flatnonzero(traffic.exchange_leg == t.LEG_FRONTEND)
    assert len(front) == 16 and (traffic.peer[front] != t.NONE).all()
    assert [(f.cause.name, f.statuses) for f in analysis.findings] == [
        ("backend-error-status", {"500": 4, "503": 4})
    ]


@needs_tshark
def test_keys_inside_a_pcapng_need_no_option() -> None:
    analysis = pcapdiag.analyze(TLS / "keys-inside.pcapng")
    assert told(analysis) == [ASKED] * 4
    assert analysis.traffic.encrypted is not None
    assert analysis.traffic.encrypted.note.endswith("all decrypted.")


@needs_tshark
def test_streams_of_http2_become_exchanges() -> None:
    analysis = pcapdiag.analyze(TLS / "http2-key-log.pcap", tls_keylog=TLS / "http2-key-log.keys.log")
    paths = ["/", "/faulty/500", "/faulty/503", "/api/items", "/faulty/500", "/faulty/503", "/style.css"]
    statuses = [200, 500, 503, 200, 500, 503, 200]
    assert told(analysis) == [list(zip(paths, statuses, strict=True))]
    bodies = analysis.traffic.exchanges["response_body"].tolist()
    assert bodies == [900, 3, 3, 35, 3, 3, 4000]
    assert analysis.traffic.servers[analysis.traffic.exchanges[1]["server"]] == "shop/2.3"


@needs_tshark
def test_a_key_log_of_others_opens_nothing() -> None:
    analysis = pcapdiag.analyze(TLS / "key-log.pcap", tls_keylog=TLS / "http2-key-log.keys.log")
    assert not analysis.traffic.decrypted.any() and not len(analysis.traffic.exchanges)


@needs_tshark
def test_the_streams_of_decrypted_messages_are_not_on_the_wire() -> None:
    analysis = pcapdiag.analyze(TLS / "key-log.pcap", tls_keylog=KEYS)
    assert analysis.traffic.wire is not None
    assert analysis.traffic.wire.message(0, 0) == b""


@needs_tshark
def test_a_file_on_which_tshark_gives_up_is_analysed_all_the_same(tmp_path: Path) -> None:
    content = bytearray((TLS / "keys-inside.pcapng").read_bytes())
    at = 0
    for _ in range(14):  # section, keys, interface, and the packets before the first decrypted one
        at += struct.unpack_from("<I", content, at + 4)[0]
    content[at - 4 : at] = b"\xff" * 4  # a block that states two lengths
    damaged = tmp_path / "damaged.pcapng"
    damaged.write_bytes(content)
    traffic = pcapdiag.analyze(damaged).traffic
    assert traffic.files[0].damage and len(traffic.connections)
    assert traffic.encrypted is not None and "tshark gave up" in traffic.encrypted.note


def test_a_key_log_that_is_not_there_is_said_at_once() -> None:
    with pytest.raises(pcapdiag.PcapdiagError, match=r"--tls-keylog nowhere\.log: no such file"):
        pcapdiag.analyze(TLS / "key-log.pcap", tls_keylog="nowhere.log")


def test_without_tshark_a_key_log_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(pcapdiag.PcapdiagError, match="--tls-keylog needs tshark"):
        pcapdiag.analyze(TLS / "key-log.pcap", tls_keylog=KEYS)


def test_without_tshark_keys_inside_are_told_of(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    encrypted = pcapdiag.analyze(TLS / "keys-inside.pcapng").traffic.encrypted
    assert encrypted is not None and "the keys inside the capture need tshark" in encrypted.note


# --- HTTP/2 as HTTP/1.1 -------------------------------------------------------------------------------


def test_a_message_without_length_is_told_in_chunks() -> None:
    message = Message()
    head = Http2Frame(1, HEADERS, False, ((":status", "200"), ("server", "x")))
    assert message.told(head, 1) == b"HTTP/1.1 200 \r\nserver: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert message.told(Http2Frame(1, DATA, False, (), 3), 1) == b"3\r\n\0\0\0\r\n"
    assert message.told(Http2Frame(1, DATA, True), 1) == b"0\r\n\r\n"


def test_a_message_with_a_length_keeps_it() -> None:
    message = Message()
    head = Http2Frame(1, HEADERS, False, ((":method", "PUT"), (":path", "/a"), ("content-length", "2")))
    assert message.told(head, 0) == b"PUT /a HTTP/1.1\r\ncontent-length: 2\r\n\r\n"
    assert message.told(Http2Frame(1, DATA, True, (), 2), 0) == b"\0\0"


def test_interim_answers_and_trailers_are_no_heads() -> None:
    message = Message()
    assert message.told(Http2Frame(1, HEADERS, False, ((":status", "103"),)), 1) == b"HTTP/1.1 103 \r\n\r\n"
    last = Http2Frame(1, HEADERS, True, ((":status", "204"),))
    assert message.told(last, 1) == b"HTTP/1.1 204 \r\nContent-Length: 0\r\n\r\n"
    assert message.told(Http2Frame(1, HEADERS, True, (("grpc-status", "0"),)), 1) == b""


def test_a_line_break_in_a_field_breaks_no_line() -> None:
    head = Http2Frame(1, HEADERS, True, ((":method", "GET"), (":path", "/\r\nX: y")))
    assert Message().told(head, 0).count(b"\r\n") == 2


def test_exchanges_are_woven_in_by_time_and_chained_anew() -> None:
    traffic = TrafficBuilder().build()
    traffic.exchanges = np.zeros(4, t.Exchange)
    traffic.exchanges["start_ns"] = [10, 30, 20, 5]
    traffic.exchanges["connection"] = [0, 0, 1, 1]
    traffic.exchanges["next"] = [1, t.NONE, t.NONE, t.NONE]
    traffic.connections = np.zeros(2, t.Connection)
    traffic.connections["first_exchange"] = [0, 2]
    traffic.decrypted = np.array([False, True])
    weave(traffic)
    assert traffic.exchanges["start_ns"].tolist() == [5, 10, 20, 30]
    assert list(traffic.of_connection(0)) == [1, 3]
    assert list(traffic.of_connection(1)) == [0, 2]
