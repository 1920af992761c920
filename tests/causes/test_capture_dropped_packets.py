"""capture-dropped-packets: packets that were on the wire and are not in the file."""

from __future__ import annotations

from pcapdiag.causes import capture_dropped_packets
from tests.causes.stories import SERVER, Story, of_the_capture, says_nothing, sound_capture, with_file


def test_acknowledged_bytes_that_were_never_captured() -> None:
    story = Story()
    story.works(2)
    story.tables.trouble(0, SERVER, missing_bytes=1448)
    assert of_the_capture(capture_dropped_packets, story.build()).facts["missing_bytes"] == 1448


def test_a_files_own_count_of_drops() -> None:
    assert of_the_capture(capture_dropped_packets, with_file(dropped_packets=7)).facts["dropped_packets"] == 7


def test_a_count_of_no_drops_is_good_news() -> None:
    assert says_nothing(capture_dropped_packets, with_file(dropped_packets=0))


def test_a_sound_capture_has_none() -> None:
    assert says_nothing(capture_dropped_packets, sound_capture())
