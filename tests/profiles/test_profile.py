"""The profile itself."""

from __future__ import annotations

import dataclasses

import pytest

from pcapdiag.profiles import NAMES, Profile, load_profile

UNITLESS = {
    "name",
    "long_poll_marks",
    "title",
    "own_server_names",
    "own_statuses",
    "client_closed_status",
    "backend_closed_status",
}
UNITS = ("_s", "_ms", "_bytes", "_per_connection", "_hops", "_warning", "_segments", "_factor")


def test_every_field_has_its_unit_in_its_name() -> None:
    names = {field.name for field in dataclasses.fields(Profile)} - UNITLESS
    assert [name for name in names if not name.endswith(UNITS)] == []


@pytest.mark.parametrize("name", NAMES)
def test_each_leg_has_its_round_trip_budget(name: str) -> None:
    profile = load_profile(name)
    assert profile.rtt_budget_ms("frontend") > profile.rtt_budget_ms("backend") > 0
