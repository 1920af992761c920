"""What a load balancer may write otherwise on its other leg, and which strings are therefore the same.

AWS lower-cases Host, appends the port on listeners other than 80 and 443 and strips it on those, and turns
an absolute-form target into Host and origin-form (RFC 9112 section 3.2.2).
"""

from __future__ import annotations

import re

import numpy as np

from pcapdiag.columns import among, distinct
from pcapdiag.traffic import Strings, Traffic

_ABSOLUTE_FORM = re.compile(r"https?://[^/?#]*(/?.*)", re.DOTALL | re.IGNORECASE)
_PORT = re.compile(r":\d*$")
_MANY = 50_000  # so many different hosts, or absolute targets, are an attack: left as they are
_AS_THEY_ARE = np.zeros(0, "u4")


def same_targets(traffic: Traffic) -> np.ndarray:
    """For each string the row of its origin-form; empty when no target is in absolute-form."""
    strings = traffic.strings
    absolute = np.concatenate([strings.starting_with(b"http"), strings.starting_with(b"HTTP")])
    absolute = absolute[among(absolute, traffic.exchanges["target"])] if len(absolute) else absolute
    if not 0 < len(absolute) <= _MANY:
        return _AS_THEY_ARE
    origins: dict[str, list[int]] = {}
    for row in absolute.tolist():
        if match := _ABSOLUTE_FORM.fullmatch(strings[row]):
            path = match[1] if match[1].startswith("/") else f"/{match[1]}"
            origins.setdefault(path, []).append(row)
    for row in distinct(traffic.exchanges["target"]).tolist():
        if row < len(strings) and (text := strings[row]) in origins:
            origins[text].insert(0, row)
    return _to_first(strings, origins)


def same_hosts(traffic: Traffic) -> np.ndarray:
    """For each string the row of the same host, whatever its case and port; empty when none differ so."""
    strings = traffic.strings
    hosts = distinct(traffic.exchanges["host"]).tolist()
    if len(hosts) > _MANY:
        return _AS_THEY_ARE
    alike: dict[str, list[int]] = {}
    for row in hosts:
        if row < len(strings):
            alike.setdefault(_PORT.sub("", strings[row].lower()), []).append(row)
    return _to_first(strings, alike)


def _to_first(strings: Strings, groups: dict[str, list[int]]) -> np.ndarray:
    """Each string's own row, but the first of its group for those in a group of several."""
    if all(len(group) == 1 for group in groups.values()):
        return _AS_THEY_ARE
    first = np.arange(len(strings), dtype="u4")
    for group in groups.values():
        first[group] = group[0]
    return first
