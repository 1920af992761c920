from __future__ import annotations

from pcapdiag.profiles import load_profile
from pcapdiag.report.page import docs_of, extract_command, limits, page, paragraphs
from pcapdiag.report.summary import leg_summaries
from tests.report.outage import outage


def test_a_finding_has_its_docs_page_s_words() -> None:
    analysis = outage()
    finding = page(analysis, leg_summaries(analysis.traffic))["findings"][0]
    assert finding["why"] and finding["mistaken"]
    assert finding["facts"][0] == ("median reset after", "0.05 s")
    assert finding["evidence"][0]["frames"] == "20, 21"


def test_a_cause_without_a_page_has_no_words() -> None:
    assert docs_of("no-such-cause") == {}


def test_the_command_survives_odd_file_names() -> None:
    assert extract_command(["a b.pcap"], "--connection 1", "conn1").startswith("pcapdiag extract 'a b.pcap' ")


def test_paragraphs_are_lines() -> None:
    assert paragraphs("one\n  two\n\nthree\n\n") == ["one two", "three"]


def test_limits_are_the_profile_s_numbers_in_words() -> None:
    assert dict(limits(load_profile("aws")))["backend idle timeout"] == "60 s"
