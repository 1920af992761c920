"""The few exceptions a user can meet; the command line prints each as one line."""

from __future__ import annotations

from pcapdiag import words


class PcapdiagError(Exception):
    """Something a user can act on. Exit code 2."""


class CaptureError(PcapdiagError):
    """The input cannot be read as a capture: names the file, where in it, and what was expected."""

    def __init__(self, path: str, problem: str, offset: int | None = None) -> None:
        self.path = path
        self.problem = problem
        self.offset = offset
        where = f" at byte {offset:,}" if offset is not None else ""
        super().__init__(f"{words.file_path(path)}: {problem}{where}")


class NotBuiltError(PcapdiagError):
    """A kernel was imported uncompiled."""
