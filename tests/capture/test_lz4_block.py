"""Of an LZ4 block that is cut, its beginning: never another byte than lz4 itself makes of the whole."""

from __future__ import annotations

import lz4.block
import lz4.frame
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapdiag.capture.lz4_block import BLOCK_LIMIT, Blocks, beginning

TEXT = b"".join(b"GET /item/%d HTTP/1.1\r\nHost: shop.example.com\r\n\r\n" % (n * n) for n in range(4000))


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 20_000))
def test_every_beginning_of_a_block_is_a_beginning_of_its_content(cut: int) -> None:
    block = lz4.block.compress(TEXT, store_size=False)
    made = beginning(block[:cut], b"")
    assert TEXT.startswith(made)
    assert len(made) >= min(cut, len(block)) - 300  # only the last sequence may be lost
    assert beginning(block, b"") == TEXT


def test_a_match_may_reach_into_what_it_makes() -> None:
    assert beginning(lz4.block.compress(b"ab" * 500, store_size=False), b"") == b"ab" * 500


@pytest.mark.parametrize("linked", [True, False])
@pytest.mark.parametrize("checksums", [True, False])
@pytest.mark.parametrize("cut", [0.3, 0.6, 0.99])
def test_a_frame_cut_anywhere_gives_what_was_made_and_the_rest(
    linked: bool, checksums: bool, cut: float
) -> None:
    whole = lz4.frame.compress(
        TEXT, block_size=lz4.frame.BLOCKSIZE_MAX64KB, block_linked=linked, block_checksum=checksums,
        content_checksum=checksums, store_size=checksums,
    )  # fmt: skip
    decoder, blocks, made = lz4.frame.LZ4FrameDecompressor(), Blocks(), b""
    half = whole[: int(len(whole) * cut)]
    for at in range(0, len(half), 100):
        blocks.passed(half[at : at + 100], piece := decoder.decompress(half[at : at + 100]))
        made += piece
    rest = blocks.rest()
    assert len(rest) > 100 and TEXT.startswith(made + rest)


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400), st.binary(max_size=50))
def test_any_bytes_make_a_bounded_something(block: bytes, history: bytes) -> None:
    assert len(beginning(block, history)) <= BLOCK_LIMIT


def test_a_length_without_end_is_bounded() -> None:
    assert len(beginning(b"\x1fA\x01\x00" + b"\xff" * 1_000_000 + b"\x00" * 3, b"")) <= BLOCK_LIMIT


def test_after_a_frame_s_end_nothing_is_left() -> None:
    blocks = Blocks()
    blocks.passed(lz4.frame.compress(TEXT), TEXT)
    assert blocks.rest() == b""
