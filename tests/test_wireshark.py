"""tshark sees the same TCP packets and gives them the same tcp.analysis flags."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.wireshark import ROOT, differences, names, of_tshark

CAPTURES = sorted((ROOT / "captures").rglob("*.pcap*"))

#: Of all packets of all captures, how many may be flagged otherwise; docs/wireshark.md says which and why.
TOLERATED = 0.001

#: Of one capture's, where a single disagreement is much.
TOLERATED_IN_ONE = 0.05

Compared = dict[Path, tuple[int, list[tuple[int, int, int]]]]


@pytest.fixture(scope="module")
def compared(pytestconfig: pytest.Config) -> Compared:
    """capture -> (packets, [(frame, tshark's flags, ours)] where they differ).

    tshark takes a fifth of a second to begin, so what it said of a capture is kept until the capture, or
    tshark, is another.
    """
    if shutil.which("tshark") is None:
        pytest.skip("tshark is not installed")
    version = subprocess.run(["tshark", "--version"], capture_output=True, check=False).stdout.split(b"\n")[0]
    kept = pytestconfig.cache

    def compare(path: Path) -> tuple[int, list[tuple[int, int, int]]]:
        key = f"wireshark/{hashlib.sha256(version + path.read_bytes()).hexdigest()}"
        theirs = kept.get(key, None) if kept else None
        if theirs is None:
            theirs = list(of_tshark(path).items())
            if kept:
                kept.set(key, theirs)
        return differences(path, dict(theirs))

    with ThreadPoolExecutor() as pool:
        return dict(zip(CAPTURES, pool.map(compare, CAPTURES), strict=True))


def test_there_are_captures_to_compare() -> None:
    assert len(CAPTURES) > 50


def test_the_same_packets_are_tcp(compared: Compared) -> None:
    unseen = [
        (path.name, frame, a, b) for path, (_, d) in compared.items() for frame, a, b in d if min(a, b) < 0
    ]
    assert unseen == []


def test_the_flags_are_the_same(compared: Compared) -> None:
    packets = sum(count for count, _ in compared.values())
    differing = [
        f"{path.name} frame {frame}: tshark {names(a)}, pcapdiag {names(b)}"
        for path, (_, frames) in compared.items()
        for frame, a, b in frames
    ]
    assert len(differing) <= TOLERATED * packets, "\n".join(differing)


def test_no_capture_hides_its_differences_behind_the_others(compared: Compared) -> None:
    worst = {path.name: len(d) / max(count, 1) for path, (count, d) in compared.items()}
    assert {name: share for name, share in worst.items() if share > TOLERATED_IN_ONE} == {}
