"""capture-duplicated-packets: the same packet twice."""

from __future__ import annotations

from pcapdiag import tables as t
from pcapdiag.causes import capture_duplicated_packets
from pcapdiag.causes.cause import Severity
from tests.causes.stories import of_the_capture, says_nothing, sound_capture


def test_copies_are_counted_once() -> None:
    traffic = sound_capture()
    traffic.counters |= {"capture_duplicates": 40, "tcp_packets": 100}
    traffic.connections["flags"][0] |= t.CONN_DUPLICATES
    finding = of_the_capture(capture_duplicated_packets, traffic)
    assert (finding.severity, finding.facts["duplicate_packets"]) == (Severity.INFO, 40)


def test_a_sound_capture_has_none() -> None:
    assert says_nothing(capture_duplicated_packets, sound_capture())
