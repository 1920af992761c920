"""The reasons a walk can stop for are told apart."""

from __future__ import annotations

from pcapdiag.capture import stop


def test_every_reason_has_its_own_number():
    slots = {stop.AT, stop.REASON, stop.NEED}
    reasons = [
        value for name, value in vars(stop).items() if name.isupper() and name not in ("AT", "REASON", "NEED")
    ]
    assert slots == {0, 1, 2}
    assert sorted(reasons) == list(range(len(reasons)))
