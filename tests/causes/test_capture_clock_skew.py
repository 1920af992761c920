"""capture-clock-skew: two files whose clocks disagree."""

from __future__ import annotations

import pytest

from pcapdiag.causes import capture_clock_skew
from tests.causes.stories import of_the_capture, says_nothing, sound_capture


def test_clocks_apart_by_more_than_is_ordinary() -> None:
    traffic = sound_capture()
    traffic.clock_offsets_ns = {(0, 1): (2_500_000_000, 300_000)}
    finding = of_the_capture(capture_clock_skew, traffic)
    assert finding.facts["offset_s"] == pytest.approx(2.5)
    assert finding.facts["error_s"] == pytest.approx(0.0003)


@pytest.mark.parametrize("offset_ns", [0, 4_000_000, 20_000_000])
def test_clocks_of_one_network_agree_within_their_error(offset_ns: int) -> None:
    traffic = sound_capture()
    traffic.clock_offsets_ns = {(0, 1): (offset_ns, 25_000_000)}
    assert says_nothing(capture_clock_skew, traffic)


def test_a_sound_capture_has_none() -> None:
    assert says_nothing(capture_clock_skew, sound_capture())
