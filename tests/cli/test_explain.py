from __future__ import annotations

from click.testing import CliRunner, Result

from pcapdiag.causes.catalogue import catalogue
from pcapdiag.cli import main


def explain(*args: str) -> Result:
    return CliRunner().invoke(main, ["explain", *args])


def test_a_cause_is_its_docs_page() -> None:
    said = explain("backend-reset").stdout
    assert said.startswith("backend-reset  (error; backend, status")
    assert "What the wire shows\n" in said and "What to do\n" in said
    assert said.rpartition("Why it is none of these\n")[2].startswith(
        "    keepalive-race: the backend had ack"
    )


def test_a_status_lists_its_causes() -> None:
    said = explain("502").stdout
    assert "\nbackend-reset " in said and "pcapdiag explain CAUSE" in said


def test_without_a_name_every_cause_is_a_line() -> None:
    assert [line.split()[0] for line in explain().stdout.splitlines()] == list(catalogue())


def test_all_of_them() -> None:
    said = explain("--all").stdout
    assert all(f"{name}  (" in said for name in catalogue())


def test_what_nobody_knows_is_one_line() -> None:
    for args, said in (
        (["backend-rest"], "did you mean backend-reset"),
        (["299"], "no cause in the catalogue ends in"),
    ):
        result = explain(*args)
        assert result.exit_code == 2 and said in result.stderr and result.stderr.count("\n") == 1


def test_all_and_one_cannot_both_be_meant() -> None:
    result = explain("502", "--all")
    assert result.exit_code == 2 and result.stderr.count("\n") == 1
