"""Which load balancer a capture shows, by the marks that only one kind leaves.

A response that a backend made and the load balancer passed on says nothing of the load balancer, so its
own answers are looked at: those with a documented Server field, and those on the frontend that no backend
exchange stands behind.
"""

from __future__ import annotations

import numpy as np

from pcapdiag import tables as t
from pcapdiag.columns import among, counts
from pcapdiag.profiles.load import NAMES, load_profile
from pcapdiag.profiles.profile import Profile
from pcapdiag.traffic import Traffic

_STATUSES = 1 << 16  # what the column can hold

UNKNOWN = "nothing in the capture tells which load balancer this is; name it with --profile"


def guess_profile(traffic: Traffic) -> tuple[Profile, str]:
    """The profile that fits the capture, and why; the generic one when nothing tells."""
    for name, reason in _marks(traffic):
        return load_profile(name), reason
    return load_profile("generic"), UNKNOWN


def _marks(traffic: Traffic) -> list[tuple[str, str]]:
    """(profile, reason) for each mark found, the surest first."""
    flags, status = traffic.exchanges["flags"], traffic.exchanges["status"]
    found = []
    if count := _answers_from(traffic, load_profile("aws").own_server_names, np.ones(len(status), "?")):
        found.append(("aws", f"{_times(count)} answered by awselb/2.0, which only AWS sends"))
    if count := int(np.count_nonzero(flags & t.REQ_HEALTH)):
        found.append(("aws", f"{_times(count)} asked by ELB-HealthChecker, the agent of AWS health checks"))
    if count := int(np.count_nonzero(flags & t.RSP_THROTTLED)):
        found.append(
            ("alibaba", f"{_times(count)} answered with ALB-QPS-Limited, which only Alibaba Cloud sends")
        )
    seen = counts(status)
    for code, name in _telling_statuses().items():
        if code < len(seen) and (count := int(seen[code])):
            found.append((name, f"{_times(count)} answered {code}, which only this load balancer makes"))
    if count := _answers_from(traffic, load_profile("nginx").own_server_names, _made_by_alb(traffic)):
        found.append(("nginx", f"{_times(count)} answered by nginx without a backend"))
    return found


def _answers_from(traffic: Traffic, names: tuple[str, ...], of: np.ndarray) -> int:
    """How many responses carry one of these Server fields, with or without a version behind it."""
    rows = [
        row for row, text in enumerate(traffic.servers) if text in names or text.partition("/")[0] in names
    ]
    return int(np.count_nonzero(among(traffic.exchanges["server"], rows) & of)) if rows else 0


def _made_by_alb(traffic: Traffic) -> np.ndarray:
    """Failed frontend exchanges that no backend exchange stands behind, where both legs are known.

    Of a status that mostly has one behind it they are none: there the capture lost the other.
    """
    status = traffic.exchanges["status"]
    if not traffic.alb or not (traffic.leg == t.LEG_BACKEND).any():
        return np.zeros(len(status), "?")
    failed = (traffic.exchange_leg == t.LEG_FRONTEND) & (status >= 400)
    alone = failed & (traffic.peer == t.NONE)
    of_all = counts(status[failed])
    by_status = np.bincount(status[alone], minlength=len(of_all))
    most = np.zeros(_STATUSES, "?")
    most[: len(of_all)] = 2 * by_status > of_all
    return alone & most[status]


def _telling_statuses() -> dict[int, str]:
    """Statuses on the wire that one profile alone claims as its own. 499 and 460 stand in logs only."""
    claims: dict[int, list[str]] = {}
    for name in NAMES:
        profile = load_profile(name)
        for status in profile.own_statuses:
            if status != profile.client_closed_status:
                claims.setdefault(status, []).append(name)
    return {status: names[0] for status, names in claims.items() if len(names) == 1}


def _times(count: int) -> str:
    return "1 request was" if count == 1 else f"{count:,} requests were"
