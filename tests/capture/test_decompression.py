"""Compressed input: every kind whole, concatenated, cut, corrupted and as a bomb."""

from __future__ import annotations

import bz2
import gzip
import lzma
import struct
import tracemalloc
from functools import cache, partial
from io import BytesIO

import lz4.frame
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapdiag.capture import CaptureFile, decompression
from pcapdiag.errors import CaptureError
from tests.capture.byhand import pcap, pcap_header, pcap_record, read

COMPRESS = {
    "gzip": gzip.compress,
    "zstd": zstandard.compress,
    "xz": lzma.compress,
    "lz4": partial(lz4.frame.compress, content_checksum=True),
    "bz2": partial(bz2.compress, compresslevel=1),
}
SMALL = {kind: compress(pcap(300)) for kind, compress in COMPRESS.items()}
EVERY = pytest.mark.parametrize("kind", COMPRESS)
CONTENT = pcap(5000, size=200)


@EVERY
def test_reads_compressed_captures(kind):
    capture, got = read(COMPRESS[kind](CONTENT))
    assert got == read(CONTENT)[1]
    assert (capture.info.compression, capture.info.damage) == (kind, "")


@EVERY
def test_reads_members_one_after_another(kind):
    middle = len(CONTENT) // 3
    capture, got = read(COMPRESS[kind](CONTENT[:middle]) + COMPRESS[kind](CONTENT[middle:]))
    assert (len(got), capture.info.damage) == (5000, "")


@EVERY
def test_a_cut_delivers_what_can_be_decompressed(kind):
    whole = COMPRESS[kind](incompressible())
    capture, got = read(whole[: len(whole) // 2])
    assert 0 < len(got) < 1000
    assert got == read(incompressible())[1][: len(got)]
    assert capture.info.damage == f"{kind} data is cut short after packet {len(got):,}"
    assert 0 <= capture.info.damage_offset - (24 + len(got) * 1516) < 1516


@EVERY
def test_a_missing_last_byte_is_noticed(kind):
    capture, got = read(COMPRESS[kind](CONTENT)[:-1])
    assert capture.info.damage.startswith(f"{kind} data is cut short")
    assert kind in ("lz4", "bz2", "xz", "zstd") or len(got) == 5000


@EVERY
def test_corruption_delivers_what_came_before_it(kind):
    whole = bytearray(COMPRESS[kind](incompressible()))
    middle = len(whole) // 2
    whole[middle : middle + 64] = bytes(64)
    capture, got = read(bytes(whole))
    assert got[:10] == read(incompressible())[1][:10] or kind == "bz2"
    assert capture.info.damage


@EVERY
def test_garbage_after_the_end_is_damage(kind):
    capture, got = read(COMPRESS[kind](CONTENT) + b"garbage, and not a little of it")
    assert len(got) == 5000
    assert capture.info.damage.startswith(f"{kind} data is corrupt")
    assert capture.info.damage.endswith(" after packet 5,000")


@EVERY
def test_zeros_after_the_end_are_padding(kind):
    capture, got = read(COMPRESS[kind](CONTENT) + bytes(100_000))
    assert (len(got), capture.info.damage) == (5000, "")


@EVERY
def test_a_bomb_costs_no_memory(kind):
    bomb = COMPRESS[kind](pcap_header() + b"".join([pcap_record(bytes(60_000))] * 1000))
    assert len(bomb) < 1_000_000
    tracemalloc.start()
    try:
        capture = CaptureFile(BytesIO(bomb))
        got = sum(len(batch.records) for batch in capture.batches())
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert got == 1000
    assert peak < 48 << 20


@EVERY
def test_a_compressed_nothing_is_not_a_capture(kind):
    with pytest.raises(CaptureError, match=f"holds nothing, compressed with {kind}"):
        read(COMPRESS[kind](b""))


@EVERY
def test_a_compressed_text_is_not_a_capture(kind):
    with pytest.raises(CaptureError, match=f"is not a capture inside {kind}: begins with 'hello wo' …"):
        read(COMPRESS[kind](b"hello world"))


@EVERY
def test_a_file_cut_within_the_compression_header_says_so(kind):
    with pytest.raises(CaptureError, match=f"{kind} data is cut short"):
        read(COMPRESS[kind](CONTENT)[:7])


def test_a_decoder_that_asks_for_too_much_memory_is_refused(monkeypatch):
    monkeypatch.setattr(decompression, "MEMORY_LIMIT", 1 << 20)
    with pytest.raises(CaptureError, match=r"xz data is corrupt .*[Mm]emory"):
        read(lzma.compress(CONTENT, preset=9))


@settings(max_examples=100, deadline=None)
@given(
    kind=st.sampled_from(sorted(COMPRESS)),
    changes=st.lists(st.tuples(st.integers(4, 10_000), st.integers(0, 255)), max_size=6),
    cut=st.integers(0, 50),
    tail=st.binary(max_size=40),
)
def test_no_change_of_compressed_bytes_makes_reading_fail(kind, changes, cut, tail):
    content = bytearray(SMALL[kind])
    for at, value in changes:
        content[at % len(content)] = value
    try:
        capture, got = read(bytes(content[: len(content) - cut]) + tail)
    except CaptureError as error:
        assert "\n" not in str(error)
    else:
        assert capture.info.packets == len(got)


def test_two_kinds_after_one_another_are_damage():
    capture, got = read(gzip.compress(CONTENT) + bz2.compress(CONTENT))
    assert len(got) == 5000
    assert capture.info.damage.startswith("gzip data is corrupt")


@cache
def incompressible() -> bytes:
    """1,000 packets that no compression makes smaller."""
    words, word = [], 1
    for _ in range(1000 * 1500 // 8):
        word = word * 6364136223846793005 + 1442695040888963407 & 0xFFFFFFFFFFFFFFFF
        words.append(word ^ word >> 29)
    noise = struct.pack(f"<{len(words)}Q", *words)
    return pcap_header() + b"".join(pcap_record(noise[n * 1500 : (n + 1) * 1500]) for n in range(1000))


@EVERY
def test_half_of_a_small_file_gives_what_can_be_opened(kind):
    """Blocks of zstd and bz2 open only whole: a small capture is one block."""
    small = COMPRESS[kind](CONTENT[: 24 + 100 * 216])
    half = small[: len(small) // 2]
    if kind in ("zstd", "bz2"):
        with pytest.raises(
            CaptureError, match=f"{kind} data is cut short within its first block, .* only whole"
        ):
            read(half)
        return
    capture, got = read(half)
    assert 10 < len(got) < 100 and got == read(CONTENT)[1][: len(got)]
    assert capture.info.damage == f"{kind} data is cut short after packet {len(got):,}"
