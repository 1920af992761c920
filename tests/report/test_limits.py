from __future__ import annotations

import dataclasses

import pytest

from pcapdiag.causes.catalogue import catalogue
from pcapdiag.profiles import Profile, load_profile
from pcapdiag.report.limits import limits, used_by


@pytest.mark.parametrize(
    ("cause", "leg", "names"),
    [
        ("keepalive-race", "backend", {"backend_idle_timeout_s"}),
        ("frontend-packet-loss", "frontend", {"loss_rate_warning", "loss_min_segments"}),
        ("backend-high-rtt", "backend", {"backend_rtt_budget_ms", "rtt_factor"}),
        ("frontend-high-rtt", "frontend", {"frontend_rtt_budget_ms", "rtt_factor"}),
        ("backend-response-timeout", "backend", {"backend_response_timeout_s"}),
        ("backend-reset", "backend", set()),
    ],
)
def test_a_detector_s_limits_are_those_its_code_reads(cause: str, leg: str, names: set[str]) -> None:
    assert used_by(catalogue()[cause], leg) - {"title", "name"} == names


def test_limits_are_the_profile_s_numbers_in_words() -> None:
    everything = dict(limits(load_profile("aws")))
    assert everything["ALB idle timeout to backends"] == "60 s"
    assert everything["loss worth a warning, from"] == "1 %"


def test_no_limit_is_shown_by_the_name_of_its_field() -> None:
    numbers = [field for field in dataclasses.fields(Profile) if "str" not in str(field.type)]
    profile = load_profile("aws")
    marked = dataclasses.replace(profile, **{f.name: 1 for f in numbers if f.name != "own_statuses"})
    assert not [words for words, _ in limits(marked) if words.endswith(("warning", "factor", "segments"))]
