"""backend-connect-refused: RST or ICMP unreachable answers the load balancer's SYN."""

from __future__ import annotations

from pcapdiag import tables as t
from pcapdiag.causes import backend_connect_refused
from pcapdiag.causes.cause import Severity
from tests.causes.stories import SERVER, Story


def test_the_request_behind_a_refusal_is_the_one_that_failed() -> None:
    story = Story()
    story.works(1, at_s=0.5)
    front = story.asked(at_s=1.0, status=502, takes_s=0.001)
    story.refused(at_s=1.0)
    finding = story.only(backend_connect_refused)
    assert list(finding.exchanges) == [front]
    assert finding.statuses == {"502": 1}
    assert finding.peers == ("10.0.1.5:8080",)


def test_several_attempts_for_one_request_fail_one_request() -> None:
    story = Story()
    story.asked(at_s=1.0, status=502, takes_s=3.1)
    for n in range(4):
        story.refused(at_s=1.0 + n)
    finding = story.only(backend_connect_refused)
    assert finding.count == 1
    assert finding.facts["refused_connections"] == 4


def test_parallel_requests_fail_each_by_its_own_attempt() -> None:
    story = Story()
    for n in range(3):
        story.asked(at_s=1.0 + n / 1e4, status=502, takes_s=0.002)
        story.refused(at_s=1.0005 + n / 1e4)
    assert story.only(backend_connect_refused).count == 3


def test_healed_by_another_backend_is_a_warning() -> None:
    story = Story()
    story.forwarded(story.asked(status=200), connection=story.backend("10.0.1.6:8080"))
    story.refused()
    finding = story.only(backend_connect_refused)
    assert (finding.severity, finding.count) == (Severity.WARNING, 1)


def test_from_the_backend_leg_alone_attempts_are_counted() -> None:
    story = Story()
    story.refused()
    story.refused(at_s=2.0)
    finding = story.only(backend_connect_refused)
    assert (finding.severity, finding.count) == (Severity.ERROR, 2)


def held_down(status: int = 503, target: str = "GET /shop/b", at_s: float = 5.0) -> Story:
    """A refused connect, and a later request answered at once with no connect of its own."""
    story = Story()
    story.works(1, at_s=0.2)
    story.asked("GET /shop/a", at_s=1.0, status=503, takes_s=0.002)
    story.refused(at_s=1.0)
    story.asked(target, at_s=at_s, status=status, takes_s=0.001)
    return story


def test_requests_refused_while_the_backend_is_held_down_failed_by_it_too() -> None:
    finding = held_down().only(backend_connect_refused)
    assert finding.count == 2
    assert finding.facts["held_down_requests"] == 1


def test_a_target_that_leads_elsewhere_is_not_held_down() -> None:
    assert held_down(target="GET /other/b").only(backend_connect_refused).count == 1


def test_another_answer_has_another_reason() -> None:
    assert held_down(status=502).only(backend_connect_refused).count == 1


def test_nobody_holds_a_backend_down_for_minutes() -> None:
    assert held_down(at_s=90.0).only(backend_connect_refused).count == 1


def test_icmp_unreachable_refuses() -> None:
    story = Story()
    row = story.syns(count=1, flags=t.CONN_SYN | t.CONN_ICMP)
    story.tables.event(row, t.EVENT_ICMP, 1.0, a=3 << 8 | 13)
    finding = story.only(backend_connect_refused)
    assert finding.facts["by_icmp"] == 1


def test_fragmentation_needed_refuses_nothing() -> None:
    story = Story()
    row = story.syns(count=1, flags=t.CONN_SYN | t.CONN_ICMP)
    story.tables.event(row, t.EVENT_ICMP, 1.0, a=3 << 8 | 4)
    assert story.silent(backend_connect_refused)


def test_a_reset_after_the_handshake_is_no_refusal() -> None:
    story = Story()
    story.reset(story.forwarded(story.asked(status=502), status=0), by=SERVER)
    assert story.silent(backend_connect_refused)


def test_a_refused_client_accuses_no_backend() -> None:
    story = Story()
    story.refused("10.0.0.10:81", leg="frontend")
    assert story.silent(backend_connect_refused)


def test_a_target_that_the_snaplen_hides_is_not_known_to_be_held_down() -> None:
    story = Story("nginx")
    fields = {"status": 502, "takes_s": 0.001}
    failed = story.asked(at_s=1.0, **fields)
    story.refused(at_s=1.0003)
    other = story.asked(at_s=2.0, **fields)
    assert story.only(backend_connect_refused).count == 2
    for row in (failed, other):
        story.tables.connections[story.tables.exchanges[row]["connection"]]["flags"] |= t.CONN_TRUNCATED
    assert story.only(backend_connect_refused).count == 1
