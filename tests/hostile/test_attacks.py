"""Every named attack ends in a report, within a stated time and memory, and what was dropped is counted.

The bounds are of the whole of it: reading, judging, and a report in every format. They are generous to slow
machines in time (docs/limits.md has what was measured); in memory they are meant.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from tests.hostile import attacks
from tests.hostile.bounded import Examined, examined, written
from tests.hostile.examine import report_of


class Within(NamedTuple):
    cpu_s: int
    peak_mb: int


def run(folder: Path, capture: bytes, within: Within) -> Examined:
    done = examined(written(folder, capture), within.cpu_s)
    assert done.peak_mb < within.peak_mb
    return done


def rows(done: Examined) -> list[list[object]]:
    found: list[list[object]] = done.report["exchange_rows"]
    return found


@pytest.mark.parametrize("batch", range(4))
def test_lengths_that_lie(tmp_path: Path, batch: int) -> None:
    for number, capture in enumerate(attacks.lying_lengths()[batch::4]):
        report = report_of(written(tmp_path, capture, f"{number}.pcap"))
        if "refused" not in report:
            assert report["sizes"]["connections"] <= 2


def test_a_lie_about_a_length_in_a_process_of_its_own(tmp_path: Path) -> None:
    for capture in attacks.lying_lengths()[1:10:4]:
        run(tmp_path, capture, Within(20, 120))


def test_a_tunnel_in_a_tunnel_ten_thousand_deep(tmp_path: Path) -> None:
    done = run(tmp_path, attacks.deep_tunnels(), Within(20, 250))
    assert done.counters["too_deep"] == done.counters["records"] == 1000
    assert done.report["sizes"]["connections"] == 0


def test_loops_of_ipv6_extension_headers(tmp_path: Path) -> None:
    done = run(tmp_path, attacks.extension_loops(), Within(20, 120))
    skipped = sum(
        done.counters[name] for name in ("other_ip", "malformed", "too_deep", "protected", "fragments")
    )
    assert skipped == done.counters["records"] == 400


def test_overlapping_segments_with_other_bytes_are_read_once(tmp_path: Path) -> None:
    done = run(tmp_path, attacks.overlapping(), Within(20, 150))
    assert rows(done)[0] == ["GET", "/", 200]
    assert done.report["sizes"]["connections"] == 1


def test_a_million_half_open_connections(tmp_path: Path) -> None:
    done = run(tmp_path, attacks.half_open(), Within(60, 700))
    assert done.report["sizes"]["connections"] == 1_000_000
    assert done.counters["evicted_connections"] > 800_000


def test_a_million_half_open_connections_from_a_few_addresses(tmp_path: Path) -> None:
    done = run(tmp_path, attacks.half_open_from_few(), Within(60, 550))
    assert done.report["sizes"]["connections"] == 1_000_000


def test_two_hundred_thousand_connections_that_all_fail(tmp_path: Path) -> None:
    done = run(tmp_path, attacks.failing_connections(), Within(30, 350))
    assert len(done.report["findings"][0]["evidence"]) <= 20


def test_a_million_tiny_segments_out_of_order_on_one_connection(tmp_path: Path) -> None:
    done = run(tmp_path, attacks.tiny_out_of_order(), Within(60, 250))
    assert done.counters["stash_overflows"] > 0 and done.counters["events_dropped"] > 0


def test_a_header_that_never_ends(tmp_path: Path) -> None:
    done = run(tmp_path, attacks.endless_header(), Within(20, 250))
    assert done.report["sizes"]["exchanges"] == 2


def test_chunk_sizes_and_lengths_of_two_to_the_64(tmp_path: Path) -> None:
    done = run(tmp_path, attacks.vast_numbers(), Within(20, 120))
    assert done.report["sizes"]["exchanges"] == 16
    assert all(method == "GET" and status == 200 for method, _, status in rows(done))


def test_sequence_numbers_that_wrap_around(tmp_path: Path) -> None:
    done = run(tmp_path, attacks.wraparound(), Within(20, 120))
    assert rows(done) == [["GET", "/", 200]] * 3
    assert done.report["findings"] == []


def test_time_that_runs_backwards(tmp_path: Path) -> None:
    done = run(tmp_path, attacks.backwards(), Within(30, 260))
    assert "capture-reordered" in {finding["cause"] for finding in done.report["findings"]}


@pytest.mark.parametrize("number", range(11))
def test_timestamps_of_1970_and_2106_and_beyond(tmp_path: Path, number: int) -> None:
    report = report_of(written(tmp_path, attacks.ends_of_time()[number]))
    assert report["sizes"]["connections"] >= 1
    if number < 2:
        assert report["exchange_rows"] == [["GET", "/", 200]]
        assert report["capture"]["first"][:4] == ("1970", "2106")[number]
        assert report["findings"] == []


@pytest.mark.parametrize("kind", ["zstd", "xz", "gzip", "bz2", "gzip in gzip"])
def test_a_compressed_bomb(tmp_path: Path, kind: str) -> None:
    bombs = attacks.bombs(300)
    done = run(tmp_path, bombs[kind], Within(40, 200))
    if kind == "gzip in gzip":
        assert "is not a capture inside gzip" in done.report["refused"]
    else:
        assert done.report["capture"]["packets"] > 0 or done.report["capture"]["files"][0]["damage"]


def test_a_million_pipelined_requests(tmp_path: Path) -> None:
    done = run(tmp_path, attacks.pipelined(), Within(40, 350))
    assert done.report["sizes"]["exchanges"] == 1_000_000
    assert done.report["sizes"]["html"] < 2_000_000


def test_three_hundred_thousand_hosts_and_targets(tmp_path: Path) -> None:
    done = run(tmp_path, attacks.distinct_targets(), Within(30, 300))
    assert done.report["sizes"]["exchanges"] == 300_000
    assert rows(done)[1][1] == "/000001"


def test_a_hundred_thousand_server_headers(tmp_path: Path) -> None:
    done = run(tmp_path, attacks.distinct_servers(), Within(20, 150))
    assert done.report["legs"]["frontend"]["statuses"] == {"204": 100_000}


def test_examined_says_when_an_analysis_is_too_slow(tmp_path: Path) -> None:
    capture = written(tmp_path, attacks.half_open(400_000))
    with pytest.raises(AssertionError, match="exit -"):
        examined(capture, 1)
