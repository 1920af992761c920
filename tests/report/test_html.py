from __future__ import annotations

import base64
import hashlib
import html
import json
import re
from html.parser import HTMLParser

import pytest

from pcapdiag.report.html import embeddable, html_report, policy
from pcapdiag.report.json import document
from tests.report.outage import NASTY, empty, outage, quiet


class Page(HTMLParser):
    """The page's elements, and the text of its scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.raw: dict[str, str] = {}
        self.visible = ""
        self._inside: str | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.tags.append((tag, given))
        if tag in ("script", "style"):
            self._inside = str(given.get("id") or tag)
            self.raw[self._inside] = ""

    def handle_endtag(self, tag: str) -> None:
        self._inside = None

    def handle_data(self, data: str) -> None:
        if self._inside:
            self.raw[self._inside] += data
        else:
            self.visible += data

    def policy(self) -> str:
        metas = [given for tag, given in self.tags if tag == "meta" and "http-equiv" in given]
        return str(metas[0]["content"])


def sha256(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def test_names_its_own_style_and_script_and_allows_nothing_else() -> None:
    page = Page(html_report(outage()))
    assert page.policy().startswith("default-src 'none';")
    assert f"style-src 'sha256-{sha256(page.raw['style'])}'" in page.policy()
    assert f"script-src 'sha256-{sha256(page.raw['script'])}'" in page.policy()
    assert "unsafe" not in page.policy() and "unsafe" not in policy("", "")


def test_asks_nothing_of_the_network() -> None:
    page = Page(html_report(outage()))
    for tag, given in page.tags:
        assert tag not in ("img", "link", "iframe", "object", "base", "form")
        assert "src" not in given
        assert not str(given.get("href", "")).startswith(("http:", "https:", "//"))
        assert not any(name.startswith("on") or name == "style" for name in given)


def test_carries_the_json_report() -> None:
    analysis = outage()
    embedded = json.loads(Page(html_report(analysis)).raw["report-data"])
    assert embedded == json.loads(embeddable(document(analysis)))


@pytest.mark.parametrize("target", [NASTY, "</script><script>alert(1)</script>", "<!--", "]]>", "{{ 7*7 }}"])
def test_what_a_capture_carries_is_only_text(target: str) -> None:
    plain, attacked = Page(html_report(outage())), Page(html_report(outage(target)))
    assert [tag for tag, _ in attacked.tags] == [tag for tag, _ in plain.tags]
    assert sha256(attacked.raw["script"]) == sha256(plain.raw["script"])
    report = json.loads(attacked.raw["report-data"])
    assert report["findings"][0]["facts"]["targets"] == [target]


def test_control_and_bidirectional_characters_are_spelled_out() -> None:
    text = html_report(outage(NASTY))
    assert "\x1b" not in text and "\u202e" not in text and "\u2028" not in text
    assert "\\x1b[31m\\u202egpj.exe" in Page(text).visible


def test_every_id_is_given_once_and_every_anchor_leads_to_one() -> None:
    page = Page(html_report(outage()))
    ids = [given["id"] for _, given in page.tags if "id" in given]
    assert len(ids) == len(set(ids))
    anchors = [given for tag, given in page.tags if tag == "a" and "data-connection" not in given]
    assert all(str(given["href"]).removeprefix("#") in ids for given in anchors)


def test_a_finding_shows_its_filter_and_the_command_that_carves_it() -> None:
    visible = Page(html_report(outage())).visible
    assert "tcp.port==8080 && 0" in html.unescape(visible)
    assert "pcapdiag extract hand.pcap --cause backend-reset -o backend-reset.pcap" in visible
    assert "pcapdiag extract hand.pcap --connection 3 -o conn3.pcap" in visible


@pytest.mark.parametrize("analysis", [quiet(), empty()])
def test_a_page_without_findings_is_still_a_page(analysis: object) -> None:
    text = html_report(analysis)  # type: ignore[arg-type]
    assert 'id="findings"' not in text
    assert re.search(r"<h2 id=\"verdict-title\">(Nothing failed|No TCP connection)", text)


def test_data_in_a_script_element_cannot_end_it() -> None:
    text = embeddable(["</script>", "<!--", "&amp;", "\u2028"])
    assert not re.search("[<>&\u2028]", text)
    assert json.loads(text) == ["</script>", "<!--", "&amp;", "\u2028"]
