"""Files written whole or not at all, and how far reading has come."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from pcapdiag.errors import PcapdiagError

BAR_FROM_BYTES = 50_000_000
BAR_CELLS = 30
BAR_EVERY_S = 0.1


@contextmanager
def whole_file(path: Path) -> Iterator[BinaryIO]:
    """A file that appears under `path` only when the block ends well; devices and pipes are written to."""
    path = path.resolve()
    if path.exists() and not path.is_file():
        try:
            with path.open("wb") as stream:
                yield stream
        except BrokenPipeError:  # a reader of ours has read enough
            raise
        except OSError as error:
            raise _named(path, error, path) from None
        return
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    check_folder(path)
    try:
        with unfinished.open("wb") as stream:
            yield stream
        unfinished.replace(path)
    except OSError as error:
        _forget(unfinished)
        raise _named(path, error, unfinished) from None
    except BaseException:
        _forget(unfinished)
        raise


def _named(path: Path, error: OSError, opened: Path) -> Exception:
    """The error with the name of what was written; one of what is read meanwhile names that itself."""
    if error.filename not in (None, str(opened)):
        return error
    return PcapdiagError(f"{path}: {(error.strerror or str(error)).lower()}")


def _forget(path: Path) -> None:
    with contextlib.suppress(OSError):
        path.unlink(missing_ok=True)


def check_no_input(output: str, captures: tuple[str, ...]) -> None:
    """Refuse to write over a capture that is read."""
    path = Path(output)
    for capture in captures:
        if (
            "-" not in (output, capture)
            and path.is_file()
            and Path(capture).exists()
            and path.samefile(capture)
        ):
            raise PcapdiagError(f"{output}: this is the capture that is read; choose another name")


def check_folder(path: Path) -> None:
    """Refuse a file in no folder, by the name the user gave it."""
    if not path.parent.is_dir():
        raise PcapdiagError(f"{path}: {path.parent} is no folder")


def progress_line(captures: tuple[str, ...], wanted: bool) -> Callable[[int], None] | None:
    """What draws a progress bar on stderr, if that is a terminal and there is much to read."""
    if not wanted or not sys.stderr.isatty():
        return None
    sizes = [Path(name).stat().st_size for name in captures if name != "-" and Path(name).is_file()]
    if sum(sizes) < BAR_FROM_BYTES:
        return None
    return Bar(sum(sizes))


class Bar:
    """One line on stderr, drawn over itself a few times a second and wiped at the end."""

    def __init__(self, total_bytes: int) -> None:
        self.total_bytes = total_bytes
        self._drawn_at = 0.0

    def __call__(self, done_bytes: int) -> None:
        if done_bytes >= self.total_bytes:
            self.wipe()
            return
        now = time.monotonic()
        if now - self._drawn_at < BAR_EVERY_S:
            return
        self._drawn_at = now
        bar = ("#" * (BAR_CELLS * done_bytes // self.total_bytes)).ljust(BAR_CELLS, ".")
        percent = 100 * done_bytes // self.total_bytes
        sys.stderr.write(f"\rreading [{bar}] {percent:3d} % of {self.total_bytes / 1e6:,.0f} MB")
        sys.stderr.flush()

    def wipe(self) -> None:
        sys.stderr.write("\r\x1b[K")
        sys.stderr.flush()
