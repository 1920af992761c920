"""Requests with something wrong in them that were refused: what the causes of that choose among."""

from __future__ import annotations

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import endings
from pcapdiag.traffic import Traffic

REFUSED = (400, 405, 411, 413, 414, 417, 421, 422, 431, 501, 505)
_WRONG = t.REQ_BAD | t.REQ_NO_HOST | t.REQ_GARBLED


def refused(traffic: Traffic) -> np.ndarray:
    """Rows of frontend requests with something wrong in them that got an error, or no answer."""
    exchanges = traffic.exchanges
    rows = endings.flagged(traffic, _WRONG, t.LEG_FRONTEND)
    # Where its framing could not go on, whatever error it got is for that.
    broken = (exchanges["request_ended"][rows] == t.END_MALFORMED) & (exchanges["status"][rows] >= 500)
    rows = rows[broken | np.isin(exchanges["status"][rows], (0, *REFUSED))]
    http10 = endings.has_flag(traffic, rows, t.REQ_HTTP10) & ~endings.has_flag(
        traffic, rows, t.REQ_BAD | t.REQ_GARBLED
    )
    answered = (exchanges["status"][rows] != 0) | (endings.closed_by(traffic, rows) == endings.SERVER)
    return rows[answered & ~http10 & endings.readable(traffic, rows)]
