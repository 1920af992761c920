from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

import pcapdiag
from pcapdiag.cli import COMMANDS, main


def test_help_lists_every_command() -> None:
    said = CliRunner().invoke(main, ["-h"]).stdout
    assert all(f"\n  {name} " in said for name in COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_explains_itself(command: str) -> None:
    result = CliRunner().invoke(main, [command, "-h"])
    assert result.exit_code == 0 and "Usage:" in result.stdout


def test_an_unknown_command_is_one_line() -> None:
    result = CliRunner().invoke(main, ["frobnicate"])
    assert result.exit_code == 2
    assert result.stderr == "pcapdiag: No such command 'frobnicate'. (see 'main -h')\n"


def test_the_version_names_the_kernels() -> None:
    said = CliRunner().invoke(main, ["--version"]).stdout.splitlines()
    assert said[0] == f"pcapdiag {pcapdiag.__version__}"
    assert any("_cy.py" in line for line in said[1:])


def test_the_version_does_not_import_numpy() -> None:
    code = "import sys; sys.argv = ['pcapdiag', '--version']\n" \
        "from pcapdiag.cli import main\ntry: main()\nexcept SystemExit: pass\n" \
        "print('numpy' in sys.modules)"  # fmt: skip
    ended = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=Path(__file__).parents[2]
    )
    assert ended.stdout.splitlines()[-1] == "False"


def test_the_process_ends_with_the_command_s_code_and_its_whole_output(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "pcapdiag", "explain"]
    whole = CliRunner().invoke(main, ["explain", "--all"]).stdout
    with (tmp_path / "out").open("wb") as out:
        assert subprocess.run([*command, "--all"], stdout=out).returncode == 0
    assert (tmp_path / "out").read_text() == whole
    wrong = subprocess.run([*command, "nonsense"], capture_output=True, text=True)
    assert (wrong.returncode, wrong.stdout, wrong.stderr.count("\n")) == (2, "", 1)


def test_ctrl_c_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("pcapdiag.cli.Commands.invoke", interrupted)
    result = CliRunner().invoke(main, ["explain"])
    assert (result.exit_code, result.stderr.strip()) == (130, "pcapdiag: interrupted")


def test_the_library_s_names_are_imported_on_first_use() -> None:
    assert all(getattr(pcapdiag, name) is not None for name in pcapdiag.__all__)
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        pcapdiag.nonsense  # noqa: B018


def test_called_without_a_command_it_prints_its_help() -> None:
    result = CliRunner().invoke(main, [])
    assert "Commands:" in result.output and "\\x0a" not in result.output
