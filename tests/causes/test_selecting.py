"""What receivers acknowledged beyond a hole in their stream."""

from __future__ import annotations

from pathlib import Path

from pcapdiag.analysis import analyze
from pcapdiag.causes.paths import blackholes

CAPTURES = Path(__file__).parents[2] / "captures"


def test_a_segment_that_was_selected_did_pass() -> None:
    """tshark: of each upload's segments the last, of 627 bytes, is selected (SACK); no other is."""
    holes = blackholes(analyze(CAPTURES / "mtu-blackhole" / "nginx-upload.pcap").traffic)
    assert holes.lost_bytes.tolist() == [1448] * 3
    assert holes.passed_bytes.tolist() == [627] * 3


def test_where_full_segments_were_selected_size_is_not_what_stopped_others() -> None:
    """A lossy path: what was sent in vain again and again is as large as what was selected meanwhile."""
    capture = analyze(CAPTURES / "mtu-blackhole" / "near-miss-loss-of-all-sizes.pcap")
    assert not len(blackholes(capture.traffic).connections)
