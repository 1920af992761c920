"""``pcapdiag completion bash|zsh|fish``: the script that teaches a shell our options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class


@click.command(short_help="Print a shell's completion script.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script of SHELL.

    For example: pcapdiag completion bash > ~/.local/share/bash-completion/completions/pcapdiag
    """
    maker = get_completion_class(shell)
    assert maker is not None  # click knows all three
    group = ctx.find_root().command
    click.echo(maker(group, {}, "pcapdiag", "_PCAPDIAG_COMPLETE").source())
