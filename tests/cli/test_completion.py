from __future__ import annotations

import os

import pytest
from click.testing import CliRunner

from pcapdiag.cli import main


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_prints_the_script_of_a_shell(shell: str) -> None:
    result = CliRunner().invoke(main, ["completion", shell])
    assert result.exit_code == 0 and f"_PCAPDIAG_COMPLETE={shell}_complete" in result.stdout


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("re", "plain,report"),
        ("report pr", "file,pr"),
        ("exchanges pr", "file,pr"),
        ("report prod.pcap -o x", "file,x"),
        ("report prod.pcap --only keep", "plain,keepalive-race"),
        ("report --ignore mtu", "plain,mtu-blackhole"),
        ("connections --profile a", "plain,aws\nplain,alibaba"),
        ("extract prod.pcap --cause stale", "plain,stale-dns"),
        ("explain keep", "plain,keepalive-race"),
        ("explain 41", "plain,413\nplain,414"),
    ],
)
def test_a_shell_s_question_is_answered(typed: str, answer: str) -> None:
    words = f"pcapdiag {typed}"
    asked = {"COMP_WORDS": words, "COMP_CWORD": str(words.count(" ")), "_PCAPDIAG_COMPLETE": "bash_complete"}
    result = CliRunner().invoke(main, [], prog_name="pcapdiag", env=os.environ | asked)
    assert result.stdout == f"{answer}\n"
