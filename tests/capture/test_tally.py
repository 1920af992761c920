"""A fresh tally gives way to any record."""

from __future__ import annotations

from pcapdiag.capture import tally


def test_any_time_replaces_those_of_a_fresh_tally():
    fresh = tally.new_tally()
    assert fresh[tally.FIRST_NS] == 2**63 - 1
    assert fresh[tally.LAST_NS] == fresh[tally.PREVIOUS_NS] == tally.UNSET_NS == -(2**63)
    assert fresh[tally.PACKETS] == fresh[tally.DROP_COUNTS] == 0
