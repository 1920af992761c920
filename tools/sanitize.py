"""Run the tests of the kernels, the attacks' small ones and the fuzz seeds on kernels built with sanitizers.

python tools/sanitize.py [PYTEST ARGUMENT ...]

The package is copied to a temporary folder and its kernels compiled there with AddressSanitizer and
UndefinedBehaviorSanitizer; a finding ends the run. Python itself is not instrumented, so AddressSanitizer's
library is loaded before it, and leaks of the interpreter are not looked for.
"""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
COPIED = ("pcapdiag", "tests", "captures", "tools", "setup.py", "pyproject.toml", "README.md", "LICENSE")
FLAGS = "-fsanitize=address,undefined -fno-sanitize-recover=undefined -fno-omit-frame-pointer -g -O1"
#: pytest, whose children (tshark, capinfos) are spared the preloaded library.
RUN = "import os, sys, pytest; os.environ.pop('LD_PRELOAD'); sys.exit(pytest.main(sys.argv[1:]))"
SELECTION = [
    "tests/capture", "tests/packets", "tests/tcp", "tests/http", "tests/legs", "tests/fuzz",
    "tests/hostile/test_attacks.py",
    "-k", "not million and not hundred and not bomb and not own and not slow and not standard_input",
]  # fmt: skip


def library(name: str) -> str:
    """Where the compiler keeps a sanitizer's library."""
    found = subprocess.run(["gcc", f"-print-file-name={name}"], capture_output=True, text=True, check=True)
    path = found.stdout.strip()
    if not pathlib.Path(path).is_absolute():
        sys.exit(f"gcc has no {name}: install its sanitizer libraries")
    return path


def main() -> int:
    with tempfile.TemporaryDirectory(prefix="pcapdiag-sanitize-") as folder:
        for name in COPIED:
            source, target = ROOT / name, pathlib.Path(folder, name)
            if source.is_dir():
                shutil.copytree(source, target, ignore=shutil.ignore_patterns("*.so", "__pycache__"))
            else:
                shutil.copy2(source, target)
        build = os.environ | {"CFLAGS": FLAGS, "LDFLAGS": "-fsanitize=address,undefined"}
        command = [sys.executable, "setup.py", "--quiet", "build_ext", "--inplace", "--parallel", "2"]
        subprocess.run(command, cwd=folder, env=build, check=True, stdout=subprocess.DEVNULL)
        run = os.environ | {
            "LD_PRELOAD": f"{library('libasan.so')} {library('libubsan.so')}",
            "ASAN_OPTIONS": "detect_leaks=0:allocator_may_return_null=1",
            "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1",
            "PYTHONMALLOC": "malloc",  # so that overruns of Python's own small blocks are seen
            "PYTHONPATH": folder,
            "PCAPDIAG_ATTACKS_IN_THIS_PROCESS": "1",
        }
        chosen = sys.argv[1:] or SELECTION
        tests = [sys.executable, "-c", RUN, "-q", "--capture=sys", "-p", "no:cacheprovider", *chosen]
        return subprocess.run(tests, cwd=folder, env=run, check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
