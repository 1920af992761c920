"""The finding of both packet-loss causes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from pcapdiag import tables as t
from pcapdiag import words
from pcapdiag.causes import backlog, claims, endings, losses, outcome
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.columns import union, without
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic


def find(
    traffic: Traffic, profile: Profile, cause: Cause, leg: int, remedy: Sequence[str]
) -> Iterator[Finding]:
    """The leg's packet loss: an error when it alone made requests fail, else a warning."""
    found = losses.on_leg(traffic, leg, profile)
    if found is None:
        return
    whole = endings.response_whole(traffic, found.exchanges) & endings.request_whole(traffic, found.exchanges)
    # What only a short snaplen hides the end of is as good as whole if its receiver was content.
    hidden = endings.cut_short(traffic, found.exchanges)
    whole |= hidden & _went_on(traffic, found.exchanges)
    unknown = found.exchanges[hidden & ~whole]
    broken = found.exchanges[~whole]
    # What its server cut short, and closed, was not cut by a loss.
    cut = endings.response_begun(traffic, broken) & ~endings.response_whole(traffic, broken)
    broken = broken[~cut | (endings.closed_by(traffic, broken) != endings.SERVER)]
    failed = broken[losses.stalled(traffic, broken)]
    slowed = found.exchanges[whole]
    # A loss slows; that an answer is an error has a cause of its own.
    slowed = slowed[traffic.exchanges["status"][slowed] < 500]
    if leg == t.LEG_BACKEND:
        failed = union(failed, outcome.of_attempts(traffic, backlog.lost_by_chance(traffic)).exchanges)
    exchanges = union(slowed, without(failed, unknown)).astype("i8")
    if not len(exchanges) and len(unknown):
        return
    names = claims.peers(traffic, found.connections, leg)
    what = "backends" if leg == t.LEG_BACKEND else "clients"
    way = "from" if (found.worse == 1) == (leg == t.LEG_BACKEND) else "to"
    percent = f"{100 * found.rate:.1f} % of {found.sent[found.worse]:,} packets {way}"
    yield claims.finding(
        traffic,
        cause,
        leg,
        title=(
            f"{percent} {claims.who(names, what)} were lost (a warning from "
            f"{100 * profile.loss_rate_warning:g} %): "
            f"{claims.of_requests(traffic, leg)} waited for a repeat"
        ),
        explanation=(
            f"{_sent_again(leg, found.lost)}; the connections stood still for "
            f"{words.seconds(found.stall_s)} in all. Spurious repeats, keep-alives, probes and "
            "reordering are not counted."
        ),
        remedy=remedy,
        exchanges=exchanges,
        connections=found.connections if not len(exchanges) else claims.NO_ROWS,
        severity=Severity.ERROR if len(failed) else None,
        facts={
            "lost_segments": sum(found.lost),
            "lost_to_server": found.lost[0],
            "lost_to_client": found.lost[1],
            "loss_rate": round(found.rate, 4),
            "stall_s": round(found.stall_s, 6),
            "failed_requests": len(failed),
        },
        shown_by=found.connections if not len(exchanges) else None,
        note="a segment sent again",
        kinds=losses.LOSS_EVENTS,
    )


def _went_on(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether after each exchange another followed, or its client left in order, all bytes acknowledged."""
    connections = traffic.connections[traffic.exchanges["connection"][rows]]
    content = (connections["closed_by"] != endings.SERVER) & (connections["rst_ns"] == 0)
    content &= connections["server_acked"] >= connections["server_bytes"]
    return content | (traffic.exchanges["next"][rows] != t.NONE)


def _sent_again(leg: int, lost: Sequence[int]) -> str:
    """``6 segments to the client were sent again``, for each way on which something was lost."""
    ends = ("backend", "load balancer") if leg == t.LEG_BACKEND else ("load balancer", "client")
    ways = zip(lost, ends, strict=True)
    said = [f"{words.counted(count, 'segment')} to the {end}" for count, end in ways if count]
    return f"{words.listed(said) or 'none'} {'was' if sum(lost) == 1 else 'were'} sent again"
