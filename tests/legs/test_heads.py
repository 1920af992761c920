"""Heads of requests, read again from the capture."""

from __future__ import annotations

import gzip
from pathlib import Path

import pcapdiag
from pcapdiag.legs.heads import Head, sampled_heads
from tests.conversation import Conversation, write

REQUEST = "GET / HTTP/1.1\r\nHost: a.example\r\nACCEPT: */*\r\naccept:text/html\r\n\r\n"


def heads(path: Path, *requests: str, snaplen: int = 262144) -> list[Head]:
    c = Conversation()
    c.handshake()
    for request in requests:
        c.request(request)
        c.response("HTTP/1.1 204 No Content\r\n\r\n")
    return sampled_heads(pcapdiag.analyze(write(path / "c.pcap", c, snaplen=snaplen)).traffic)


def test_names_are_kept_as_written_and_values_by_name(tmp_path: Path) -> None:
    (head,) = heads(tmp_path, REQUEST)
    assert head.names == (b"Host", b"ACCEPT", b"accept")
    assert head.values == {b"host": b"a.example", b"accept": b"*/*"}
    assert not head.http10


def test_an_older_version_is_told(tmp_path: Path) -> None:
    assert heads(tmp_path, "GET / HTTP/1.0\r\n\r\n")[0].http10


def test_what_a_snaplen_cuts_off_is_no_field(tmp_path: Path) -> None:
    to_the_middle_of_accept = 14 + 20 + 20 + REQUEST.index("ACCEPT") + 3
    (head,) = heads(tmp_path, REQUEST, snaplen=to_the_middle_of_accept)
    assert head.names == (b"Host",)


def test_requests_in_one_packet_are_one_head(tmp_path: Path) -> None:
    assert len(heads(tmp_path, REQUEST + REQUEST)) == 1


def test_of_a_compressed_file_only_the_beginning_is_read_again(tmp_path: Path) -> None:
    c = Conversation()
    c.handshake()
    for n in range(1500):
        c.request(f"GET /{n} HTTP/1.1\r\nHost: a.example\r\n\r\n")
        c.response("HTTP/1.1 204 No Content\r\n\r\n")
    packed = tmp_path / "c.pcap.gz"
    packed.write_bytes(gzip.compress(write(tmp_path / "c.pcap", c).read_bytes()))
    traffic = pcapdiag.analyze(packed).traffic
    frames = [int(traffic.exchanges["request_frame"][head.exchange]) for head in sampled_heads(traffic)]
    assert len(frames) > 200 and max(frames) < 4001


def test_of_many_requests_some_from_everywhere_are_read(tmp_path: Path) -> None:
    read = heads(tmp_path, *(f"GET /{n} HTTP/1.1\r\nHost: a.example\r\n\r\n" for n in range(1500)))
    rows = [head.exchange for head in read]
    assert rows == sorted(set(rows)) and 200 < len(rows) < 400
    assert rows[0] == 0 and rows[-1] > 1300
