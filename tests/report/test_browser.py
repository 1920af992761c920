"""The page in a real browser: it draws everything, can be used by all, and runs nothing of a capture.

Without Chromium these tests are skipped; CI installs it (`.ci/run`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path

import pytest

from pcapdiag import words
from pcapdiag.analysis import analyze
from pcapdiag.report.html import html_report
from pcapdiag.report.summary import moment
from tests.conversation import Conversation, write
from tests.report.browser import CHROMIUM, Browser
from tests.report.outage import empty

CAPTURES = Path(__file__).parents[2] / "captures"
SCRIPT = "<script>document.title='owned'</script><img/src=x/onerror=document.title='owned'>"
HOSTILE = f"/%22%3E{SCRIPT}\u202egpj"
NAME = '"><img src=x onerror=alert(1)> \u202e .pcap'
LOOKS = [(1400, False), (1400, True), (400, False), (400, True)]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here (Debian: apt install chromium)")


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    browser = Browser(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A page whose file name, target, header fields and bodies carry markup and control characters."""
    fields = f"Host: {SCRIPT}\x1b[31m\r\nX-Forwarded-For: 10.0.0.1\r\nUser-Agent: {SCRIPT}\r\n"
    body = SCRIPT * 3
    front = Conversation("10.0.0.1:40000", "10.0.0.10:80")
    front.handshake()
    front.request(f"GET {HOSTILE} HTTP/1.1\r\n{fields}\r\n")
    back = Conversation("10.0.0.10:50000", "10.0.3.1:8080", start_s=0.001)
    back.handshake()
    back.request(f"GET {HOSTILE} HTTP/1.1\r\n{fields}\r\n")
    back.wait(0.05)
    back.server.rst()
    front.wait(0.06)
    front.response(
        f"HTTP/1.1 502 {SCRIPT}\r\nServer: awselb/2.0{SCRIPT}\r\nContent-Length: {len(body)}\r\n\r\n{body}"
    )
    folder = tmp_path_factory.mktemp("hostile")
    capture = write(folder / NAME, front, back)
    page = folder / "hostile.html"
    page.write_text(html_report(analyze(capture, alb=["10.0.0.10"])), "utf-8")
    return page


@pytest.fixture(scope="module")
def five_faults(tmp_path_factory: pytest.TempPathFactory) -> Path:
    page = tmp_path_factory.mktemp("faults") / "five.html"
    page.write_text(html_report(analyze(CAPTURES / "mixed" / "haproxy-five-faults.pcap")), "utf-8")
    return page


@pytest.fixture(scope="module")
def black_hole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    page = tmp_path_factory.mktemp("hole") / "hole.html"
    page.write_text(html_report(analyze(CAPTURES / "mtu-blackhole" / "nginx-upload.pcap")), "utf-8")
    return page


def test_a_page_draws_everything_and_asks_nobody(browser: Browser, five_faults: Path) -> None:
    browser.open(five_faults)
    assert browser.complaints() == []
    assert browser.requests() == [five_faults.as_uri()]
    for place in ("map-picture", "timeline-charts", "times-servers", "waterfall", "exchanges-table"):
        assert browser.run(f"document.getElementById('{place}').childElementCount") > 0, f"{place} is empty"
    assert browser.run("document.querySelectorAll('[aria-label^=\"Ladder diagram of\"]').length") >= 5
    if browser.first_paint_ms() >= 2000:  # once: the machine may have been busy
        browser.open(five_faults)
        assert browser.first_paint_ms() < 2000


def test_an_empty_capture_makes_a_page_too(browser: Browser, tmp_path: Path) -> None:
    page = tmp_path / "empty.html"
    page.write_text(html_report(empty()), "utf-8")
    browser.open(page)
    assert browser.complaints() == []
    assert "No TCP connection in this capture" in browser.run("document.body.innerText")


@pytest.mark.parametrize("width", [1400, 800, 400])
def test_nothing_is_wider_than_the_screen(browser: Browser, five_faults: Path, width: int) -> None:
    browser.open(five_faults, width)
    browser.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert browser.run("document.documentElement.scrollWidth") == width
    # A ladder is never cut: it fits its place.
    cut = "[...document.querySelectorAll('.ladders .scroll svg')].filter(s => s.getBoundingClientRect().right > innerWidth).length"  # noqa: E501
    assert browser.run(cut) == 0


def test_runs_nothing_of_the_capture(browser: Browser, hostile: Path) -> None:
    browser.open(hostile)
    browser.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert browser.complaints() == []
    assert browser.requests() == [hostile.as_uri()]
    assert browser.run("document.title").startswith('"><img src=x onerror=alert(1)>')
    assert browser.run("document.querySelectorAll('script').length") == 3
    assert browser.run("document.querySelectorAll('img, iframe, object, embed, link, base').length") == 0
    handlers = "[...document.querySelectorAll('*')].flatMap(e => e.getAttributeNames()).filter(n => n.startsWith('on'))"  # noqa: E501
    assert browser.run(handlers) == []


@pytest.mark.parametrize(
    "place", ["header", "#findings", ".ladders", "#waterfall", "#exchanges-table", "#capture"]
)
def test_what_the_capture_carries_is_shown_as_text(browser: Browser, hostile: Path, place: str) -> None:
    browser.open(hostile)
    browser.run("document.querySelectorAll('details').forEach(d => d.open = true)")
    text = browser.run(f"document.querySelector('{place}').textContent")
    assert re.search(r"%22%3E<script>|<img src=x onerror", text), "not shown as it is"
    attributes = browser.run(
        f"[...document.querySelectorAll('{place} *')].flatMap(e => e.getAttributeNames().map(n => e.getAttribute(n))).join(' ')"  # noqa: E501
    )
    for raw in (text, attributes):
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", raw)


def test_the_embedded_json_is_what_the_capture_carried(browser: Browser, hostile: Path) -> None:
    browser.open(hostile)
    seen = json.loads(browser.run("JSON.stringify(pcapdiag.view.exchanges.names)"))
    assert any("<script>" in target for target in seen["target"])
    assert any("<script>" in host for host in seen["host"])


@pytest.mark.parametrize(("width", "dark"), LOOKS)
def test_axe_finds_no_serious_problem(browser: Browser, five_faults: Path, width: int, dark: bool) -> None:
    pytest.importorskip("axe_core_python", reason="axe-core-python is not installed")
    browser.open(five_faults, width, dark=dark)
    browser.run(files("axe_core_python").joinpath("axe.min.js").read_text("utf-8") + ";0")
    found = json.loads(
        browser.run("axe.run({ resultTypes: ['violations'] }).then(r => JSON.stringify(r.violations))")
    )
    serious = [
        (problem["id"], problem["nodes"][0]["html"][:120])
        for problem in found
        if problem["impact"] in ("serious", "critical")
    ]
    assert serious == []


def test_every_control_is_reached_by_tab_and_shows_its_focus(browser: Browser, five_faults: Path) -> None:
    browser.open(five_faults)
    browser.run("document.querySelectorAll('details.finding ~ details.finding').forEach(d => d.open = false)")
    controls = browser.run(
        "[...document.querySelectorAll('a[href], button:enabled, input, select, summary, [tabindex=\"0\"]')]"
        ".filter(e => e.checkVisibility()).map((e, n) => e.dataset.n = n).length"
    )
    unfocused = []
    reached = set()
    for _ in range(controls + 5):
        browser.press("Tab")
        number, outline = json.loads(
            browser.run(
                "(e => JSON.stringify([e.dataset.n ?? null, parseFloat(getComputedStyle(e).outlineWidth)]))(document.activeElement)"  # noqa: E501
            )
        )
        if number is not None:
            reached.add(int(number))
            if not outline:
                unfocused.append(number)
    assert reached == set(range(controls)) and unfocused == []


def test_a_table_sorts_and_filters_by_keyboard(browser: Browser, five_faults: Path) -> None:
    browser.open(five_faults)
    browser.run("document.querySelector('#exchanges-table input').focus()")
    browser.ask("Input.insertText", text="faulty/bug")
    assert browser.run("document.querySelectorAll('#exchanges-table tbody tr').length") == 6
    browser.run("document.querySelectorAll('#exchanges-table th button')[5].focus()")
    browser.press("Enter")
    assert browser.run("document.querySelectorAll('#exchanges-table th')[5].ariaSort") == "ascending"


def test_three_thousand_rows_sort_and_filter_without_lag(browser: Browser, five_faults: Path) -> None:
    browser.open(five_faults)
    took_ms = browser.run("""(() => {
      const rows = Array.from({ length: 3000 }, (_, n) => ({ n, name: `GET /item/${(n * 7919) % 3000}`, failed: n % 7 === 0 }));
      const table = pcapdiag.table({ label: "rows", rows, choices: [{ label: "all", test: () => true }], className: () => "",
        columns: [{ title: "n", right: true, value: (r) => r.n }, ...Array.from({ length: 15 }, () => ({ title: "name", value: (r) => r.name }))] });
      const place = document.createElement("div");
      place.append(...table.nodes);
      document.body.append(place);
      const began = performance.now();
      place.querySelectorAll("th button")[1].click();
      table.find("item/29");
      document.body.offsetHeight;
      return performance.now() - began;
    })()""")  # noqa: E501
    assert took_ms < 500


def test_times_of_day_are_exact_to_the_microsecond(browser: Browser, five_faults: Path) -> None:
    browser.open(five_faults)
    shown = browser.run(
        "[...document.querySelectorAll('#exchanges-table tbody tr')].map(r => r.cells[1].textContent)"
    )
    traffic = analyze(CAPTURES / "mixed" / "haproxy-five-faults.pcap").traffic
    expected = [
        moment(ns // 1000 * 1000)[11:26] for ns in traffic.exchanges["start_ns"][: len(shown)].tolist()
    ]
    assert [time.rstrip("0") for time in shown] == [time.rstrip("Z0") for time in expected]


def test_a_page_prints_what_was_found(browser: Browser, five_faults: Path) -> None:
    browser.open(five_faults)
    browser.look(800, media="print")
    shown = "(s => getComputedStyle(document.querySelector(s)).display)"
    assert browser.run(f"{shown}('#exchanges')") == browser.run(f"{shown}('nav')") == "none"
    assert browser.run("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"


PRINTING = "dispatchEvent(new Event('beforeprint')); new Promise(r => setTimeout(r, 50))"
# The colours of a chart's pixels, as "r,g,b", that are drawn opaque.
COLOURS = """[...new Set([...document.querySelectorAll('%s canvas')].flatMap(canvas => {
  const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height), seen = [];
  for (let n = 0; n < data.length; n += 4) if (data[n + 3] === 255) seen.push(data.slice(n, n + 3).join());
  return seen;
}))]"""


def test_on_paper_nothing_is_cut_and_every_finding_is_drawn(browser: Browser, black_hole: Path) -> None:
    browser.open(black_hole, 1400)
    browser.run("document.querySelectorAll('details.finding').forEach(d => d.open = false)")
    browser.look(718, media="print")  # an A4 sheet within Chromium's margins
    browser.run(PRINTING)
    assert browser.run("document.documentElement.scrollWidth") == 718
    right = "[...document.querySelectorAll('svg, canvas')].filter(e => e.getBoundingClientRect().right > innerWidth).length"  # noqa: E501
    assert browser.run(right) == 0
    assert browser.run("document.querySelectorAll('[aria-label^=\"Ladder diagram of\"]').length") == 2
    assert browser.run("document.querySelectorAll('.ladders canvas').length") == 2
    # A sheet can end between two pictures of a ladder, not within one.
    tallest = "Math.max(...[...document.querySelectorAll('.ladders .scroll svg')].map(e => e.getBoundingClientRect().height))"  # noqa: E501
    assert browser.run(tallest) < 300
    browser.look(1400)
    browser.run("dispatchEvent(new Event('afterprint'))")
    assert browser.run("document.querySelector('.ladders .scroll').childElementCount") == 1


def test_paper_is_white_also_where_the_screen_is_dark(browser: Browser, five_faults: Path) -> None:
    browser.open(five_faults, dark=True)
    dark, light = "255,138,128", "179,38,30"  # the style sheet's --error, #ff8a80 and #b3261e
    colours = browser.run(COLOURS % "#timeline-charts")
    assert dark in colours and light not in colours
    browser.run(PRINTING)
    colours = browser.run(COLOURS % "#timeline-charts")
    assert light in colours and dark not in colours


def test_what_is_sent_again_and_never_acknowledged_is_crossed_out(browser: Browser, black_hole: Path) -> None:
    browser.open(black_hole)
    crossed = browser.run(
        "[...document.querySelector('.ladders .scroll').querySelectorAll('g.lost')].map(g => g.textContent)"
    )
    last = [text for text in crossed if "never acknowledged" in text]
    # tshark: frames 141, 142 and 337 are the last retransmissions of their bytes; no later ACK covers them.
    assert [int(re.search(r"frame (\d+)", text)[1]) for text in last] == [141, 142, 337]  # type: ignore[index]


@pytest.mark.parametrize("width", [1400, 800, 400])
@pytest.mark.parametrize("page", ["black_hole", "hostile"])
def test_words_in_pictures_are_whole_and_do_not_cross(
    browser: Browser, request: pytest.FixtureRequest, page: str, width: int
) -> None:
    browser.open(request.getfixturevalue(page), width)
    crossing = browser.run("""[...document.querySelectorAll('svg')].flatMap(picture => {
      const whole = picture.getBoundingClientRect();
      const texts = [...picture.querySelectorAll('text')];
      const places = texts.map(text => [text.textContent, text.getBoundingClientRect()]);
      return places.flatMap(([text, a], n) => [
        ...(a.left < whole.left - 1 || a.right > whole.right + 1 || text.includes('…') ? [text] : []),
        ...places.slice(n + 1).filter(([, b]) => Math.min(a.right, b.right) - Math.max(a.left, b.left) > 2 &&
          Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top) > 4).map(([other]) => `${text} / ${other}`)]);
    })""")
    assert crossing == []


def test_the_timeline_shows_its_last_step_and_what_the_mouse_is_on(browser: Browser, tmp_path: Path) -> None:
    c = Conversation()
    c.handshake()
    for _ in range(4):
        c.wait(1)
        c.request("GET / HTTP/1.1\r\nHost: shop\r\n\r\n")
        c.response("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
    page = tmp_path / "steps.html"
    page.write_text(html_report(analyze(write(tmp_path / "steps.pcap", c))), "utf-8")
    browser.open(page)
    browser.run("document.querySelector('#timeline').scrollIntoView()")
    counts = browser.run("pcapdiag.view.timeline.statuses.ok")
    assert counts[-1] == 1 and sum(counts) == 4
    left, top, width = browser.run(
        "(r => [r.left, r.top, r.width])(document.querySelector('#timeline-charts .u-over').getBoundingClientRect())"  # noqa: E501
    )
    for step in (0, counts.index(1), len(counts) - 1):
        at_x = left + (step + 0.3) / len(counts) * width
        browser.ask("Input.dispatchMouseEvent", type="mouseMoved", x=at_x, y=top + 40)
        browser.run("new Promise(r => setTimeout(r, 50))")
        shown = "[...document.querySelector('#timeline-charts').querySelectorAll('.u-value')][1].textContent"
        assert browser.run(shown) == str(counts[step])
    # The last bar is drawn, and within the chart: --c-ok of the style sheet, #8fb8de.
    drawn = browser.run(
        "(c => [...c.getContext('2d').getImageData(0, c.height / 2 | 0, c.width, 1).data])"
        "(document.querySelector('#timeline-charts canvas'))"
    )
    bars = [n for n in range(len(drawn) // 4) if drawn[4 * n : 4 * n + 3] == [143, 184, 222]]
    canvas = browser.run("document.querySelector('#timeline-charts canvas').getBoundingClientRect().left")
    assert bars and left + width - 6 <= canvas + bars[-1] <= left + width


def test_a_plot_zooms_by_its_buttons(browser: Browser, black_hole: Path) -> None:
    browser.open(black_hole)
    browser.run(
        "document.querySelector('.ladders .uplot, .ladders [aria-label^=\"Time-sequence\"]').scrollIntoView()"
    )
    browser.run("new Promise(r => setTimeout(r, 100))")
    before = browser.run("document.querySelector('.ladders canvas').toDataURL().length")
    button = (
        "[...document.querySelectorAll('.ladders [role=group] button')].find(b => b.textContent === '{}')"
    )
    browser.run(button.format("Zoom in") + ".focus()")
    browser.press("Enter")
    browser.run("new Promise(r => setTimeout(r, 50))")
    zoomed = browser.run("document.querySelector('.ladders canvas').toDataURL().length")
    browser.run(button.format("Whole") + ".click()")
    browser.run("new Promise(r => setTimeout(r, 50))")
    assert zoomed != before == browser.run("document.querySelector('.ladders canvas').toDataURL().length")
    assert browser.complaints() == []


def test_the_page_says_times_and_sizes_as_the_other_reports_do(browser: Browser, five_faults: Path) -> None:
    browser.open(five_faults)
    times_us = [0, 1, 999, 1000, 12_250, 99_960, 999_499, 999_600, 5_000_000, 12_350_000, 119_499_999]
    times_us += [119_500_000, 179_700_000, 723_000_000, 7_199_700_000, 18_120_000_000]
    assert browser.run(f"{times_us}.map(pcapdiag.duration)") == [words.duration(us / 1e6) for us in times_us]
    sizes = [0, 12, 999, 1000, 99_960, 999_700, 498_390_384, 2_100_000_000_000]
    assert browser.run(f"{sizes}.map(pcapdiag.bytes)") == [words.size(size) for size in sizes]


def test_a_waterfall_s_bar_is_as_long_as_the_words_beside_it(browser: Browser, tmp_path: Path) -> None:
    """The load balancer's end met the request on its way: told by different ends, its length differed."""
    page = tmp_path / "race.html"
    page.write_text(html_report(analyze(CAPTURES / "keepalive-race" / "nginx-crossing-fin.pcap")), "utf-8")
    browser.open(page)
    took = "[...document.querySelectorAll('#waterfall tbody tr')].map(r => [r.cells[2].innerText, r.cells[3].innerText.split(' = ')[0].trim()])"  # noqa: E501
    rows = browser.run(took)
    assert len(rows) > 8 and all(cell == said for cell, said in rows)
