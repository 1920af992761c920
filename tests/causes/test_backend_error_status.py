"""backend-error-status: the backend's own errors, passed on."""

from __future__ import annotations

import pytest

from pcapdiag import tables as t
from pcapdiag.causes import backend_error_status
from pcapdiag.causes.cause import Severity
from tests.causes.stories import Story


@pytest.mark.parametrize(
    ("status", "severity"),
    [
        (500, Severity.ERROR),
        (503, Severity.ERROR),
        (405, Severity.WARNING),
        (413, Severity.WARNING),
        (404, Severity.INFO),
    ],
)
def test_severity_by_status(status: int, severity: Severity) -> None:
    story = Story()
    story.works(3)
    story.forwarded(story.asked(status=status), status=status)
    finding = story.only(backend_error_status)
    assert (finding.count, finding.severity) == (1, severity)
    assert finding.statuses == {str(status): 1}


@pytest.mark.parametrize(("status", "told"), [(405, "methods"), (413, "body size"), (500, ""), (404, "")])
def test_what_a_web_server_answers_is_told_of_that_status_alone(status: int, told: str) -> None:
    story = Story()
    story.forwarded(story.asked(status=status), status=status)
    _, *of_web_servers = story.only(backend_error_status).remedy
    assert [told in remedy and f"For {status} " in remedy for remedy in of_web_servers] == [True] * bool(told)


def test_each_severity_is_a_finding_of_its_own() -> None:
    story = Story()
    for status in (500, 502, 400, 404):
        story.forwarded(story.asked(status=status), status=status)
    counts = {f.severity: f.count for f in story.findings(backend_error_status)}
    assert counts == {Severity.ERROR: 2, Severity.WARNING: 1, Severity.INFO: 1}


def test_a_502_that_no_backend_made_is_the_balancers() -> None:
    story = Story()
    story.works(1)
    story.asked(status=502, server="awselb/2.0")
    assert story.silent(backend_error_status)


def test_from_the_frontend_alone_the_server_field_tells() -> None:
    story = Story("aws")
    story.asked(status=500, server="shop/2.3")
    story.asked(status=502, server="awselb/2.0")
    story.asked(status=502)
    finding = story.only(backend_error_status)
    assert (finding.count, finding.leg) == (1, "frontend")


def test_a_name_that_load_balancers_bear_tells_nothing_of_an_unknown_one() -> None:
    story = Story("generic")
    story.asked(status=504, server="nginx")
    assert story.silent(backend_error_status)


def test_without_a_load_balancer_in_sight_it_may_still_be_one_that_answers() -> None:
    story = Story("generic")
    story.alb = ()
    on = story.connection("10.0.0.1", "10.0.0.9:80", "")
    story.exchange(on, "GET /", 1.0, 502, server="nginx")
    assert story.silent(backend_error_status)


@pytest.mark.parametrize("alb", [("10.0.0.10",), ()])
def test_a_name_that_errors_alone_bear_may_be_the_balancers(alb: tuple[str, ...]) -> None:
    story = Story("generic")
    story.alb = alb
    story.asked(server="shop/2.3")
    story.asked(status=500, server="shop/2.3")
    for status in (411, 500, 502):
        story.asked(status=status, server="edge/1.4")
    assert story.only(backend_error_status).statuses == {"500": 1}


def test_a_backends_name_beside_that_of_a_web_server_is_a_backends() -> None:
    story = Story("generic")
    story.asked(server="nginx")
    story.asked(status=500, server="shop/2.3")
    assert story.only(backend_error_status).count == 1


def test_an_error_beside_backends_names_may_be_of_the_one_that_hands_them_on() -> None:
    """lighttpd answers 500 where its backend closed, and gives its name to answers that came without."""
    story = Story("generic")
    story.alb = ()
    story.asked(server="shop/2.3")
    story.asked(server="lighttpd/1.4.69")
    story.asked(status=500, server="lighttpd/1.4.69")
    assert story.silent(backend_error_status)


def test_a_server_that_stands_alone_makes_its_own_errors() -> None:
    story = Story("generic")
    story.alb = ()
    story.asked(server="nginx/1.22.1")
    story.asked(status=500, server="nginx/1.22.1")
    assert story.only(backend_error_status).count == 1


def test_who_refuses_trace_is_not_known() -> None:
    story = Story("generic")
    story.alb = ()
    story.asked("TRACE /", status=405, server="nginx/1.22.1")
    assert story.silent(backend_error_status)


def test_health_checks_are_no_requests() -> None:
    story = Story()
    story.forwarded(None, status=503, and_flags=t.REQ_HEALTH)
    assert story.silent(backend_error_status)


def test_many_errors_show_twenty() -> None:
    story = Story()
    for _ in range(50):
        story.forwarded(story.asked(status=500), status=500)
    finding = story.only(backend_error_status)
    assert finding.count == 50
    assert len(finding.evidence) == 20
