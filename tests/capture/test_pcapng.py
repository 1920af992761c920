"""pcapng: each block that matters, in both byte orders, and each way a block can lie."""

from __future__ import annotations

import io
import json
import shutil
import struct
import subprocess

import numpy as np
import pytest

from pcapdiag import tables
from pcapdiag.capture import CaptureFile, _pcapng_cy, stop
from pcapdiag.capture.tally import DROP_COUNTS, DROPPED, new_tally
from pcapdiag.errors import CaptureError
from tests.capture.byhand import (
    Pipe,
    Record,
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
from tests.kernels import interpreted

DATA = bytes(range(61))  # a length that needs padding
SECOND = 1_000_000_000


@pytest.mark.parametrize("order", "<>")
def test_reads_all_three_packet_blocks_in_both_byte_orders(order):
    capture, got = read(
        shb(order)
        + idb(order=order)
        + epb(DATA, 1_700_000_000_000_001, wirelen=1500, order=order)
        + spb(DATA, order=order)
        + old_packet(DATA, 2_000_000, order=order)
    )
    assert got == [
        Record(1_700_000_000_000_001_000, DATA, 1500),
        Record(1_700_000_000_000_001_000, DATA, 61),
        Record(2 * SECOND, DATA, 61),
    ]
    assert (capture.info.format, capture.info.damage, capture.info.link_types) == (
        "pcapng",
        "",
        ("ETHERNET",),
    )


def test_simple_packet_is_bounded_by_the_snaplen():
    capture, got = read(shb() + idb(snaplen=10) + spb(DATA[:10], wirelen=999))
    assert got == [Record(0, DATA[:10], 999)]
    assert (capture.info.truncated_packets, capture.info.snaplen) == (1, 10)


def test_simple_packet_without_snaplen_is_bounded_by_its_block():
    assert read(shb() + idb() + spb(DATA[:12], wirelen=999))[1] == [Record(0, DATA[:12], 999)]


def test_each_interface_has_its_link_type_and_clock():
    nanoseconds, eighths = option(9, b"\x09"), option(9, b"\x83")
    capture, got = read(
        shb()
        + idb(1)
        + idb(113, options=nanoseconds)
        + idb(276, options=eighths)
        + epb(DATA, 3_000_000, interface=0)
        + epb(DATA, 3_000_000_007, interface=1)
        + epb(DATA, 8 * 5 + 3, interface=2)
    )
    assert [(r.link, r.interface, r.time_ns) for r in got] == [
        (1, 0, 3 * SECOND),
        (113, 1, 3 * SECOND + 7),
        (276, 2, 5 * SECOND + 375_000_000),
    ]
    assert capture.info.link_types == ("ETHERNET", "LINUX_SLL", "LINUX_SLL2")


def test_time_offset_is_added_in_seconds():
    options = option(14, struct.pack("<q", 1_700_000_000)) + option(0, b"")
    before = option(14, struct.pack("<q", -10))
    _, got = read(
        shb() + idb(options=options) + idb(options=before) + epb(DATA, 5) + epb(DATA, 4_000_000, interface=1)
    )
    assert [r.time_ns for r in got] == [1_700_000_000 * SECOND + 5_000, -6 * SECOND]


def test_new_section_brings_its_byte_order_and_forgets_interfaces():
    content = shb("<") + idb(1) + epb(DATA, 1) + shb(">") + idb(113, order=">") + epb(DATA, 2, order=">")
    assert [(r.link, r.time_ns) for r in read(content)[1]] == [(1, 1_000), (113, 2_000)]
    capture, got = read(shb() + idb() + epb(DATA, 1) + shb() + epb(DATA, 2))
    assert len(got) == 1
    assert capture.info.damage == "packet 2 is of an interface the file does not describe"


def test_unknown_blocks_are_passed_over():
    unknown = block(4, bytes(8)) + block(0x77777777, b"") + block(0x80000001, bytes(99))
    capture, got = read(shb() + unknown + idb() + unknown + epb(DATA, 1) + unknown)
    assert (len(got), capture.info.damage) == (1, "")


CUSTOM = block(0x0BAD, bytes(4) + b"custom") + block(0x40000BAD, bytes(99))
JOURNAL = block(9, b"__REALTIME_TIMESTAMP=1700000000000000\nMESSAGE=hello\n\n")
HUGE_CUSTOM = block(0x0BAD, bytes(3_000_000))
INTERRUPTED = (
    shb() + CUSTOM + idb() + epb(DATA, 1) + JOURNAL + epb(DATA, 2) * 3 + CUSTOM + HUGE_CUSTOM + epb(DATA, 3)
)


def test_blocks_that_are_no_packets_take_a_frame_number_as_in_wireshark():
    capture = CaptureFile(io.BytesIO(INTERRUPTED))
    numbered = [frame for batch in capture.batches() for frame, _ in frames(batch)]
    assert numbered == [3, 5, 6, 7, 11]
    assert (capture.info.packets, capture.info.damage) == (5, "")
    for frame in numbered:
        assert frame in dict(item for batch in capture.reread(frame, frame) for item in frames(batch))


@pytest.mark.skipif(not shutil.which("tshark"), reason="needs tshark")
def test_frame_numbers_agree_with_tshark(tmp_path):
    (tmp_path / "x.pcapng").write_bytes(INTERRUPTED)
    shown = subprocess.run(
        ["tshark", "-r", tmp_path / "x.pcapng", "-Y", "eth", "-T", "fields", "-e", "frame.number"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    capture = CaptureFile(io.BytesIO(INTERRUPTED))
    numbered = [frame for batch in capture.batches() for frame, _ in frames(batch)]
    assert numbered == [int(number) for number in shown.split()]


def test_an_unknown_block_larger_than_the_window_is_passed_over():
    huge = block(0x0BAD, bytes(3_000_000))
    capture, got = read(shb() + idb() + huge + epb(DATA, 1) + huge + epb(DATA, 2))
    assert (len(got), capture.info.damage) == (2, "")


@pytest.mark.parametrize("order", "<>")
def test_drops_come_from_interface_statistics(order):
    counts = option(5, struct.pack(f"{order}Q", 7), order) + option(7, struct.pack(f"{order}Q", 5), order)
    early = option(5, struct.pack(f"{order}Q", 1), order)
    content = (
        shb(order) + idb(order=order) + statistics(0, early, order) + epb(DATA, 1, order=order)
        + statistics(0, counts, order)
    )  # fmt: skip
    assert read(content)[0].info.dropped_packets == 12
    assert read(content + content)[0].info.dropped_packets == 24


def test_drops_come_from_packets_when_there_are_no_statistics():
    counted = epb(DATA, 1, options=option(2, bytes(4)) + option(4, struct.pack("<Q", 9)))
    content = shb() + idb() + counted + old_packet(DATA, 2, drops=4) + old_packet(DATA, 3)
    assert read(content)[0].info.dropped_packets == 13


def test_a_file_that_counts_no_drops_says_so():
    assert read(shb() + idb() + epb(DATA, 1))[0].info.dropped_packets is None


def test_tls_keys_are_collected_from_secrets_blocks():
    content = shb() + idb() + secrets(b"CLIENT_RANDOM 1 2") + epb(DATA, 1) + secrets(b"CLIENT_RANDOM 3 4\n")
    wireguard = secrets(b"LOCAL", kind=0x57474B4C)
    assert read(content + wireguard)[0].info.tls_keys == b"CLIENT_RANDOM 1 2\nCLIENT_RANDOM 3 4\n"


def test_tls_keys_are_bounded():
    assert len(read(shb() + secrets(bytes(5 << 20)) * 4)[0].info.tls_keys) < 9 << 20


def test_the_section_comment_is_kept():
    assert read(shb(options=option(1, "caught at 5 µs".encode())))[0].info.comment == "caught at 5 µs"


@pytest.mark.parametrize("chunk", [1, 1 << 16])
def test_a_section_header_may_be_longer_than_the_rest_of_the_file(chunk):
    content = shb(options=option(1, bytes(6000))) + idb() + epb(DATA, 1)
    assert records(CaptureFile(Pipe(content, chunk))) == [Record(1000, DATA, 61)]


def test_section_without_packets_is_an_empty_capture():
    capture, got = read(shb())
    assert (got, capture.info.packets, capture.info.damage) == ([], 0, "")


GOOD = shb() + idb() + epb(DATA, 1)


@pytest.mark.parametrize(
    ("tail", "damage"),
    [
        (epb(DATA, 2)[:-1], "cut in the middle of packet 2"),
        (epb(DATA, 2)[:40], "cut in the middle of packet 2"),
        (block(0x0BAD, bytes(50))[:-1], "cut in the middle of a block after packet 1"),
        (block(0x0BAD, bytes(3 << 20))[:-1], "cut in the middle of a block after packet 1"),
        (struct.pack("<II", 6, 8) + bytes(4), "a block after packet 1 claims 8 bytes, which cannot be true"),
        (
            struct.pack("<II", 6, 33) + bytes(40),
            "a block after packet 1 claims 33 bytes, which cannot be true",
        ),
        (block(6, bytes(16)), "a block after packet 1 claims 28 bytes, which cannot be true"),
        (
            struct.pack("<II", 6, 0x7FFFFFF0) + bytes(40),
            "a block after packet 1 claims 2,147,483,632 bytes, which cannot be true",
        ),
        (
            epb(DATA, 2)[:-4] + struct.pack("<I", 64),
            "a block after packet 1 states two lengths, 96 and 64",
        ),
        (
            block(0x0BAD, bytes(3 << 20))[:-4] + struct.pack("<I", 64),
            "a block after packet 1 states two lengths, 3,145,740 and 64",
        ),
        (epb(DATA, 2, interface=1), "packet 2 is of an interface the file does not describe"),
        (
            block(6, struct.pack("<IIIII", 0, 0, 0, 1000, 1000) + DATA),
            "packet 2 claims 1,000 captured bytes, more than can be true",
        ),
        (block(1, b"abcd"), "a block after packet 1 is too short for its kind"),
        (block(5, bytes(8)), "a block after packet 1 is too short for its kind"),
        (block(10, bytes(4)), "a block after packet 1 is too short for its kind"),
        (shb(version=2), "a section header after packet 1 is of version 2.0: only version 1 is known"),
        (
            shb().replace(b"\x4d\x3c\x2b\x1a", b"abcd"),
            "a section header after packet 1 has no byte-order magic",
        ),
        (shb()[:-4] + bytes(4), "a section header after packet 1 states two lengths, 28 and 0"),
        (shb()[:20], "cut in the middle of a block after packet 1"),
        (bytes(64), "only zeros after packet 1"),
        (b"garbage", "cut in the middle of a block after packet 1"),
    ],
)  # fmt: skip
def test_damage_keeps_what_came_before_it(tail, damage):
    capture, got = read(GOOD + tail)
    assert len(got) == 1
    assert capture.info.damage == damage
    assert capture.info.damage_offset == len(GOOD)


def test_more_interfaces_than_a_table_can_name_is_damage():
    capture, got = read(shb() + idb() * 65_537 + epb(DATA, 1))
    assert (got, capture.info.damage) == ([], "too many interfaces before the first packet")


@pytest.mark.parametrize(
    ("head", "problem"),
    [
        (shb(version=3), "section header before the first packet is of version 3.0"),
        (shb()[:20], "cut short"),
        (shb(options=option(1, bytes(200)))[:60], "cut in the middle"),
        (b"\n\r\r\n" + bytes(40), "no byte-order magic"),
    ],
)
def test_a_bad_first_section_header_is_not_a_capture(head, problem):
    with pytest.raises(CaptureError, match=problem):
        read(head)


def test_reading_again_knows_the_interfaces_of_the_place():
    many = b"".join(epb(DATA, n, interface=1) for n in range(5000))
    content = shb() + idb(1) + idb(113, options=option(9, b"\x09")) + many + shb(">") + idb(276, order=">")
    content += b"".join(epb(DATA, n, order=">") for n in range(5000)) + spb(DATA, order=">")
    capture, got = read(content)
    for frame in (1, 2049, 4999, 5000, 5001, 7001, 10_001):
        again = dict(item for batch in capture.reread(frame, frame) for item in frames(batch))
        assert again[frame] == got[frame - 1]


@pytest.mark.skipif(not shutil.which("tshark"), reason="needs tshark")
def test_agrees_with_tshark_on_mixed_interfaces(tmp_path):
    clocks = [b"\x00", b"\x03", b"\x06", b"\x09", b"\x0a", b"\x8a", b"\xa0"]
    content = shb() + b"".join(idb(1, options=option(9, clock)) for clock in clocks)
    for number, clock in enumerate(clocks):
        base = 2 ** (clock[0] & 127) if clock[0] & 128 else 10 ** clock[0]
        content += epb(DATA, 1_700_000_000 * base + base // 3, interface=number)
    (tmp_path / "x.pcapng").write_bytes(content)
    shown = subprocess.run(
        ["tshark", "-r", tmp_path / "x.pcapng", "-T", "json", "-e", "frame.time_epoch", "-e", "frame.len"],
        check=True,
        capture_output=True,
    ).stdout
    layers = [packet["_source"]["layers"] for packet in json.loads(shown)]
    theirs = [int(row["frame.time_epoch"][0].replace(".", "")) for row in layers]
    assert [r.time_ns for r in read(content)[1]] == theirs


@pytest.mark.skipif(not shutil.which("editcap"), reason="needs editcap")
def test_reads_what_wireshark_writes(tmp_path):
    (tmp_path / "in.pcap").write_bytes(pcap(50))
    subprocess.run(
        ["editcap", "-F", "pcapng", "in.pcap", "out"], cwd=tmp_path, check=True, capture_output=True
    )
    assert records(CaptureFile(tmp_path / "out")) == read(pcap(50))[1]


@pytest.fixture(params=["compiled", "interpreted"])
def walk(request):
    """(the kernel's walk, how it wants its rows)"""
    if request.param == "compiled":
        return _pcapng_cy.walk, lambda rows: rows
    return interpreted("pcapdiag.capture._pcapng_cy").walk, lambda rows: rows.view(np.recarray)


def walked(walk, content, interfaces, big=False):
    """(rows, cursor, tally) after one call."""
    kernel, view = walk
    rows, cursor, tally = np.zeros(8, tables.Record), np.zeros(3, np.int64), new_tally()
    data = memoryview(content)
    known = np.array(interfaces, np.int64).reshape(-1, 6)
    count = kernel(data, len(data), big, known, len(known), 262_144, view(rows), 0, cursor, tally)
    return rows[:count], cursor.tolist(), tally


MICROSECONDS = (1, 0, 1000, 0, 0, 0)


@pytest.mark.parametrize("order", "<>")
def test_kernel_walks_packets_and_stops_at_blocks_for_the_caller(walk, order):
    counted = epb(DATA, 3, options=option(4, struct.pack(f"{order}Q", 6), order), order=order)
    packets = (
        block(4, bytes(8), order)
        + counted
        + spb(DATA, order=order)
        + old_packet(DATA, 9, drops=2, order=order)
    )
    rows, cursor, tally = walked(walk, packets + idb(order=order), [MICROSECONDS], order == ">")
    assert rows["time_ns"].tolist() == [3000, 3000, 9000]
    assert cursor[:2] == [len(packets), stop.BLOCK]
    assert (tally[DROPPED], tally[DROP_COUNTS]) == (8, 2)


@pytest.mark.parametrize(
    ("clock", "interface", "time_ns"),
    [
        (2**64 - 1, (1, 0, 10**9, 0, 0, 0), 2**63 - 1),
        (2**64 - 1, (1, 0, 1, 0, 0, 0), 2**63 - 1),
        (2**64 - 1, (1, 0, 0, 10, 0, 0), (2**64 - 1) // 10),
        (2**64 - 1, (1, 0, 0, 10**18, 0, 0), 18),
        (2**64 - 1, (1, 0, 0, 0, 1, 0), 2**63 - 1),
        (2**64 - 1, (1, 0, 0, 0, 64, 0), 999_999_999),
        (2**64 - 1, (1, 0, 0, 0, 127, 0), 0),
        (5 << 32 | 1 << 31, (1, 0, 0, 0, 32, 0), 5_500_000_000),
        (3 << 60, (1, 0, 0, 0, 60, 7), 3_000_000_007),
        (2**63 - 5, (1, 0, 1, 0, 0, 100), 2**63 - 1),
        (10, (1, 0, 1, 0, 0, -(2**63 - 1)), -(2**63) + 11),
        (77, (1, 0, 0, 0, 0, 5), 5),
    ],
)
def test_kernel_clamps_times_that_overflow(walk, clock, interface, time_ns):
    rows, _, _ = walked(walk, epb(DATA, clock), [interface])
    assert rows["time_ns"].tolist() == [time_ns]


def test_kernel_skips_options_that_overrun_their_block(walk):
    lying = epb(DATA, 1, options=struct.pack("<HH", 4, 8) + bytes(4))
    rows, _, tally = walked(walk, lying, [MICROSECONDS])
    assert (len(rows), tally[DROP_COUNTS]) == (1, 0)
