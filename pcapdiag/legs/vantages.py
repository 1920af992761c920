"""Files that look like one rotated capture, but are the two legs by two clocks.

Files whose times follow one another are one capture (``tcpdump -G``), unless each holds one leg only: a
rotation does not sort connections by leg. Then the clocks of two hosts lie so far apart that the files only
seem to follow one another.
"""

from __future__ import annotations

from pcapdiag import tables as t
from pcapdiag.columns import among, distinct
from pcapdiag.traffic import Traffic


def part_vantages(traffic: Traffic) -> None:
    """Give files of the backend leg a vantage point of their own, where they belong to no rotation."""
    connections = traffic.connections
    new = max((file.vantage for file in traffic.files), default=0) + 1
    for vantage in {file.vantage for file in traffic.files}:
        members = [index for index, file in enumerate(traffic.files) if file.vantage == vantage]
        legs = {index: _legs_of(traffic, index) for index in members} if len(members) > 1 else {}
        backends = [index for index, seen in legs.items() if seen == {t.LEG_BACKEND}]
        fronts = [index for index, seen in legs.items() if seen == {t.LEG_FRONTEND}]
        if backends and fronts and len(backends) + len(fronts) == len(members) and new < 255:
            for index in backends:
                traffic.files[index].vantage = new
            connections["vantage"][among(connections["file"], backends)] = new
            new += 1


def _legs_of(traffic: Traffic, file: int) -> set[int]:
    """The legs of the exchanges on connections that begin in a file."""
    begun_here = traffic.connections["file"] == file
    carried = traffic.connections["exchanges"] > 0
    return set(distinct(traffic.leg[begun_here & carried & (traffic.leg != t.LEG_UNKNOWN)]).tolist())
