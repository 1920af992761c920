"""alb-node-unreachable: some addresses of the load balancer never answer."""

from __future__ import annotations

from pcapdiag.causes import alb_node_unreachable
from tests.causes.stories import Story


def two_nodes() -> Story:
    story = Story()
    story.alb = ("10.0.0.10", "10.0.0.11")
    return story


def test_the_share_of_each_address_is_told() -> None:
    story = two_nodes()
    story.works(3)
    for n in range(2):
        story.syns("10.0.0.11:80", leg="frontend", at_s=1.0 + n)
    finding = story.only(alb_node_unreachable)
    assert finding.count == 2
    assert finding.facts["unanswered_by_address"] == ["10.0.0.10: 0 of 3", "10.0.0.11: 2 of 2"]


def test_an_address_that_answers_others_is_no_dead_node() -> None:
    story = two_nodes()
    story.works(1)
    story.asked(connection=story.connection("10.0.0.1", "10.0.0.11:80", "frontend"))
    story.syns("10.0.0.11:80", leg="frontend")
    assert story.silent(alb_node_unreachable)


def test_a_port_that_no_address_serves_is_a_missing_listener() -> None:
    story = two_nodes()
    story.works(1)
    story.syns("10.0.0.11:8443", leg="frontend")
    assert story.silent(alb_node_unreachable)


def test_a_single_address_has_no_others() -> None:
    story = Story()
    story.alb = ("10.0.0.10",)
    story.works(1)
    story.syns("10.0.0.10:80", leg="frontend")
    assert story.silent(alb_node_unreachable)
