"""``python -m tests.fuzz --seconds 600``: fuzz all targets in turn, and keep every input that broke one.

The work is done in a child process, so that a crash or a hang of a kernel is a finding like any other.
"""

from __future__ import annotations

import argparse
import faulthandler
import random
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

from tests.fuzz.targets import TARGETS

HANG_S = 60
ROUND = 25  # inputs of a target before the next has its turn


def work(names: list[str], seed: int, until: float, current: Path, done: Path) -> int:
    """Run inputs until time is up; 1 at the first that breaks its target, which then lies in `current`."""
    count = 0
    while time.time() < until:
        for name in names:
            make, target = TARGETS[name]
            for _ in range(ROUND):
                content = make(random.Random(seed * 1_000_003 + count))
                count += 1
                current.write_bytes(name.encode() + b"\n" + content)
                faulthandler.dump_traceback_later(HANG_S, exit=True)
                try:
                    target(content)
                except Exception:
                    traceback.print_exc()
                    return 1
                finally:
                    faulthandler.cancel_dump_traceback_later()
            done.write_text(str(count))
    return 0


def supervise(names: list[str], seconds: float, seed: int, keep: Path) -> int:
    """Start workers until time is up, each after a finding of the one before; returns the findings."""
    keep.mkdir(parents=True, exist_ok=True)
    began, inputs, broken = time.time(), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        current, done = Path(folder, "current"), Path(folder, "done")
        while time.time() - began < seconds:
            done.write_text("0")
            command = [
                sys.executable,
                "-X",
                "faulthandler",
                "-m",
                "tests.fuzz",
                "--worker",
                str(current),
                str(done),
            ]
            command += ["--until", str(began + seconds), "--seed", str(seed), "--target", *names]
            ended = subprocess.run(command, stderr=subprocess.PIPE, check=False)
            inputs += int(done.read_text() or 0)
            seed += 1
            if ended.returncode:
                broken += 1
                name, _, content = current.read_bytes().partition(b"\n")
                path = keep / f"{name.decode()}-{broken}.pcap"
                path.write_bytes(content)
                said = ended.stderr.decode(errors="replace")
                path.with_suffix(".txt").write_text(said)
                print(
                    f"{path}: {said.strip().splitlines()[-1] if said.strip() else ended.returncode}",
                    flush=True,
                )
    print(f"{inputs:,} inputs in {time.time() - began:.0f} s: {broken} broke a target")
    return broken


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--target", nargs="*", choices=sorted(TARGETS), default=list(TARGETS))
    parser.add_argument(
        "--keep", type=Path, default=Path("build/fuzz"), help="where inputs that broke one are kept"
    )
    parser.add_argument(
        "--replay", type=Path, nargs="*", help="run the whole report on these captures instead"
    )
    parser.add_argument("--worker", nargs=2, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--until", type=float, default=0, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        return work(args.target, args.seed, args.until, *args.worker)
    if args.replay:
        for path in args.replay:
            for target in dict.fromkeys(target for _, target in TARGETS.values()):
                target(path.read_bytes())
        return 0
    return 1 if supervise(args.target, args.seconds, args.seed, args.keep) else 0


if __name__ == "__main__":
    sys.exit(main())
