"""Load balancers that rewrite targets: which backend target each frontend target became.

A rule takes a prefix away and puts another in its place (``/api/users`` -> ``/users``), as proxy_pass of
nginx, replace-path of HAProxy and the rewrite actions of the clouds do. Rules are learned from exchanges
that match in all but the target, and must hold for several of them.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from pcapdiag import tables as t
from pcapdiag.columns import distinct
from pcapdiag.legs.nesting import by_answer, nested
from pcapdiag.traffic import Traffic

_MOST_EXAMPLES = 2_000
_MOST_TARGETS = 50_000
_MOST_RULES = 16
_LEAST_SHARE = 0.1  # of the examples: chance pairs scatter over many rules

Rule = tuple[str, str]


def rewritten_targets(traffic: Traffic, targets: np.ndarray) -> np.ndarray | None:
    """``targets`` with each unmatched frontend target put to the backend's, or None when no rule shows."""
    alone = traffic.peer == t.NONE
    fronts = np.flatnonzero(alone & (traffic.exchange_leg == t.LEG_FRONTEND))
    backs = np.flatnonzero(alone & (traffic.exchange_leg == t.LEG_BACKEND))
    rules = _rules(traffic, fronts, backs) if len(fronts) and len(backs) else []
    if not rules:
        return None
    of_text = {traffic.strings[row]: row for row in _targets(traffic, backs)}
    result = targets.copy() if len(targets) else np.arange(len(traffic.strings), dtype="u4")
    for row in _targets(traffic, fronts):
        text = traffic.strings[row]
        became = (new + text[len(old) :] for old, new in rules if text.startswith(old))
        result[row] = next((of_text[target] for target in became if target in of_text), result[row])
    return result


def _rules(traffic: Traffic, fronts: np.ndarray, backs: np.ndarray) -> list[Rule]:
    """The (prefix, prefix put in its place) that most pairs of like exchanges show, the commonest first."""
    rows = np.sort(np.concatenate([fronts[:_MOST_EXAMPLES], backs[:_MOST_EXAMPLES]]))
    outer, inner = nested(traffic, rows, by_answer(traffic.exchanges[rows]))
    forth = (traffic.exchange_leg[outer] == t.LEG_FRONTEND) & (traffic.exchange_leg[inner] == t.LEG_BACKEND)
    pairs = zip(outer[forth].tolist(), inner[forth].tolist(), strict=True)
    seen = Counter(_rule(traffic.target(front), traffic.target(back)) for front, back in pairs)
    least = max(1.0, _LEAST_SHARE * seen.total())
    return [rule for rule, times in seen.most_common(_MOST_RULES) if times >= least]


def _rule(front: str, back: str) -> Rule:
    """What differs before the longest common end that begins at a ``/``; all of it where there is none."""
    ends = zip(reversed(front), reversed(back), strict=False)
    common = next((n for n, (one, other) in enumerate(ends) if one != other), min(len(front), len(back)))
    slash = front.find("/", len(front) - common) if common else -1
    end = len(front) - slash if slash >= 0 else 0
    return front[: len(front) - end], back[: len(back) - end]


def _targets(traffic: Traffic, rows: np.ndarray) -> list[int]:
    return distinct(traffic.exchanges["target"][rows])[:_MOST_TARGETS].tolist()
