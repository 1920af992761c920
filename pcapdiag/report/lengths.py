"""How long an exchange took: the one definition that bars, words, tables and JSON share.

It runs from the request's first byte to the last of its answer, sent again or not, or to what ended it
without one: what closed its connection, or where that stayed open, the last that was seen of it.
"""

from __future__ import annotations

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import endings
from pcapdiag.columns import among
from pcapdiag.traffic import Traffic


def took_us(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """How long each of these exchanges took."""
    exchanges = traffic.exchanges[rows]
    took = np.maximum(ended_us(traffic, rows), _sent_again_us(traffic, rows))
    for name in ("request_end_us", "response_start_us"):
        took = np.maximum(took, np.where(exchanges[name] == t.NEVER, 0, exchanges[name]))
    return took


def ended_us(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """When the last of each answer came, or what ended the exchange without it, after it began."""
    exchanges = traffic.exchanges[rows]
    began_ns = exchanges["start_ns"]
    closed_ns = endings.close_ns(traffic, rows)
    last_ns = traffic.connections["last_ns"][exchanges["connection"]]
    closed_ns = np.where(closed_ns > began_ns, closed_ns, last_ns)
    answered_us = exchanges["response_end_us"]
    return np.where(answered_us == t.NEVER, np.maximum(closed_ns - began_ns, 0) // 1000, answered_us)


def _sent_again_us(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Until when bytes of an answer had to be sent again, after they were seen; 0 where none had.

    That is told of the last answer of a connection alone: before another, it may have been either's.
    """
    exchanges, troubles = traffic.exchanges[rows], traffic.troubles
    until_us = np.zeros(len(rows), "i8")
    troubled = troubles["connection"][(troubles["direction"] == 1) & (troubles["retransmitted"] > 0)]
    last = (exchanges["response_end_us"] != t.NEVER) & (exchanges["next"] == t.NONE)
    places = np.flatnonzero(last & among(exchanges["connection"], troubled))
    if not len(places):
        return until_us
    events = traffic.events[among(traffic.events["connection"], exchanges["connection"][places])]
    events = events[(events["kind"] == t.EVENT_RETRANSMISSION) & (events["direction"] == 1)]
    again_ns = np.zeros(len(traffic.connections), "i8")
    np.maximum.at(again_ns, events["connection"], events["time_ns"])
    after_ns = again_ns[exchanges["connection"][places]] - exchanges["start_ns"][places]
    until_us[places] = np.maximum(after_ns, 0) // 1000
    return until_us
