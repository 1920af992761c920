"""FNV-1a of addresses: checked against the published test values and the framer's own hash."""

from __future__ import annotations

import pytest

from pcapdiag.legs.hashes import address_hashes


def fnv1a(text: str) -> int:
    """The plain version, from RFC 9923."""
    value = 2166136261
    for byte in text.encode():
        value = (value ^ byte) * 16777619 % 2**32
    return value or 1


def test_each_address_has_the_published_hash() -> None:
    assert address_hashes(["a", "foobar"]).tolist() == [0xE40C292C, 0xBF9CF968]


@pytest.mark.parametrize("text", ["10.0.0.1", "255.255.255.255", "2001:db8::1", "::"])
def test_short_and_long_addresses_hash_alike_beside_each_other(text: str) -> None:
    assert address_hashes([text, "10.0.0.100", "2001:db8:1:2:3:4:5:6"])[0] == fnv1a(text)


def test_no_address_no_hash() -> None:
    assert len(address_hashes([])) == 0
