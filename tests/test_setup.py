"""A machine without a C compiler is told so in one line."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def test_a_missing_compiler_is_one_line(tmp_path: Path) -> None:
    build = [sys.executable, "setup.py", "-q", "build_ext", "--force"]
    build += ["--build-lib", str(tmp_path), "--build-temp", str(tmp_path)]
    nowhere = {**os.environ, "CC": "/nowhere/cc"}
    ended = subprocess.run(build, capture_output=True, text=True, cwd=ROOT, env=nowhere)
    assert ended.returncode == 1
    said = ended.stderr.splitlines()[-1]
    assert said.startswith("pcapdiag: its kernels could not be compiled")
    assert "install a C compiler" in said and "/nowhere/cc" in said
    assert "Traceback" not in ended.stderr
