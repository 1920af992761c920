"""What holds for every reader: batches are bounded, and no bytes whatever make one fail, hang or grow."""

from __future__ import annotations

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pcapdiag.capture import KEPT, CaptureFile, reader
from pcapdiag.capture.window import WINDOW_BYTES
from pcapdiag.errors import CaptureError
from tests.capture.byhand import (
    Pipe,
    block,
    epb,
    frames,
    idb,
    old_packet,
    option,
    pcap,
    read,
    records,
    secrets,
    shb,
    spb,
    statistics,
)

PCAPNG = (
    shb(options=option(1, b"comment"))
    + idb(options=option(9, b"\x09"))
    + epb(bytes(70), 1 << 40, options=option(4, bytes(8)))
    + statistics(0, option(5, bytes(8)))
    + spb(bytes(30))
    + secrets(b"CLIENT_RANDOM")
    + shb(">")
    + idb(113, order=">")
    + old_packet(bytes(40), 7, order=">")
)
SEEDS = {"pcap": pcap(4), "pcapng": PCAPNG}


@pytest.mark.parametrize(("count", "size"), [(20_000, 4), (3000, 1400)])
def test_batches_are_few_rows_and_bytes(count, size):
    frame = 1
    for batch in CaptureFile(io.BytesIO(pcap(count, size))).batches():
        assert batch.first_frame == frame
        assert 0 < len(batch.records) <= reader.BATCH_ROWS
        assert len(batch.data) <= WINDOW_BYTES
        frame += len(batch.records)
    assert frame == count + 1


def test_data_is_read_only():
    (batch,) = CaptureFile(io.BytesIO(pcap(1))).batches()
    with pytest.raises(ValueError, match="read-only"):
        batch.data[0] = 1


UNREAD = block(0x77, bytes(2 << 20)) + secrets(bytes(1_100_000)) + idb()
STUBBORN = shb() + idb() + b"".join((epb(bytes([n]) * 900_000) + UNREAD) for n in range(8))


@pytest.mark.parametrize("wrap", [io.BytesIO, Pipe], ids=["seekable", "pipe"])
@pytest.mark.parametrize(
    "content", [pcap(30_000), pcap(8000, size=1400), STUBBORN], ids=["small", "large", "blocks"]
)
def test_a_batch_stays_as_it_is_while_a_few_more_are_asked_for(content, wrap):
    expected = iter(read(content)[1])
    waiting = []
    for batch in CaptureFile(wrap(content)).batches():
        waiting.append(batch)
        if len(waiting) > KEPT:
            for _, record in frames(waiting.pop(0)):
                assert record == next(expected)
    assert sum(len(batch.records) for batch in waiting) == len(list(expected))


def test_position_is_where_reading_can_begin_again():
    content = pcap(5000)
    for batch in CaptureFile(io.BytesIO(content)).batches():
        assert batch.position == 24 + 76 * (batch.first_frame - 1)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("length", range(40, 200, 3))
def test_a_file_cut_anywhere_reads_up_to_the_cut(seed, length):
    whole = read(SEEDS[seed])[1]
    _, got = read(SEEDS[seed][:length])
    assert got == whole[: len(got)]


@settings(max_examples=300, deadline=None)
@given(
    seed=st.sampled_from(sorted(SEEDS)),
    changes=st.lists(st.tuples(st.integers(0, 600), st.integers(0, 255)), max_size=8),
    tail=st.binary(max_size=60),
    chunk=st.integers(1, 100),
)
def test_no_bytes_make_reading_fail_and_no_chunking_changes_it(seed, changes, tail, chunk):
    content = bytearray(SEEDS[seed] + tail)
    for at, value in changes:
        content[at % len(content)] = value
    try:
        capture, got = read(bytes(content))
    except CaptureError as error:
        with pytest.raises(CaptureError, match="stream: "):
            read(bytes(content))
        assert "\n" not in str(error)
        return
    assert capture.info.packets == len(got)
    assert capture.info.captured_bytes == sum(len(record.data) for record in got) <= len(content)
    assert 0 <= capture.info.damage_offset <= len(content)
    slow = CaptureFile(Pipe(bytes(content), chunk))
    assert records(slow) == got
    assert slow.info.damage == capture.info.damage


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=400))
def test_noise_after_a_magic_number_never_fails(noise):
    for magic in (
        b"\xd4\xc3\xb2\xa1",
        b"\xa1\xb2\x3c\x4d",
        shb(),
        b"\n\r\r\n",
        b"\x1f\x8b\x08",
        b"BZh9",
        b"\x28\xb5\x2f\xfd",
    ):
        try:
            read(magic + noise)
        except CaptureError as error:
            assert "\n" not in str(error)
