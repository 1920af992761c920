"""Runs an analysis in a process of its own, within bounds, and measures it."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.hostile.examine import report_of

ROOT = Path(__file__).resolve().parents[2]
HERE = "PCAPDIAG_ATTACKS_IN_THIS_PROCESS"
GUARD_BYTES = 4 << 30  # of address space: far above every bound, so that a test fails before the machine does


@dataclass
class Examined:
    """How an analysis went: what it reported, and what it took."""

    report: dict[str, Any]
    cpu_s: float
    peak_mb: float

    @property
    def counters(self) -> dict[str, int]:
        found: dict[str, int] = self.report["capture"]["counters"]
        return found


def examined(capture: Path, cpu_s: int = 30) -> Examined:
    """Analyse `capture`; killed when it takes longer than `cpu_s` of a processor.

    Under sanitizers, which want memory of their own, it is analysed in this process and not measured.
    """
    if os.environ.get(HERE):
        return Examined(report_of(capture), 0.0, 0.0)

    def bound() -> None:
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s + 1))
        resource.setrlimit(resource.RLIMIT_AS, (GUARD_BYTES, GUARD_BYTES))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    out = capture.with_suffix(".out")
    with out.open("wb") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.hostile.examine", str(capture)],
            stdout=stream, stderr=subprocess.PIPE, cwd=ROOT, preexec_fn=bound,
            env=os.environ | {"PYTHONPATH": str(ROOT), "OPENBLAS_NUM_THREADS": "1"},
        )  # fmt: skip
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, f"exit {process.returncode}: {said.decode(errors='replace')[-2000:]}"
    assert b"Traceback" not in said, said.decode(errors="replace")[-2000:]
    told = json.loads(out.read_text())
    return Examined(told["report"], used.ru_utime + used.ru_stime, told["peak_mb"])


def written(folder: Path, capture: bytes, name: str = "attack.pcap") -> Path:
    path = folder / name
    path.write_bytes(capture)
    return path


if __name__ == "__main__":  # python -m tests.hostile.bounded CAPTURE...
    for given in sys.argv[1:]:
        began = time.monotonic()
        done = examined(Path(given), 300)
        print(f"{given}: {done.cpu_s:.1f} s CPU, {time.monotonic() - began:.1f} s, {done.peak_mb:.0f} MB")
