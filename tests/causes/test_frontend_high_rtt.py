"""frontend-high-rtt: what is measured is in test_trips; here, that it is this leg's."""

from __future__ import annotations

from pcapdiag.causes import backend_high_rtt, frontend_high_rtt
from tests.causes.stories import Story


def test_a_far_client_is_no_far_backend() -> None:
    story = Story()
    far = story.frontend("203.0.113.7", syn_rtt_us=20, ack_rtt_us=400_000)
    story.forwarded(story.asked(connection=far))
    finding = story.only(frontend_high_rtt)
    assert (finding.leg, finding.peers) == ("frontend", ("203.0.113.7",))
    assert story.silent(backend_high_rtt)
