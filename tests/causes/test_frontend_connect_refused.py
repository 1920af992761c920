"""frontend-connect-refused: RST answers the client's SYN."""

from __future__ import annotations

from pcapdiag.causes import frontend_connect_refused
from tests.causes.stories import CLIENT, SERVER, Story


def test_a_port_without_a_listener() -> None:
    story = Story()
    story.works(1)
    story.refused("10.0.0.10:8081", leg="frontend")
    finding = story.only(frontend_connect_refused)
    assert (finding.count, finding.statuses) == (1, {"none": 1})
    assert "10.0.0.10:8081" in finding.title


def test_rsts_to_late_packets_refuse_nothing() -> None:
    story = Story()
    row = story.asked()
    story.fin(row, by=SERVER, after_s=1.0)
    story.fin(row, by=CLIENT, after_s=2.0)
    story.reset(row, by=SERVER, after_s=2.0)
    assert story.silent(frontend_connect_refused)


def test_a_refusing_backend_is_another_cause() -> None:
    story = Story()
    story.refused()
    assert story.silent(frontend_connect_refused)
