"""How long a report takes beside tcpdump and tshark reading the same capture, in one run.

    python -m tests.benchmarks                        a workload made from a capture of this repository
    python -m tests.benchmarks --capture big.pcap     a capture of yours
    python -m tests.benchmarks --seed s.pcap --packets 2000000

The commands take turns, so that a change of the machine's speed meets them all; the medians are reported.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
SEED = ROOT / "captures" / "healthy" / "haproxy-mix.pcap"


def run(command: list[str], folder: str) -> tuple[float, float]:
    """(wall seconds, peak resident MB) of one run of a whole process."""
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(command)} ended with {process.returncode}")
    return time.perf_counter() - began, usage.ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks")
    parser.add_argument("--capture", type=Path, help="time this capture instead of a made one")
    parser.add_argument("--seed", type=Path, default=SEED, help="make the workload out of this capture")
    parser.add_argument("--packets", type=int, default=500_000)
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--no-tshark", action="store_true", help="leave the slow peer out")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        capture = args.capture.resolve() if args.capture else Path(folder, "workload.pcap")
        if not args.capture:
            from tests.benchmarks.workload import write_workload

            write_workload(args.seed, capture, args.packets)
        commands = {
            "pcapdiag report": [sys.executable, "-m", "pcapdiag", "report", str(capture)],
            "tcpdump -w /dev/null": ["tcpdump", "-r", str(capture), "-w", "/dev/null"],
            "tshark -q -z expert": ["tshark", "-q", "-z", "expert", "-r", str(capture)],
        }
        if args.no_tshark:
            del commands["tshark -q -z expert"]
        os.environ["PYTHONPATH"] = str(ROOT)
        seconds: dict[str, list[float]] = {name: [] for name in commands}
        peak = dict.fromkeys(commands, 0.0)
        for turn in range(args.runs + 1):
            for name, command in commands.items():
                took, memory = run(command, folder)
                peak[name] = max(peak[name], memory)
                if turn:  # the first turn warms the page cache
                    seconds[name].append(took)
        print(f"{capture.name}: {capture.stat().st_size / 1e6:,.0f} MB, {args.runs} runs in turn")
        ours = seconds["pcapdiag report"]
        for name, times in seconds.items():
            ratio = statistics.median(a / b for a, b in zip(ours, times, strict=True))
            print(
                f"{name:24} median {statistics.median(times):7.3f} s"
                f"  (min {min(times):.3f}, max {max(times):.3f})"
                f"  peak {peak[name]:6.0f} MB  pcapdiag takes {ratio:.2f} x"
            )


if __name__ == "__main__":
    main()
