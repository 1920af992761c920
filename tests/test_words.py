"""Counts, times, sizes and lists in words."""

from __future__ import annotations

import pytest

from pcapdiag import words


def test_one_is_told_from_many() -> None:
    assert [words.counted(n, "packet") for n in (0, 1, 1200)] == ["0 packets", "1 packet", "1,200 packets"]


def test_lists_end_in_and() -> None:
    assert [words.listed(parts) for parts in ([], ["a"], ["a", "b"], ["a", "b", "c"])] == [
        "", "a", "a and b", "a, b and c",
    ]  # fmt: skip


def test_only_what_happened_is_told() -> None:
    ways = ((1200, "{} met an RST"), (0, "{} met nobody"), (1, "after {} came more"))
    assert words.happened(ways) == "1,200 met an RST and after 1 came more"


def test_the_first_of_many_names() -> None:
    assert words.first_of("abcdef", 2) == "a, b and 4 more"


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0, "0 s"),
        (0.00035, "350 µs"),
        (0.0009996, "1 ms"),
        (0.012, "12 ms"),
        (0.09996, "100 ms"),
        (0.35, "350 ms"),
        (0.9996, "1 s"),
        (3.4, "3.4 s"),
        (5.0, "5 s"),
        (59.96, "60 s"),
        (119.7, "120 s"),
        (3600.0, "3,600 s"),
        (-0.25, "-250 ms"),
    ],
)
def test_a_time_has_three_digits_and_no_zeros_at_its_end(value: float, said: str) -> None:
    assert words.seconds(value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.00035, "350 µs"),
        (3.4, "3.4 s"),
        (119.7, "2 min"),
        (179.7, "3 min"),
        (723, "12 min 3 s"),
        (7199.7, "2 h"),
        (18120, "5 h 2 min"),
    ],
)
def test_what_lasts_long_is_told_in_minutes_and_hours(value: float, said: str) -> None:
    assert words.duration(value) == said


def test_sizes_are_decimal() -> None:
    said = ["12 B", "1 kB", "498 MB", "1 GB", "2.1 TB"]
    assert [words.size(n) for n in (12, 999.7, 498_390_384, 999_700_000, 2.1e12)] == said


def test_standard_input_is_no_dash_to_people() -> None:
    assert words.file_name("-") == words.file_path("-") == "standard input"
    assert (words.file_name("/srv/a.pcap"), words.file_path("/srv/a.pcap")) == ("a.pcap", "/srv/a.pcap")
