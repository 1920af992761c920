"""Options and clocks of a pcapng section."""

from __future__ import annotations

import struct

import pytest

from pcapdiag.capture.sections import Section, SectionHeader, clock
from tests.capture.byhand import option, shb


@pytest.mark.parametrize("order", "<>")
def test_a_section_header_tells_its_byte_order_and_length(order):
    data = memoryview(shb(order, option(1, b"hi", order)))
    header = SectionHeader.read(data, 1000)
    assert header == (order == ">", 36)
    header.check_end(data)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (bytes(28), "has no byte-order magic"),
        (shb(version=7), r"is of version 7\.0: only version 1 is known"),
        (shb(options=bytes(100)), "claims 128 bytes, which cannot be true"),
        (shb().replace(b"\x1c", b"\x1b", 1), "claims 27 bytes, which cannot be true"),
        (shb().replace(b"\x1c", b"\x1e", 1), "claims 30 bytes, which cannot be true"),
        (shb()[:-4] + bytes(4), "states two lengths, 28 and 0"),
    ],
)
def test_what_is_wrong_with_a_section_header_is_said(data, problem):
    with pytest.raises(ValueError, match=problem):
        SectionHeader.read(memoryview(data), 100).check_end(memoryview(data))


@pytest.mark.parametrize(
    ("resolution", "expected"),
    [
        (0, (10**9, 0, 0)),
        (6, (1000, 0, 0)),
        (9, (1, 0, 0)),
        (12, (0, 1000, 0)),
        (27, (0, 10**18, 0)),
        (28, (0, 0, 0)),
        (127, (0, 0, 0)),
        (0x80, (10**9, 0, 0)),
        (0x8A, (0, 0, 10)),
        (0xFF, (0, 0, 127)),
    ],
)
def test_a_resolution_is_a_power_of_ten_or_two(resolution, expected):
    assert clock(resolution) == expected


@pytest.mark.parametrize("order", "<>")
def test_options_end_at_the_end_mark_or_where_they_overrun(order):
    section = Section(big_endian=order == ">")
    good = option(1, b"abc", order) + option(2, b"", order)
    assert list(section.options(good + option(0, b"", order) + option(3, b"x", order))) == [
        (1, b"abc"),
        (2, b""),
    ]
    assert list(section.options(good + struct.pack(f"{order}HH", 9, 5) + b"four")) == [(1, b"abc"), (2, b"")]
    assert list(section.options(good[:-1])) == [(1, b"abc")]


def test_what_is_known_is_copied_only_when_it_changes():
    section = Section(big_endian=False)
    body = struct.pack("<HHI", 1, 0, 96)
    section.add_interface(body)
    known = section.known()
    assert section.known() is known
    assert section.add_interface(body) == (1, 96)
    assert (len(known.interfaces), len(section.known().interfaces)) == (1, 2)


def test_a_time_offset_beyond_all_times_is_clamped():
    section = Section(big_endian=False)
    for offset in (2**62, -(2**62)):
        section.add_interface(struct.pack("<HHI", 1, 0, 0) + option(14, struct.pack("<q", offset)))
    assert section.known().interfaces[:, 5].tolist() == [2**63 - 1, -(2**63) + 1]


def test_statistics_of_an_unknown_interface_are_left_out():
    section = Section(big_endian=False)
    section.add_statistics(struct.pack("<III", 7, 0, 0) + option(5, bytes(8)))
    assert section.dropped is None
