"""From rows to words: counts, peers, times."""

from __future__ import annotations

import numpy as np
import pytest

from pcapdiag import tables as t
from pcapdiag.causes import claims, frontend_connect_refused
from pcapdiag.causes.cause import Cause, Severity
from tests.causes.stories import Story


def test_peers_are_counted() -> None:
    story = Story()
    rows = [story.backend("10.0.1.6:8080"), story.backend(), story.backend()]
    assert claims.peers(story.build(), np.array(rows), t.LEG_BACKEND) == ("10.0.1.5:8080", "10.0.1.6:8080")


def test_clients_are_counted_without_their_ports() -> None:
    story = Story()
    rows = [story.frontend("10.0.0.1"), story.frontend("10.0.0.1")]
    assert claims.peers(story.build(), np.array(rows), t.LEG_FRONTEND) == ("10.0.0.1",)


@pytest.mark.parametrize(
    ("names", "words"),
    [((), "nobody"), (("a",), "a"), (("a", "b"), "a and b"), (("a", "b", "c"), "a and 2 other backends")],
)
def test_who_it_was(names: tuple[str, ...], words: str) -> None:
    assert claims.who(names) == words


def test_a_timer_ends_waits_at_one_value() -> None:
    assert claims.cluster(np.array([0.5, 0.501, 0.503]))
    assert claims.cluster(np.array([60.0, 60.2, 61.0, 59.9]))


def test_chance_does_not() -> None:
    assert not claims.cluster(np.array([0.5, 2.0, 7.0]))
    assert not claims.cluster(np.array([0.5, 0.5]))


def test_those_at_the_common_value_are_told_from_the_others() -> None:
    assert claims.common(np.array([2.0, 2.001, 0.3, 2.01])).tolist() == [True, True, False, True]
    assert claims.common(np.array([2.0])).tolist() == [False]


def test_the_count_is_left_to_the_verdict() -> None:
    story = Story()
    story.works(3)
    assert claims.of_requests(story.build(), t.LEG_FRONTEND) == "{count} of 3 requests"


def test_a_lone_opener_may_be_the_load_balancer_and_what_it_is_then() -> None:
    assert claims.doubt(frontend_connect_refused.CAUSE, ["10.0.1.10"]) == (
        " No load balancer was recognised, so 10.0.1.10 is taken for a client; if it is the load balancer, "
        "this may be backend-connect-refused instead: say --alb 10.0.1.10."
    )


def test_of_several_openers_none_is_named() -> None:
    cause = Cause("some-cause", Severity.ERROR, legs=("frontend",))
    assert claims.doubt(cause, ["10.0.1.10", "10.0.1.11"]) == (
        " No load balancer was recognised, so these are taken for connections of clients; if they come from "
        "it, name its address with --alb."
    )
