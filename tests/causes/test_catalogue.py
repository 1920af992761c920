"""The catalogue: what it finds, and what every cause in it must have."""

from __future__ import annotations

from types import ModuleType

import pytest

from pcapdiag.causes import catalogue as framework
from pcapdiag.causes.catalogue import HEADINGS, SUMMARY, catalogue, causes_of_status, sections
from pcapdiag.causes.cause import Cause

CAUSES = sorted(catalogue().items())


@pytest.mark.parametrize(("name", "module"), CAUSES, ids=[name for name, _ in CAUSES])
class TestEveryCause:
    def test_is_named_as_its_module(self, name: str, module: ModuleType) -> None:
        assert name == module.CAUSE.name
        assert module.__name__.rpartition(".")[2] == name.replace("-", "_")

    def test_has_a_docs_page(self, name: str, module: ModuleType) -> None:
        page = sections(module)
        assert set(HEADINGS[:3]) <= set(page)
        assert all(page.values())
        assert "\n" not in page[SUMMARY]

    def test_has_a_detector(self, name: str, module: ModuleType) -> None:
        assert callable(module.find)

    def test_outranks_causes_that_exist_and_never_itself(self, name: str, module: ModuleType) -> None:
        assert set(module.CAUSE.outranks) <= set(catalogue()) - {name}

    def test_is_called_something_else_on_the_backend_leg(self, name: str, module: ModuleType) -> None:
        assert module.CAUSE.on_backend in {"", *catalogue()} - {name}

    def test_says_what_it_could_be_mistaken_for_and_is_not(self, name: str, module: ModuleType) -> None:
        others = [other for other, _ in module.CAUSE.mistaken_for]
        assert 1 <= len(others) <= 3 and set(others) <= set(catalogue()) - {name}
        assert all(reason and not reason.endswith(".") for _, reason in module.CAUSE.mistaken_for)

    def test_is_on_known_legs(self, name: str, module: ModuleType) -> None:
        assert set(module.CAUSE.legs) <= {"frontend", "backend", ""}


def test_no_two_causes_outrank_each_other() -> None:
    below = {name: set(module.CAUSE.outranks) for name, module in catalogue().items()}
    for name in below:
        seen: set[str] = set()
        frontier = set(below[name])
        while frontier:
            seen |= frontier
            frontier = set().union(*(below.get(other, set()) for other in frontier)) - seen
        assert name not in seen


def test_modules_without_a_cause_are_no_causes() -> None:
    assert framework.__name__ not in {module.__name__ for module in catalogue().values()}


def test_causes_of_a_status_can_all_end_in_it() -> None:
    assert all(502 in module.CAUSE.statuses for module in causes_of_status(502))
    assert causes_of_status(299) == []


def test_sections_keep_paragraphs_and_drop_the_margin() -> None:
    module = ModuleType("drawn")
    module.__doc__ = "Summary line.\n\nWhat to do\n    One.\n\n    Two:\n        indented\n"
    module.CAUSE = Cause("drawn", 1, ())  # type: ignore[attr-defined, arg-type]
    assert sections(module) == {SUMMARY: "Summary line.", "What to do": "One.\n\nTwo:\n    indented"}
