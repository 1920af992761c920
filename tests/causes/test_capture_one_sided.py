"""capture-one-sided: one direction of most connections."""

from __future__ import annotations

from pcapdiag.causes import capture_one_sided
from tests.causes.stories import Story, of_the_capture, says_nothing, sound_capture


def test_one_direction_only() -> None:
    traffic = sound_capture()
    traffic.connections["server_packets"] = 0
    finding = of_the_capture(capture_one_sided, traffic)
    assert finding.facts["client_side_only"] == len(traffic.connections)


def test_silence_is_not_one_sidedness() -> None:
    story = Story()
    for _ in range(5):
        story.syns()
    assert says_nothing(capture_one_sided, story.build())


def test_a_few_halves_are_chance() -> None:
    traffic = sound_capture()
    traffic.connections["server_packets"][:2] = 0
    assert says_nothing(capture_one_sided, traffic)


def test_a_sound_capture_has_none() -> None:
    assert says_nothing(capture_one_sided, sound_capture())
