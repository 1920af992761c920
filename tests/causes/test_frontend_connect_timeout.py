"""frontend-connect-timeout: clients' SYNs are never answered."""

from __future__ import annotations

from pcapdiag.causes import alb_node_unreachable, frontend_connect_timeout
from tests.causes.stories import Story


def test_a_port_that_nobody_lets_through() -> None:
    story = Story()
    story.works(2)
    for n in range(3):
        story.syns("10.0.0.10:8443", leg="frontend", at_s=1.0 + n)
    finding = story.only(frontend_connect_timeout)
    assert finding.count == 3
    assert finding.statuses == {"none": 3}
    assert "10.0.0.10:8443" in finding.title


def test_a_syn_on_its_way_at_the_end_is_not_judged() -> None:
    story = Story()
    story.syns("10.0.0.10:8443", leg="frontend", at_s=1.0, count=1, lasts_s=0.0)
    story.ends_s = 1.5
    assert story.silent(frontend_connect_timeout)


def test_one_silent_address_of_several_is_a_node() -> None:
    story = Story()
    story.alb = ("10.0.0.10", "10.0.0.11")
    story.works(2)
    story.syns("10.0.0.11:80", leg="frontend")
    assert story.silent(frontend_connect_timeout)
    finding = story.only(alb_node_unreachable)
    assert finding.facts["silent_addresses"] == ["10.0.0.11"]


def test_an_unanswered_backend_is_another_cause() -> None:
    story = Story()
    story.syns()
    assert story.silent(frontend_connect_timeout)
