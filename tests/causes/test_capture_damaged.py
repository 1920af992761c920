"""capture-damaged: a file cut in a record, or with an impossible one."""

from __future__ import annotations

from pcapdiag.causes import capture_damaged
from tests.causes.stories import of_the_capture, says_nothing, sound_capture, with_file


def test_damage_says_where() -> None:
    finding = of_the_capture(
        capture_damaged, with_file(damage="cut in a packet", damage_offset=1234, packets=56)
    )
    assert finding.facts["damage_offset_bytes"] == 1234
    assert finding.facts["frame"] == 56
    assert "1,234" in finding.title


def test_the_title_names_the_file_not_its_folder() -> None:
    traffic = with_file(path="/var/tmp/night/alb.pcap", damage="cut in a packet", packets=56)
    assert of_the_capture(capture_damaged, traffic).title.startswith("alb.pcap is damaged")


def test_a_sound_capture_has_none() -> None:
    assert says_nothing(capture_damaged, sound_capture())
