from __future__ import annotations

from pcapdiag.causes import account
from pcapdiag.causes.catalogue import catalogue
from pcapdiag.report.page import docs_of, extract_command, headline, page, paragraphs, text_and_command
from pcapdiag.report.summary import leg_summaries
from tests.report.outage import outage, quiet


def test_a_finding_has_its_docs_page_s_words() -> None:
    analysis = outage()
    finding = page(analysis, leg_summaries(analysis.traffic))["findings"][0]
    assert finding["why"] and finding["mistaken"]
    assert finding["not_these"][0] == (
        "keepalive-race",
        "the backend had acknowledged the request before it reset",
    )
    assert finding["facts"][0] == ("reset after (median)", "50 ms")
    assert finding["evidence"][0]["frames"] == "20, 21"


def test_a_cause_without_a_page_has_no_words() -> None:
    assert docs_of("no-such-cause") == {}


def test_the_command_survives_odd_file_names() -> None:
    assert extract_command(["a b.pcap"], "--connection 1", "conn1").startswith("pcapdiag extract 'a b.pcap' ")


def test_paragraphs_are_lines() -> None:
    assert paragraphs("one\n  two\n\nthree\n\n") == ["one two", "three"]


def test_the_headline_leaves_the_causes_to_the_sentences_below_it() -> None:
    analysis = outage()
    assert headline(analysis) == "3 of 10 requests failed (30 %); 2 explained, 1 not."
    analysis.account.explained = 3
    assert headline(analysis) == "3 of 10 requests failed (30 %); all are explained."
    assert headline(quiet()).startswith("Nothing failed")


def test_a_command_to_capture_what_is_missing_stands_apart_to_be_copied() -> None:
    missing = "the backend leg is not here; capture it: tcpdump -i any -s 0 'tcp port 8080'"
    assert text_and_command(missing) == (
        "the backend leg is not here; capture it", "tcpdump -i any -s 0 'tcp port 8080'"
    )  # fmt: skip
    assert text_and_command("look at them") == ("look at them", "")


def test_every_command_of_the_account_can_be_copied() -> None:
    for missing in account._MISSING:
        text, command = text_and_command(missing)
        assert bool(command) == ("tcpdump" in missing) and "tcpdump" not in text


def test_a_finding_states_the_limits_it_was_judged_by() -> None:
    analysis = outage()
    analysis.findings[0].cause = catalogue()["keepalive-race"].CAUSE
    (finding,) = page(analysis, leg_summaries(analysis.traffic))["findings"]
    assert finding["limits"] == [("ALB idle timeout to backends", "60 s")]
