"""Requests with something wrong in them that were refused: what the causes of that choose among."""

from __future__ import annotations

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import endings
from pcapdiag.columns import among
from pcapdiag.traffic import Traffic

REFUSED = (400, 405, 411, 413, 414, 417, 421, 422, 431, 501, 505)
_WRONG = t.REQ_BAD | t.REQ_NO_HOST | t.REQ_GARBLED


def refused(traffic: Traffic) -> np.ndarray:
    """Rows of frontend requests with something wrong in them that got an error, or no answer."""
    exchanges = traffic.exchanges
    rows = endings.flagged(traffic, _WRONG, t.LEG_FRONTEND)
    rows = rows[among(exchanges["status"][rows], (0, *REFUSED)) | _dropped(traffic, rows)]
    http10 = endings.has_flag(traffic, rows, t.REQ_HTTP10) & ~endings.has_flag(
        traffic, rows, t.REQ_BAD | t.REQ_GARBLED
    )
    answered = (exchanges["status"][rows] != 0) | (endings.closed_by(traffic, rows) == endings.SERVER)
    return rows[answered & ~http10 & endings.readable(traffic, rows)]


def _dropped(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether the load balancer met what is wrong in each request's body when it had begun to pass it on, and
    made a 5xx of its own (Varnish: 503), closing the backend connection unanswered where that is seen."""
    broken = endings.has_flag(traffic, rows, t.REQ_BAD) & (traffic.exchanges["status"][rows] >= 500)
    broken &= traffic.exchanges["request_ended"][rows] == t.END_MALFORMED
    passed_on = np.flatnonzero(broken & (traffic.peer[rows] != t.NONE))
    backs = traffic.peer[rows[passed_on]]
    broken[passed_on] = (endings.closed_by(traffic, backs) == endings.CLIENT) & (
        ~endings.answered_before_close(traffic, backs)
    )
    return broken
