"""no-backend: the load balancer refused at once, and asked nobody."""

from __future__ import annotations

import pytest

from pcapdiag import tables as t
from pcapdiag.causes import no_backend
from tests.causes.stories import CLIENT, Story


@pytest.mark.parametrize("status", [503, 502])
def test_refused_at_once_with_nobody_asked(status: int) -> None:
    story = Story()
    story.works(3)
    story.asked(at_s=10, status=status)
    finding = story.only(no_backend)
    assert (finding.count, finding.statuses) == (1, {str(status): 1})


def test_a_503_of_a_backend_is_its_own() -> None:
    story = Story()
    story.works(3)
    story.forwarded(story.asked(at_s=10, status=503), at_s=10, status=503)
    assert story.silent(no_backend)


def test_an_attempt_meanwhile_says_that_there_is_a_backend() -> None:
    story = Story()
    story.works(3)
    story.asked(at_s=10, status=503, takes_s=0.2)
    story.refused(at_s=10.1)
    assert story.silent(no_backend)


def test_a_request_to_a_backend_that_nobody_could_join_may_be_this_one() -> None:
    story = Story()
    story.works(3)
    story.asked(at_s=10, status=503, takes_s=0.2)
    story.forwarded(None, at_s=10.1, status=503)
    assert story.silent(no_backend)


def test_an_encrypted_backend_leg_tells_nothing() -> None:
    story = Story()
    story.works(3)
    story.backend(protocol=t.PROTOCOL_TLS, lasts_s=60)
    story.asked(at_s=10, status=503)
    assert story.silent(no_backend)


def test_a_backend_connection_the_capture_lacks_bytes_of_may_have_carried_it() -> None:
    story = Story()
    back = story.backend(lasts_s=60)
    story.works(3, connection=back)
    story.tables.trouble(back, CLIENT, missing_bytes=200)
    story.asked(at_s=10, status=502)
    assert story.silent(no_backend)


def test_one_that_waited_had_waited_for_something() -> None:
    story = Story()
    story.works(3)
    story.asked(at_s=10, status=503, takes_s=5)
    assert story.silent(no_backend)


def test_a_pool_that_serves_right_before_and_right_after_is_not_empty() -> None:
    story = Story()
    story.works(at_s=9.7)
    story.asked(at_s=10, status=503)
    story.works(at_s=10.3)
    assert story.silent(no_backend)


@pytest.mark.parametrize(("before_s", "after_s"), [(0.3, 1.0), (1.0, 0.3)])
def test_servers_may_leave_and_come_back(before_s: float, after_s: float) -> None:
    story = Story()
    story.works(at_s=10 - before_s)
    story.asked(at_s=10, status=503)
    story.works(at_s=10 + after_s)
    assert story.only(no_backend).count == 1


def test_what_was_refused_last_may_have_met_the_same_limit() -> None:
    story = Story()
    story.works(at_s=9.7)
    for at_s in (9.8, 10.0, 10.2):
        story.asked(at_s=at_s, status=503)
    assert story.silent(no_backend)


def test_a_pool_that_stays_empty_was_so_from_the_first_refusal() -> None:
    story = Story()
    story.works(at_s=9.7)
    for at_s in (9.8, 10.0, 11.2):
        story.asked(at_s=at_s, status=503)
    assert story.only(no_backend).count == 3


def test_what_serves_other_targets_says_nothing_of_this_pool() -> None:
    story = Story()
    story.works(at_s=9.7)
    story.asked("GET /faulty", at_s=10, status=503)
    story.works(at_s=10.3)
    assert story.only(no_backend).count == 1


def test_without_the_backend_leg_nobody_knows() -> None:
    story = Story()
    story.asked(at_s=10, status=503)
    assert story.silent(no_backend)


def test_throttled_requests_name_their_own_reason() -> None:
    story = Story("alibaba")
    story.works(3)
    story.asked(at_s=10, status=503, and_flags=t.RSP_THROTTLED)
    assert story.silent(no_backend)


def test_a_backends_own_host_does_not_see_what_others_were_asked() -> None:
    story = Story()
    story.works(3)
    story.asked(at_s=10, status=503)
    for connection, leg in zip(story.tables.connections, story.tables.legs, strict=True):
        connection["vantage"] = int(leg == t.LEG_BACKEND)
    assert story.silent(no_backend)
