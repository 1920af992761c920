from __future__ import annotations

import re

from pcapdiag.cli.version import version_text


def test_each_kernel_is_named_with_the_start_of_its_digest() -> None:
    first, *kernels = version_text().splitlines()
    assert first.startswith("pcapdiag ")
    assert kernels and all(re.fullmatch(r"  \w+/_\w+_cy\.py [0-9a-f]{12}", line) for line in kernels)
