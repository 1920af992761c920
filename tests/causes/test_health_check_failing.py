"""health-check-failing: the load balancer's own checks, known by agent, shape and pace."""

from __future__ import annotations

import pytest

from pcapdiag import tables as t
from pcapdiag.causes import health_check_failing
from pcapdiag.causes.cause import Severity
from tests.causes.stories import ALB_BACK, CLIENT, SITE, Story

SITE_ADDRESS = SITE.partition(":")[0]


def checks(story: Story, status: int, times: int = 5, pace_s: float = 5.0, **fields: object) -> None:
    """Checks as Alibaba Cloud makes them, each on a connection of its own."""
    values = {"host": SITE_ADDRESS, "and_flags": t.REQ_HOST_IP} | fields
    for n in range(times):
        story.exchange(story.backend(at_s=n * pace_s), "HEAD /health", n * pace_s, status, **values)


def test_checks_that_get_errors() -> None:
    story = Story("alibaba")
    story.works(3)
    checks(story, 503)
    finding = story.only(health_check_failing)
    assert (finding.severity, finding.count, finding.peers) == (Severity.WARNING, 5, (SITE,))
    assert finding.facts["period_s"] == pytest.approx(5.0)


def test_checks_that_pass() -> None:
    story = Story("alibaba")
    checks(story, 200)
    assert story.silent(health_check_failing)


def test_a_known_agent_needs_no_pace() -> None:
    story = Story("aws")
    checks(story, 500, times=1, and_flags=t.REQ_HEALTH | t.REQ_HOST_IP)
    assert story.only(health_check_failing).count == 1


def test_a_check_that_gets_no_answer_fails() -> None:
    story = Story("aws")
    checks(story, 0, times=1, and_flags=t.REQ_HEALTH)
    story.fin(0, by=CLIENT, after_s=5)
    assert story.only(health_check_failing).facts["ways"] == ["no answer (1)"]


def test_requests_of_clients_are_no_checks() -> None:
    story = Story("aws")
    for n in range(5):
        story.forwarded(story.asked(at_s=5 * n, status=500), at_s=5 * n, status=500)
    assert story.silent(health_check_failing)


def test_requests_without_a_pace_are_no_checks() -> None:
    story = Story("alibaba")
    for at_s in (1.0, 1.3, 7.0, 20.0):
        on = story.backend(at_s=at_s)
        story.exchange(on, "HEAD /x", at_s, 404, host=SITE_ADDRESS, and_flags=t.REQ_HOST_IP)
    assert story.silent(health_check_failing)


def test_another_name_as_host_is_a_clients() -> None:
    story = Story("alibaba")
    checks(story, 503, host="shop.example.com", and_flags=0)
    assert story.silent(health_check_failing)


def kept_checks(story: Story, **fields: object) -> int:
    """Checks as Caddy makes them, on the connection that its clients' requests go out on; that connection."""
    kept = story.backend()
    values = {"host": SITE, "and_flags": t.REQ_HOST_IP} | fields
    for n in range(5):
        story.exchange(kept, "GET /hc", 5.0 * n, 503, **values)
    return kept


def test_checks_on_a_kept_connection_beside_requests_of_clients() -> None:
    story = Story("generic")
    kept = kept_checks(story)
    for n in range(5):
        story.forwarded(story.asked("GET /a", at_s=5.0 * n + 2), at_s=5.0 * n + 2, connection=kept)
    assert story.only(health_check_failing).count == 5


def test_such_requests_are_clients_where_all_look_so() -> None:
    story = Story("generic")
    kept = kept_checks(story)
    for at_s in (0.5, 6.2, 7.1):
        story.exchange(kept, "GET /a", at_s, 200, host=SITE, and_flags=t.REQ_HOST_IP)
    assert story.silent(health_check_failing)


def test_such_requests_are_clients_where_clients_ask_the_same() -> None:
    story = Story("generic")
    kept = kept_checks(story)
    for n in range(5):
        story.forwarded(story.asked("GET /hc", at_s=5.0 * n + 2), at_s=5.0 * n + 2, connection=kept)
    assert story.silent(health_check_failing)


def test_refused_checks_are_known_by_their_pace() -> None:
    story = Story("aws")
    story.works(3, at_s=100)
    for n in range(5):
        story.refused(at_s=5.0 * n)
    finding = story.only(health_check_failing)
    assert (finding.count, finding.facts["ways"]) == (5, ["no connection (5)"])


def test_attempts_for_a_request_that_had_just_come_are_no_checks() -> None:
    story = Story("aws")
    for n in range(5):
        story.forwarded(story.asked(at_s=5.0 * n, takes_s=0.1), at_s=5.0 * n + 0.05)
        story.refused(at_s=5.0 * n + 0.01)
    assert story.silent(health_check_failing)


def test_such_attempts_are_no_checks_by_another_clock_either() -> None:
    story = Story("aws")
    for n in range(5):
        story.forwarded(story.asked(at_s=5.0 * n, takes_s=0.1), at_s=5.0 * n + 0.05)
        row = story.refused(at_s=5.0 * n + 0.01 + 1.5)
        story.tables.connections[row]["vantage"] = 1
    traffic = story.build()
    traffic.clock_offsets_ns[0, 1] = 1_500_000_000, 0
    assert not list(health_check_failing.find(traffic, story.profile))


def test_without_the_frontend_a_pace_alone_is_not_enough() -> None:
    story = Story("aws")
    for n in range(5):
        story.refused(at_s=5.0 * n)
    assert story.silent(health_check_failing)


def unnamed_checks(story: Story, servers: int = 2, at_s: tuple[float, ...] = (0, 5, 10, 15, 20)) -> None:
    """One who asks the same of these servers again and again; no load balancer is known."""
    story.alb = ()
    for server in ("10.0.1.5:8080", "10.0.1.6:8080")[:servers]:
        for start_s in at_s:
            on = story.connection(ALB_BACK, server, "", start_s)
            story.exchange(on, "HEAD /hc", start_s, 503, host="", and_flags=t.REQ_NO_HOST)


def test_checks_of_a_load_balancer_that_is_not_known() -> None:
    story = Story("generic")
    unnamed_checks(story)
    finding = story.only(health_check_failing)
    assert (finding.count, finding.severity, finding.leg) == (10, Severity.WARNING, "frontend")
    assert f"--alb {ALB_BACK}" in finding.explanation


def test_one_server_asked_in_a_loop_is_an_engineers() -> None:
    story = Story("generic")
    unnamed_checks(story, servers=1)
    assert story.silent(health_check_failing)


def test_who_asks_for_more_than_that_is_a_client() -> None:
    story = Story("generic")
    unnamed_checks(story)
    story.exchange(story.connection(ALB_BACK, "10.0.1.5:8080", "", 3.0), "GET /shop", 3.0, 200)
    assert story.silent(health_check_failing)


def test_who_asks_now_and_then_is_a_client() -> None:
    story = Story("generic")
    unnamed_checks(story, at_s=(0, 1, 7, 8, 20))
    assert story.silent(health_check_failing)
