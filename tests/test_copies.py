"""Files that repeat one another's packets are two hosts', however far apart their clocks."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from pcapdiag.capture import open_captures
from pcapdiag.copies import part_copies
from tests.test_captures import CAPTURES
from tests.test_vantages import TWO_HOSTS, shifted, told


def vantages(files: list[Path]) -> list[int]:
    captures = open_captures(files)
    part_copies(captures)
    return [capture.info.vantage for capture in captures]


@pytest.mark.parametrize("stem", TWO_HOSTS, ids=lambda path: path.name)
def test_hosts_whose_clocks_lie_a_whole_capture_apart_are_no_rotation(stem: Path, tmp_path: Path) -> None:
    alb = stem.with_name(f"{stem.name}.pcap")
    client = shifted(stem.with_name(f"{stem.name}.client.pcap"), -3600, tmp_path / "client.pcap")
    backend = shifted(stem.with_name(f"{stem.name}.backend.pcap"), 3600, tmp_path / "backend.pcap")
    assert vantages([client, alb, backend]) == [0, 1, 2]
    assert told([client, alb, backend]) == told([alb])


@pytest.mark.skipif(not shutil.which("editcap"), reason="needs editcap")
@pytest.mark.parametrize(
    "cause", ["backlog-overflow", "mtu-blackhole", "keepalive-race", "backend-packet-loss"]
)
def test_repeats_across_the_files_of_a_rotation_are_no_copies(cause: str, tmp_path: Path) -> None:
    capture = next(
        path for path in sorted((CAPTURES / cause).glob("nginx-*.pcap")) if path.name.count(".") == 1
    )
    for packets in (20, 50):
        folder = tmp_path / str(packets)
        folder.mkdir()
        subprocess.run(["editcap", "-c", str(packets), capture, folder / "part.pcap"], check=True)
        parts = sorted(folder.iterdir())
        assert len(parts) > 2 and set(vantages(parts)) == {0}
        assert told(parts) == told([capture])
