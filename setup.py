"""Compiles the kernels: every file whose name ends in ``_cy.py``, and nothing else.

Each kernel's SHA-256 is written into ``pcapdiag/_kernels.json`` at build, so that a test run can refuse a
stale build and ``pcapdiag --version`` can show what runs.
"""

import hashlib
import json
import os
import pathlib
import sys

from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_ext import build_ext
from setuptools.errors import BaseError, CCompilerError

ROOT = pathlib.Path(__file__).resolve().parent
KERNELS = sorted(p.relative_to(ROOT) for p in (ROOT / "pcapdiag").rglob("*_cy.py"))


class BuildKernels(build_ext):
    """build_ext that says in one line that a C compiler is missing, and records what it built."""

    def finalize_options(self):
        super().finalize_options()
        self.parallel = self.parallel or os.cpu_count()

    def run(self):
        try:
            super().run()
        except (BaseError, CCompilerError, OSError) as error:
            sys.exit(
                f"pcapdiag: its kernels could not be compiled ({error}): "
                "install a C compiler and Python's headers, e.g. apt install gcc python3-dev"
            )
        digests = {str(k): hashlib.sha256((ROOT / k).read_bytes()).hexdigest() for k in KERNELS}
        where = ROOT if self.inplace or self.editable_mode else pathlib.Path(self.build_lib)
        path = where / "pcapdiag" / "_kernels.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(digests, indent=1) + "\n")


setup(
    ext_modules=cythonize(
        [Extension(".".join(k.with_suffix("").parts), [str(k)]) for k in KERNELS],
        build_dir="build",
        language_level=3,
        compiler_directives={"boundscheck": True, "wraparound": False, "initializedcheck": False},
    ),
    cmdclass={"build_ext": BuildKernels},
)
