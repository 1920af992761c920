from __future__ import annotations

import pytest

from pcapdiag.wirepacket import address_number, head_of, merged, signed


def test_ranges_that_nearly_touch_are_read_as_one() -> None:
    assert list(merged([(900, 950), (1, 10), (5, 30), (100, 110)], near=100)) == [(1, 110), (900, 950)]


@pytest.mark.parametrize(
    ("difference", "relative"), [(5, 5), (-3, -3), (0xFFFFFFFF, -1), (0x80000000, 0x80000000)]
)
def test_a_difference_wraps_and_may_be_a_little_negative(difference: int, relative: int) -> None:
    assert signed(difference) == relative


def test_ipv4_is_a_mapped_number() -> None:
    assert address_number("10.0.0.1") == 0xFFFF0A000001
    assert address_number("2001:db8::1") == 0x20010DB8 << 96 | 1


def test_a_head_without_its_end_is_all_there_is() -> None:
    assert head_of(b"GET / HTTP/1.1\r\nHost") == b"GET / HTTP/1.1\r\nHost"
