"""capture-dropped-packets: packets that were on the wire and are not in the file."""

from __future__ import annotations

from pcapdiag import tables as t
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


def missing(on_flags: int, at_s: float) -> Story:
    story = Story()
    story.works(2)
    story.tables.connections[0]["flags"] = on_flags
    story.tables.trouble(0, SERVER, missing_bytes=1448)
    story.tables.event(0, t.EVENT_MISSING, at_s=1.0 + at_s)
    return story


def test_what_a_connection_had_sent_before_the_capture_began_is_not_missing_from_it() -> None:
    begun_before = t.CONN_DATA_CLIENT | t.CONN_DATA_SERVER
    assert says_nothing(capture_dropped_packets, missing(begun_before, 0.002).build())
    of_the_capture(capture_dropped_packets, missing(begun_before, 5.0).build())
    of_the_capture(capture_dropped_packets, missing(begun_before | t.CONN_SYN, 0.002).build())
