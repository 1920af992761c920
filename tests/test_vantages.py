"""Several files of the same minutes: whatever was seen twice counts once, by whichever clock."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

import pcapdiag
from pcapdiag.causes.catalogue import catalogue
from tests.test_captures import CAPTURES, capture_of

FILE = "capture-"  # causes that speak of files: two are not one


def told(files: list[Path], **options: object) -> list[tuple[str, str, int]]:
    findings = pcapdiag.analyze(files, **options).findings  # type: ignore[arg-type]
    return sorted(
        (f.cause.name, f.severity.word, f.count) for f in findings if not f.cause.name.startswith(FILE)
    )


def counted(analysis: pcapdiag.Analysis) -> tuple[int, int, list[tuple[str, int]]]:
    account = analysis.account
    return account.failed, account.explained, [(left.status, left.count) for left in account.unexplained]


def shown(cause: str) -> list[Path]:
    """The captures of a cause that were taken with both legs, without options of their own."""
    found = []
    for expectation in sorted((CAPTURES / cause).glob("*.expected.json")):
        expected = json.loads(expectation.read_text())
        plain = not ({"with", "alb", "profile", "tls_keylog"} & expected.keys())
        if plain and not expectation.name.removesuffix(".expected.json").endswith(
            (".client", ".backend", ".alb")
        ):
            found.append(capture_of(expectation))
    return found


@pytest.mark.parametrize("cause", sorted(catalogue()))
def test_a_file_given_twice_tells_the_same(cause: str) -> None:
    for capture in shown(cause)[:1]:
        assert told([capture, capture]) == told([capture])


def shifted(capture: Path, seconds: float, to: Path) -> Path:
    """The same capture by a clock that is ahead (tcpdump's own format, little-endian, microseconds)."""
    content = bytearray(capture.read_bytes())
    assert content[:4] == b"\xd4\xc3\xb2\xa1"
    at = 24
    while at < len(content):
        second, micro, length = struct.unpack_from("<III", content, at)
        micros = second * 1_000_000 + micro + round(seconds * 1e6)
        struct.pack_into("<II", content, at, *divmod(micros, 1_000_000))
        at += 16 + length
    to.write_bytes(content)
    return to


TWO_HOSTS = [
    CAPTURES / "mixed" / "haproxy-five-faults",
    CAPTURES / "keepalive-race" / "haproxy-crossing-fin",
]


@pytest.mark.parametrize("stem", TWO_HOSTS, ids=lambda path: path.name)
@pytest.mark.parametrize("ahead_s", [3.7, -3.7, 0.25])
def test_a_clock_that_is_wrong_is_told_and_set_right(stem: Path, ahead_s: float, tmp_path: Path) -> None:
    client, backend = (stem.with_name(f"{stem.name}.{host}.pcap") for host in ("client", "backend"))
    wrong = shifted(backend, ahead_s, tmp_path / "backend.pcap")
    right, set_right = pcapdiag.analyze([client, backend]), pcapdiag.analyze([client, wrong])
    ((offset_ns, error_ns),) = set_right.traffic.clock_offsets_ns.values()
    # The lab's hosts share one clock.
    assert abs(offset_ns / 1e9 - ahead_s) <= error_ns / 1e9
    assert told([client, wrong]) == told([client, backend])
    assert counted(set_right) == counted(right)
    (skew,) = (f for f in set_right.findings if f.cause.name == "capture-clock-skew")
    assert skew.facts["error_s"] > 0 and abs(skew.facts["offset_s"] - ahead_s) <= skew.facts["error_s"]  # type: ignore[operator]


@pytest.mark.parametrize("stem", TWO_HOSTS, ids=lambda path: path.name)
def test_three_hosts_tell_what_the_one_in_the_middle_tells(stem: Path) -> None:
    files = [stem.with_name(f"{stem.name}{host}.pcap") for host in (".client", "", ".backend")]
    assert told(files) == told(files[1:2])


@pytest.mark.parametrize("stem", TWO_HOSTS, ids=lambda path: path.name)
def test_only_and_ignore_choose_what_is_shown_and_leave_the_account(stem: Path) -> None:
    capture = stem.with_name(f"{stem.name}.pcap")
    everything = pcapdiag.analyze(capture)
    names = sorted({finding.cause.name for finding in everything.findings})
    only, ignore = pcapdiag.analyze(capture, only=names[:1]), pcapdiag.analyze(capture, ignore=names[:1])
    assert {finding.cause.name for finding in only.findings} == {names[0]}
    assert {finding.cause.name for finding in ignore.findings} == set(names[1:])
    for chosen in (only, ignore):
        assert counted(chosen) == counted(everything)
