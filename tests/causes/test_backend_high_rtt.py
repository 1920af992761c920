"""backend-high-rtt: what is measured is in test_trips; here, that it is this leg's."""

from __future__ import annotations

from pcapdiag.causes import backend_high_rtt, frontend_high_rtt
from tests.causes.stories import Story


def test_a_far_backend_is_no_far_client() -> None:
    story = Story()
    far = story.backend("192.0.2.5:8080", syn_rtt_us=120_000, ack_rtt_us=20)
    story.forwarded(story.asked(), connection=far)
    finding = story.only(backend_high_rtt)
    assert (finding.leg, finding.peers) == ("backend", ("192.0.2.5:8080",))
    assert "50 ms" in finding.title
    assert story.silent(frontend_high_rtt)
