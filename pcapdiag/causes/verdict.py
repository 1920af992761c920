"""What failed, and why: runs every detector and gives each failed request to one root cause.

Detectors do not know of each other. A request that several findings claim, on either leg, belongs to the
finding whose cause outranks the others (``Cause.outranks``, transitively), then to the more severe one, then
to the one named first in the catalogue. A finding that loses a request no longer counts it; one that loses
all of them is dropped, and the winner names it in ``also``.

``{count}`` in a finding's title or explanation is filled in here, once the count is settled.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import claims, evidence, outcome
from pcapdiag.causes.account import Account, account_for
from pcapdiag.causes.catalogue import catalogue
from pcapdiag.causes.cause import Evidence, Finding, Severity
from pcapdiag.columns import among
from pcapdiag.errors import PcapdiagError
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

_UNCLAIMED = -1


def judge(
    traffic: Traffic, profile: Profile, only: Sequence[str] = (), ignore: Sequence[str] = ()
) -> tuple[list[Finding], Account]:
    """All findings, worst first, and the account of failed exchanges.

    ``only`` and ``ignore`` choose what is shown, never what is true: every detector runs, so that a request
    does not fall to a shallower cause because its own was left out.
    """
    for name in (*only, *ignore):
        _check_name(name)
    found = [finding for module in catalogue().values() for finding in module.find(traffic, profile)]
    findings, owner = settle(traffic, [finding for finding in found if _decided(traffic, finding)])
    errors = [number for number, finding in enumerate(findings) if finding.severity >= Severity.ERROR]
    account = account_for(traffic, owner != _UNCLAIMED, among(owner, errors))
    wanted = [(not only or f.cause.name in only) and f.cause.name not in ignore for f in findings]
    shown = [finding for finding, is_wanted in zip(findings, wanted, strict=True) if is_wanted]
    if not all(wanted) and account.rows is not None:
        hidden = among(owner[account.rows], np.flatnonzero(~np.array(wanted)))
        account.hidden = int(np.count_nonzero(hidden))
    return sorted(shown, key=lambda f: (-f.severity, -f.count, f.cause.name, f.leg)), account


def settle(traffic: Traffic, found: Sequence[Finding]) -> tuple[list[Finding], np.ndarray]:
    """Apply precedence: the findings that keep a claim, and which of them owns each request (-1 = none)."""
    owner = np.full(len(traffic.exchanges), _UNCLAIMED, "i2")
    connection_owner = np.full(len(traffic.connections), _UNCLAIMED, "i2")
    kept: list[Finding] = []
    for finding in by_precedence(found):
        claimed, failed = _rows(finding.exchanges), _rows(finding.connections)
        requests = request_of(traffic, claimed)
        won = _take(owner, requests, len(kept))
        won_connections = _take(connection_owner, failed, len(kept))
        if len(won) < len(claimed) or len(won_connections) < len(failed):
            lost_to = [owner[requests], connection_owner[failed]]
            _note_losses(finding, np.concatenate(lost_to), kept)
            if not len(won) and not len(won_connections):
                continue
            _shrink(traffic, finding, claimed[won], failed[won_connections])
        else:
            finding.exchanges, finding.connections = claimed, failed
        kept.append(finding)
    for finding in kept:
        finding.title = finding.title.replace("{count}", f"{finding.count:,}")
        finding.explanation = finding.explanation.replace("{count}", f"{finding.count:,}")
    return kept, owner


def _decided(traffic: Traffic, finding: Finding) -> bool:
    """Whether it is known to be on the leg it claims; what is left of it where some of it is not.

    A reset or a closed connection has another culprit on the other leg: where the capture does not tell the
    legs apart, nobody is accused.
    """
    by_leg = "frontend" in finding.cause.legs and "backend" not in finding.cause.legs
    if finding.cause.either_leg or not by_leg or not traffic.undecided.any():
        return True
    rows, connections = _rows(finding.exchanges), _rows(finding.connections)
    if not len(rows) and not len(connections):
        return True
    sure = ~traffic.undecided[traffic.exchanges["connection"][rows]]
    sure_connections = ~traffic.undecided[connections]
    if not sure.all() or not sure_connections.all():
        _shrink(traffic, finding, rows[sure], connections[sure_connections])
    return bool(sure.any() or sure_connections.any())


def request_of(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """The row that stands for each exchange's request: the frontend's, where it is known."""
    peer = traffic.peer[rows]
    return np.where((traffic.exchange_leg[rows] == t.LEG_BACKEND) & (peer != t.NONE), peer, rows)


def by_precedence(found: Sequence[Finding]) -> list[Finding]:
    """Findings in the order in which they may claim: none before one whose cause outranks its own."""
    waiting = sorted(found, key=lambda f: -f.severity)
    present = {f.cause.name for f in waiting}
    above = {name: _outranked_by(name) & present - {name} for name in present}
    ordered: list[Finding] = []
    while waiting:
        left = {f.cause.name for f in waiting}
        ready = next((f for f in waiting if not above[f.cause.name] & left), waiting[0])
        waiting.remove(ready)
        ordered.append(ready)
    return ordered


def _outranked_by(name: str) -> set[str]:
    """All causes that outrank ``name``, directly or through others."""
    causes = [module.CAUSE for module in catalogue().values()]
    above: set[str] = set()
    frontier = {name}
    while frontier:
        frontier = {c.name for c in causes if frontier & set(c.outranks)} - above
        above |= frontier
    return above


def _rows(claims: Iterable[int]) -> np.ndarray:
    return claims.astype("i8") if isinstance(claims, np.ndarray) else np.fromiter(claims, "i8")


def _take(owner: np.ndarray, requests: np.ndarray, taker: int) -> np.ndarray:
    """Give the unclaimed ``requests`` to ``taker``; where they stand in ``requests``, each once."""
    free = np.flatnonzero(owner[requests] == _UNCLAIMED)
    first = np.unique(requests[free], return_index=True)[1]
    first.sort()
    owner[requests[free]] = taker
    return free[first]


def _note_losses(loser: Finding, owners: np.ndarray, kept: list[Finding]) -> None:
    """Tell each winner which cause fitted too, and for how many of its requests."""
    for winner, count in enumerate(np.bincount(owners[owners < len(kept)], minlength=0).tolist()):
        if count and kept[winner].cause.name != loser.cause.name:
            kept[winner].also += (f"{loser.cause.name} ({count:,})",)


def _shrink(traffic: Traffic, finding: Finding, rows: np.ndarray, connections: np.ndarray) -> None:
    """Leave the finding these claims only, and say of them what it said of all."""
    finding.exchanges, finding.connections = rows, connections
    finding.count = len(rows) + len(connections)
    leg = t.LEGS.index(finding.leg)
    finding.statuses = outcome.statuses(traffic, rows)
    if leg != t.LEG_BACKEND and len(connections):
        finding.statuses["none"] = finding.statuses.get("none", 0) + len(connections)
    on = traffic.exchanges["connection"][rows].astype("i8")
    finding.peers = claims.peers(traffic, np.concatenate([on, connections]), leg)
    finding.evidence = _evidence_left(traffic, finding, rows, connections)


def _evidence_left(
    traffic: Traffic, finding: Finding, rows: np.ndarray, connections: np.ndarray
) -> tuple[Evidence, ...]:
    """The finding's own evidence as far as it speaks of what is left; new evidence where none does."""
    on = traffic.exchanges["connection"][np.concatenate([rows, request_of(traffic, rows)])]
    left = among([e.connection for e in finding.evidence], np.concatenate([on, connections]))
    shown = tuple(e for e, still in zip(finding.evidence, left.tolist(), strict=True) if still)
    note = finding.evidence[0].note if finding.evidence else ""
    return (
        shown
        or evidence.of_exchanges(traffic, rows, note)
        or evidence.of_connections(traffic, connections, note)
    )


def _check_name(name: str) -> None:
    if name not in catalogue():
        near = difflib.get_close_matches(name, catalogue(), 1)
        hint = f": did you mean {near[0]}?" if near else ": pcapdiag explain lists them"
        raise PcapdiagError(f"no cause is named {name!r}{hint}")
