from __future__ import annotations

import pytest

from pcapdiag.cli.options import check_names, check_profile
from pcapdiag.errors import PcapdiagError


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("keepalive-rase", "did you mean keepalive-race?"),
        ("zzz", "choose one of backend-reset, keepalive-race"),
    ],
)
def test_an_unknown_name_is_answered_with_known_ones(given: str, said: str) -> None:
    with pytest.raises(PcapdiagError) as refused:
        check_names([given], ["keepalive-race", "backend-reset"], "cause")
    assert str(refused.value) == f"no cause named {given!r}: {said}"


def test_of_many_names_the_first_are_told_and_where_the_rest_is() -> None:
    with pytest.raises(PcapdiagError) as refused:
        check_names(["zzz"], [f"cause-{n}" for n in range(10)], "cause")
    assert str(refused.value).endswith("cause-4, cause-5 and 4 more ('pcapdiag explain' lists them)")


def test_no_profile_is_fine() -> None:
    check_profile(None)
    check_profile("aws")
