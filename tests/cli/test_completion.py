from __future__ import annotations

import os

import pytest
from click.testing import CliRunner

from pcapdiag.cli import main


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_prints_the_script_of_a_shell(shell: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0 and f"_PCAPDIAG_COMPLETE={shell}_complete" in result.stdout


def test_a_shell_s_question_is_answered() -> None:
    asked = {"_PCAPDIAG_COMPLETE": "bash_complete", "COMP_WORDS": "pcapdiag re", "COMP_CWORD": "1"}
    result = CliRunner().invoke(main, [], prog_name="pcapdiag", env=os.environ | asked)
    assert result.stdout == "plain,report\n"
