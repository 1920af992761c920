"""alb-policy-response: information that a rule of the load balancer answered."""

from __future__ import annotations

import pytest

from pcapdiag.causes import alb_policy_response
from pcapdiag.causes.cause import Severity
from tests.causes.stories import Story


@pytest.mark.parametrize("status", [301, 401, 403])
def test_an_answer_with_nobody_asked_is_a_rules(status: int) -> None:
    story = Story()
    story.works(3)
    story.asked(at_s=10, status=status)
    finding = story.only(alb_policy_response)
    assert (finding.severity, finding.count) == (Severity.INFO, 1)


@pytest.mark.parametrize("status", [200, 304, 400, 503])
def test_other_answers_are_not_told_of_here(status: int) -> None:
    story = Story()
    story.works(3)
    story.asked(at_s=10, status=status)
    assert story.silent(alb_policy_response)


def test_a_backends_403_is_its_own() -> None:
    story = Story()
    story.works(3)
    story.forwarded(story.asked(at_s=10, status=403), at_s=10, status=403)
    assert story.silent(alb_policy_response)


def test_without_the_backend_leg_only_a_status_of_its_own_tells() -> None:
    story = Story("aws")
    story.asked(status=403)
    assert story.silent(alb_policy_response)
    story.asked(status=561)
    assert story.only(alb_policy_response).statuses == {"561": 1}
