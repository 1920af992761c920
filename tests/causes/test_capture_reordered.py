"""capture-reordered: packets stored out of their order."""

from __future__ import annotations

from pcapdiag.causes import capture_reordered
from pcapdiag.traffic import Traffic
from tests.causes.stories import CLIENT, SERVER, Story, of_the_capture, says_nothing, sound_capture, with_file


def test_times_that_run_backwards() -> None:
    assert of_the_capture(capture_reordered, with_file(backward_steps=3)).facts["backward_steps"] == 3


def late_segments(duplicate_acks: int) -> Traffic:
    story = Story()
    story.works(1)
    story.tables.trouble(0, SERVER, data_packets=50, out_of_order=10)
    story.tables.trouble(0, CLIENT, duplicate_acks=duplicate_acks)
    return story.build()


def test_late_segments_that_their_receiver_never_noticed() -> None:
    assert of_the_capture(capture_reordered, late_segments(0)).facts["late_segments"] == 10


def test_the_network_reorders_before_the_receivers_eyes() -> None:
    assert says_nothing(capture_reordered, late_segments(11))


def test_a_sound_capture_has_none() -> None:
    assert says_nothing(capture_reordered, sound_capture())
