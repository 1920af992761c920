from __future__ import annotations

import pytest

from pcapdiag.report.printable import printable


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("GET /café", "GET /café"),
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("line\nbreak\r", "line\\x0abreak\\x0d"),
        ("\x9b31m", "\\x9b31m"),
        ("\u202etxt.exe", "\\u202etxt.exe"),
        ("\u2066x\u2069", "\\u2066x\\u2069"),
        ("a\u200bb\ufeff", "a\\u200bb\\ufeff"),
        ("\ud800", "\\ud800"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_only_what_is_plainly_visible_stays(text: str, shown: str) -> None:
    assert printable(text) == shown
