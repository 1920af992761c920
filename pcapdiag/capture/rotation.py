"""Which files are one rotated capture, and which were recorded at different places.

``tcpdump -C`` and ``-G`` begin a new file where the one before ended, so files whose times follow one another
are one capture, with one clock. Files that overlap in time must come from different vantage points, and
their clocks cannot be compared.

Only times tell: when several files are given, each is looked through beforehand, as far as needed.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import PurePath
from typing import BinaryIO, NamedTuple

from pcapdiag.capture.file import CaptureFile, Span
from pcapdiag.errors import CaptureError

#: Several receive queues may hand packets over a little out of order where one file ends and the next begins.
SLACK_NS = 1_000_000


class _Surveyed(NamedTuple):
    file: CaptureFile
    span: Span


def open_captures(paths: Sequence[str | os.PathLike[str] | BinaryIO]) -> list[CaptureFile]:
    """Open every file; sort by vantage point (in the order given), within one by time."""
    if sum(isinstance(path, str) and path == "-" for path in paths) > 1:
        raise CaptureError("-", "is given twice")
    files = [CaptureFile(path) for path in paths]
    if len(files) < 2:
        return files
    captures = [[member.file for member in chain] for chain in _chains(_survey(files))]
    placed = {id(file) for capture in captures for file in capture}
    for file in files:
        if id(file) not in placed:
            _place_unsurveyed(file, captures)
    captures.sort(key=lambda capture: min(files.index(file) for file in capture))
    for vantage, capture in enumerate(captures):
        for file in capture:
            file.info.vantage = vantage
    return [file for capture in captures for file in capture]


def _survey(files: list[CaptureFile]) -> list[_Surveyed]:
    """The files that have times, by their first. How long the last of them goes on does not matter."""
    begun = [(file, span) for file in files if (span := file.span(until_ns=-(2**63)))]
    begun.sort(key=lambda pair: pair[1].first_ns)
    if not begun:
        return []
    latest_first_ns = begun[-1][1].first_ns + SLACK_NS
    whole = [_Surveyed(file, file.span(until_ns=latest_first_ns) or span) for file, span in begun[:-1]]
    return sorted([*whole, _Surveyed(*begun[-1])], key=lambda member: member.span.first_ns)


def _chains(surveyed: list[_Surveyed]) -> list[list[_Surveyed]]:
    """Append each file to a chain that ends before it begins, or begin a chain with it."""
    chains: list[list[_Surveyed]] = []
    for member in surveyed:
        fitting = [chain for chain in chains if _follows(chain[-1], member)]
        if fitting:
            max(fitting, key=lambda chain: _closeness(chain[-1], member)).append(member)
        else:
            chains.append([member])
    return chains


def _follows(before: _Surveyed, member: _Surveyed) -> bool:
    """A rotation changes neither the clock nor the link type."""
    return (
        before.span.last_ns <= member.span.first_ns + SLACK_NS
        and before.span.links == member.span.links
        and before.span.first_ns < member.span.first_ns
    )


def _closeness(before: _Surveyed, member: _Surveyed) -> tuple[bool, int]:
    """Of two captures rotated at the same time, the one with our kind of name; then the one just ended."""
    return _stem(before.file) == _stem(member.file), before.span.last_ns


def _stem(file: CaptureFile) -> tuple[PurePath, str]:
    """The name without what a rotation changes in it: numbers, be they counts or times."""
    path = PurePath(file.path)
    return path.parent, re.sub(r"\d+", "", path.name)


def _place_unsurveyed(file: CaptureFile, captures: list[list[CaptureFile]]) -> None:
    """A file without packets joins a capture, as it adds nothing; a pipe is a vantage point of its own."""
    if file.size is None or not captures:
        captures.append([file])
        return
    of_this_name = [capture for capture in captures if _stem(capture[0]) == _stem(file)]
    (of_this_name or captures)[0].append(file)
