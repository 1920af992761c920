"""Stop a run on kernels older than their sources: Python would silently run the old code."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parent.parent / "pcapdiag"


def pytest_sessionstart(session: pytest.Session) -> None:
    built = PACKAGE / "_kernels.json"
    digests = json.loads(built.read_text()) if built.exists() else {}
    stale = [
        source.name
        for source in PACKAGE.rglob("*_cy.py")
        if digests.get(str(source.relative_to(PACKAGE.parent)))
        != hashlib.sha256(source.read_bytes()).hexdigest()
    ]
    if stale:
        pytest.exit(f"stale kernels ({', '.join(sorted(stale))}): run `make build`", returncode=3)
