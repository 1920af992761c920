"""The ``pcapdiag`` command: thin commands, each imported when it is called; the only place that prints.

Whatever goes wrong that a user can act on ends as one line on stderr and an exit code: 2 for wrong use,
unreadable input or an output that cannot be written, 130 after Ctrl-C. A reader that closes the pipe early
(``| head``) is no error.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from pcapdiag.errors import PcapdiagError

#: Command -> the module that holds it, as a function of the same name.
COMMANDS = {
    "report": "pcapdiag.cli.report",
    "connections": "pcapdiag.cli.listing",
    "exchanges": "pcapdiag.cli.listing",
    "packets": "pcapdiag.cli.listing",
    "explain": "pcapdiag.cli.explain",
    "extract": "pcapdiag.cli.extract",
    "verify": "pcapdiag.cli.verify",
    "completion": "pcapdiag.cli.completion",
}
# NumPy's linear algebra starts a thread a core when it is imported; nothing here uses it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
# The reading and the tracking thread hand each other the interpreter for every batch; by default each would
# wait up to 5 ms for it.
sys.setswitchinterval(0.0002)

WRONG_USE = 2
NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO)
INTERRUPTED = 130


class Commands(click.Group):
    """A group that imports a command when it is called, and turns every expected failure into one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(COMMANDS[cmd_name]), cmd_name)
        return command

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # before click makes an exit code of it that would mean findings
            hush_stdout()
            return 0

    def main(self, args: Sequence[str] | None = None, *rest: Any, **named: Any) -> Any:
        named["standalone_mode"] = False
        try:
            code = super().main(args, *rest, **named)
            sys.stdout.flush()
        except click.UsageError as error:
            if error.ctx and error.format_message() == error.ctx.get_help():
                click.echo(error.format_message())  # called without a word: newer click raises its help
                sys.exit(WRONG_USE)
            where = error.ctx.command_path if error.ctx else "pcapdiag"
            fail(f"{' '.join(error.format_message().split())} (see '{where} -h')")
        except (click.Abort, KeyboardInterrupt):
            fail("interrupted", INTERRUPTED)
        except BrokenPipeError:
            hush_stdout()
            sys.exit(0)
        except PcapdiagError as error:
            fail(str(error))
        except OSError as error:
            hush_stdout()
            # What is read, and what -o names, is told by its name before it comes here.
            name = error.filename or ("standard output" if error.errno in NO_ROOM else None)
            said = error.strerror or str(error)
            fail(f"{name}: {said.lower()}" if name is not None else said)
        sys.exit(code if isinstance(code, int) else 0)


def fail(problem: str, code: int = WRONG_USE) -> NoReturn:
    """One line on stderr, and the end."""
    from pcapdiag.report.printable import printable

    sys.stderr.write(f"pcapdiag: {printable(problem)}\n")
    sys.exit(code)


def hush_stdout() -> None:
    """Let the interpreter's last flush of a closed pipe go nowhere."""
    with contextlib.suppress(OSError, ValueError):  # stdout is no real file: nothing is left to flush
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def show_version(ctx: click.Context, _param: click.Parameter, wanted: bool) -> None:
    if not wanted or ctx.resilient_parsing:
        return
    from pcapdiag.cli.version import version_text

    click.echo(version_text())
    ctx.exit()


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=show_version,
    help="Show the version and the digests of the compiled kernels.",
)  # fmt: skip
def main() -> None:
    """Say why HTTP requests through a load balancer failed, from a tcpdump capture."""
