"""Files that seem to follow one another, and yet hold the same packets: two hosts whose clocks lie far apart.

By their times such files look like one rotated capture. Read so, every connection of the second would be one
long retransmission of the first. A server that sends payload has had its handshake completed and repeats its
SYN-ACK no more: a SYN-ACK and payload after it that stand in both files were recorded twice.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from pcapdiag import tables as t
from pcapdiag.capture import CaptureFile
from pcapdiag.packets import Decoder

_ENDS = ("src_hi", "src_lo", "dst_hi", "dst_lo", "src_port", "dst_port")
_MOST_VANTAGES = 255


def part_copies(files: Sequence[CaptureFile]) -> None:
    """Give a vantage point of its own to each file that repeats packets of the one it seems to follow.

    Looks at the beginning of each file only, and at none that cannot be read again.
    """
    if len(files) < 2:
        return
    new = max(file.info.vantage for file in files) + 1
    for vantage in sorted({file.info.vantage for file in files}):
        chain = [file for file in files if file.info.vantage == vantage]
        same = _Seen()
        for place, file in enumerate(chain if len(chain) > 1 else []):
            packets = _beginning(file)
            if same.repeated_by(packets) and new < _MOST_VANTAGES:
                for follower in chain[place:]:
                    follower.info.vantage = new
                new += 1
                same = _Seen()
            same.add(packets)


def _beginning(file: CaptureFile) -> np.ndarray:
    """The SYN-ACKs and the packets with payload of a file's first batch."""
    for batch in file.reread(1, 1) if file.on_disk else ():
        packets = Decoder().decode(batch.data, batch.records, 1)
        said = (packets["flags"] & (t.SYN | t.ACK)) == t.SYN | t.ACK
        said |= packets["payload_len"] > 0
        return packets[said & (packets["kind"] == t.KIND_TCP)]
    return np.zeros(0, t.Packet)


class _Seen:
    """The SYN-ACKs of servers, and what those said, in the beginnings of some files."""

    def __init__(self) -> None:
        self._openings: set[tuple[tuple[int, ...], int, int]] = set()
        self._answers: set[tuple[tuple[int, ...], int]] = set()

    def add(self, packets: np.ndarray) -> None:
        self._openings |= _openings(packets)
        self._answers |= _answers(packets)

    def repeated_by(self, packets: np.ndarray) -> bool:
        """Whether some server's SYN-ACK and payload stand here again."""
        spoke = {ends for ends, _ in self._answers & _answers(packets)}
        return any(ends in spoke for ends, _, _ in self._openings & _openings(packets))


def _openings(packets: np.ndarray) -> set[tuple[tuple[int, ...], int, int]]:
    rows = packets[(packets["flags"] & t.SYN) != 0]
    return {(row[:-2], *row[-2:]) for row in rows[[*_ENDS, "seq", "ack"]].tolist()}


def _answers(packets: np.ndarray) -> set[tuple[tuple[int, ...], int]]:
    opened = {ends for ends, _, _ in _openings(packets)}
    rows = packets[packets["payload_len"] > 0]
    return {(row[:-1], row[-1]) for row in rows[[*_ENDS, "seq"]].tolist() if row[:-1] in opened}
