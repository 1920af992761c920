"""stale-dns: clients that keep to a literal address of the load balancer."""

from __future__ import annotations

from pcapdiag import tables as t
from pcapdiag.causes import stale_dns
from pcapdiag.causes.cause import Severity
from pcapdiag.profiles import load_profile
from tests.causes.stories import Story


def visit(story: Story, address: str, literal: bool = False, times: int = 2) -> None:
    on = story.connection("10.0.0.9" if literal else "10.0.0.1", f"{address}:80", "frontend")
    for n in range(times):
        story.asked(at_s=1.0 + n, connection=on, and_flags=t.REQ_HOST_IP if literal else 0)


def several_addresses() -> Story:
    story = Story()
    story.alb = ("10.0.0.10", "10.0.0.11", "10.0.0.12")
    return story


def test_a_client_that_was_given_an_address() -> None:
    story = several_addresses()
    visit(story, "10.0.0.11")
    visit(story, "10.0.0.12")
    visit(story, "10.0.0.10", literal=True, times=8)
    finding = story.only(stale_dns)
    assert (finding.severity, finding.count) == (Severity.WARNING, 8)
    assert finding.facts["literal_addresses"] == ["10.0.0.10"]


def test_clients_that_follow_the_name() -> None:
    story = several_addresses()
    for address in story.alb:
        visit(story, address)
    assert story.silent(stale_dns)


def test_a_balancer_with_one_address_may_be_called_by_it() -> None:
    story = Story()
    visit(story, "10.0.0.10", literal=True)
    visit(story, "10.0.0.10")
    assert story.silent(stale_dns)


def test_where_everybody_uses_addresses_there_may_be_no_name() -> None:
    story = several_addresses()
    for address in story.alb:
        visit(story, address, literal=True)
    assert story.silent(stale_dns)


def test_a_client_that_kept_an_address_dns_no_longer_gives() -> None:
    story = several_addresses()
    visit(story, "10.0.0.11")
    visit(story, "10.0.0.10", times=5)
    traffic = story.build()
    traffic.dns = {traffic.host(0): {"10.0.0.11": 0, "10.0.0.12": 0}}
    (finding,) = stale_dns.find(traffic, load_profile("generic"))
    assert finding.count == 5
    assert finding.facts["kept_addresses"] == ["10.0.0.10"]


def test_addresses_that_dns_gives_are_never_stale() -> None:
    story = several_addresses()
    visit(story, "10.0.0.11")
    visit(story, "10.0.0.12")
    traffic = story.build()
    traffic.dns = {traffic.host(0): {"10.0.0.11": 0, "10.0.0.12": 0}}
    assert not list(stale_dns.find(traffic, load_profile("generic")))


def test_dns_of_another_view_says_nothing() -> None:
    story = several_addresses()
    visit(story, "10.0.0.11")
    visit(story, "10.0.0.12")
    traffic = story.build()
    traffic.dns = {traffic.host(0): {"192.0.2.1": 0}}  # split-horizon: none of these is used here
    assert not list(stale_dns.find(traffic, load_profile("generic")))
