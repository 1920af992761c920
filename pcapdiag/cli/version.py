"""What ``pcapdiag --version`` says: the version, and which kernels run."""

from __future__ import annotations

import json
from pathlib import Path

import pcapdiag


def version_text() -> str:
    """``pcapdiag 0.1.0``, then one line a compiled kernel with the start of its source's SHA-256."""
    lines = [f"pcapdiag {pcapdiag.__version__}"]
    digests = Path(pcapdiag.__file__).with_name("_kernels.json")
    if digests.exists():
        kernels = json.loads(digests.read_text())
        lines += [
            f"  {name.removeprefix('pcapdiag/')} {digest[:12]}" for name, digest in sorted(kernels.items())
        ]
    return "\n".join(lines)
