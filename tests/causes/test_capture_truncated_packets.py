"""capture-truncated-packets: a snaplen that cut bytes off."""

from __future__ import annotations

from pcapdiag import tables as t
from pcapdiag.causes import capture_truncated_packets
from pcapdiag.causes.cause import Severity
from tests.causes.stories import of_the_capture, says_nothing, sound_capture, with_file


def test_truncated_packets_matter_when_http_bytes_are_gone() -> None:
    traffic = with_file(truncated_packets=9, packets=20, snaplen=96)
    assert of_the_capture(capture_truncated_packets, traffic).severity == Severity.INFO
    traffic.connections["flags"][0] |= t.CONN_TRUNCATED
    finding = of_the_capture(capture_truncated_packets, traffic)
    assert (finding.severity, finding.facts["snaplen_bytes"]) == (Severity.WARNING, 96)


def test_a_snaplen_that_cuts_nothing_is_not_named() -> None:
    finding = of_the_capture(
        capture_truncated_packets, with_file(truncated_packets=9, packets=20, snaplen=262_144)
    )
    assert "snaplen" not in finding.title
    assert "snaplen_bytes" not in finding.facts


def test_a_sound_capture_has_none() -> None:
    assert says_nothing(capture_truncated_packets, sound_capture())
