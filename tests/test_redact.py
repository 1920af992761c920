from __future__ import annotations

import json
from pathlib import Path

import dpkt
import pytest
from click.testing import CliRunner

from pcapdiag.capture import CaptureFile
from pcapdiag.cli import main
from pcapdiag.redact import Redactor, masked
from pcapdiag.report.html import html_report
from pcapdiag.report.json import json_text
from pcapdiag.report.text import text_report
from tests.conversation import Conversation, write
from tests.report.outage import outage

SECRET = "/pay?card=4111&token=s3cret from 10.0.0.1, Cookie: sid=s3cret"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        ("10.0.0.1:40000 -> 10.0.0.2", "198.18.0.1:40000 -> 198.18.0.2"),
        ("ip.addr==10.0.0.2 && tcp.port==80", "ip.addr==198.18.0.2 && tcp.port==80"),
        ("[2001:db8:5::9]:443", "[2001:db8::3]:443"),
        ("GET /a?user=bob&x=1#f HTTP/1.1", "GET /a?user=*&x=*#f HTTP/1.1"),
        ("/a?s3cret and /b?c&s3cret=1&d;e=2", "/a?* and /b?*&s3cret=*&*;e=*"),
        ("is 'GET /a?k=b s3cret HTTP/1.1'.", "is 'GET /a?k=* HTTP/1.1'."),
        ("is 'GET /a?k=b s3cr', is it?", "is 'GET /a?k=*', is it?"),
        ("asked for '/a?user=o'neill<b>&x=1', twice", "asked for '/a?user=*&x=*', twice"),
        ("http://bob:s3cret@10.0.0.1/a", "http://*@198.18.0.1/a"),
        ("'Authorization: Basic Zm9v'", "'Authorization: *'"),
        ("at 10:00:01.5, version 1.2.3, 502: 41", "at 10:00:01.5, version 1.2.3, 502: 41"),
    ],
)
def test_addresses_and_secrets_go_and_the_rest_stays(text: str, redacted: str) -> None:
    assert Redactor(["10.0.0.1", "10.0.0.2"]).text(text) == redacted


@pytest.mark.parametrize("form", [html_report, json_text, text_report])
def test_no_report_names_an_address_or_a_query_value(form: object) -> None:
    analysis = outage(SECRET)
    redactor = Redactor(analysis.traffic.addresses)
    said = html_report(analysis, redactor) if form is html_report else form(redactor.analysis(analysis))  # type: ignore[operator]
    for secret in ("4111", "s3cret", *analysis.traffic.addresses):
        assert secret not in said
    assert "198.18.0." in said


def test_what_stays_in_a_report_is_what_the_docs_say() -> None:
    docs = (Path(__file__).parents[1] / "docs" / "usage.md").read_text("utf-8")
    stays = docs.partition("**What stays**")[2].partition("\n\n")[0]
    analysis = outage("/users/jane?card=4111")
    host = analysis.traffic.host(0)
    said = html_report(analysis, Redactor(analysis.traffic.addresses))
    assert "paths of request targets" in stays and "/users/jane?card=*" in said
    assert "host names" in stays and host and host in said
    assert "names of capture files" in stays and analysis.traffic.files[0].path in said


def test_a_payload_keeps_its_framing_and_its_length() -> None:
    payload = b"GET /a?k=secret HTTP/1.1\r\nHost: corp\r\nCookie: a=b\r\nContent-Length: 5\r\n\r\nhello"
    assert masked(payload) == (
        b"GET /a?k=xxxxxx HTTP/1.1\r\nHost: xxxx\r\nCookie: xxx\r\nContent-Length: 5\r\n\r\nxxxxx"
    )
    assert masked(b"GET /a?s3cret#f HTTP/1.1\r\n\r\n") == b"GET /a?xxxxxx#f HTTP/1.1\r\n\r\n"
    assert masked(b"ret; Path=/\r\nX: y") == b"xxxx xxxxxx".replace(b" ", b"x") + b"\r\nxxxx"


def test_a_kept_line_of_a_payload_keeps_no_address() -> None:
    payload = (
        b"GET http://u:pw@10.0.0.7/at/[fd00::9]?a=b HTTP/1.1\r\nVia: 1.1 10.0.0.7\r\nDate: 12:00:01\r\n\r\n"
    )
    assert masked(payload) == (
        b"GET http://xxxx@xx.x.x.x/at/[xxxx::x]?a=x HTTP/1.1\r\nVia: 1.1 xx.x.x.x\r\nDate: 12:00:01\r\n\r\n"
    )


@pytest.mark.parametrize(
    "addresses", [("10.0.0.1:40000", "10.0.0.9:80"), ("[fd00::1]:40000", "[fd00::9]:80")]
)
def test_a_carved_capture_carries_no_address_of_the_original(
    tmp_path: Path, addresses: tuple[str, str]
) -> None:
    c = Conversation(*addresses)
    c.handshake()
    c.request("GET /?t=s3cret HTTP/1.1\r\nHost: corp\r\nAuthorization: Bearer s3cret\r\n\r\n")
    c.response("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
    c.close()
    write(tmp_path / "all.pcap", c)
    small = tmp_path / "small.pcap"
    result = CliRunner().invoke(
        main, ["extract", str(tmp_path / "all.pcap"), "--connection", "0", "--redact", "-o", str(small)]
    )
    assert result.exit_code == 0, result.stderr
    raw = small.read_bytes()
    assert b"s3cret" not in raw and b"corp" not in raw
    assert (
        c.client.address.packed not in raw and c.server.address.packed not in raw and c.client.mac not in raw
    )
    listed = CliRunner().invoke(main, ["exchanges", str(small), "--format", "json"])
    (exchange,) = json.loads(listed.stdout)
    assert (exchange["target"], exchange["status"]) == ("/?t=xxxxxx", 200)
    assert sum(len(batch.records) for batch in CaptureFile(small).batches()) == len(c.packets)


def test_the_ip_checksum_is_right(tmp_path: Path) -> None:
    c = Conversation()
    c.handshake()
    write(tmp_path / "all.pcap", c)
    small = tmp_path / "small.pcap"
    CliRunner().invoke(
        main, ["extract", str(tmp_path / "all.pcap"), "--connection", "0", "--redact", "-o", str(small)]
    )
    for _, packet in dpkt.pcap.Reader(small.open("rb")):
        ip = dpkt.ip.IP(packet)
        given, ip.sum = ip.sum, 0
        assert dpkt.ip.IP(bytes(ip)).sum == given
