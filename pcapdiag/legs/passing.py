"""Which requests pass through a host: the same one arrives there, and leaves it again before it is answered.

That is what makes a proxy, whatever its addresses: a server that merely calls other services sends other
requests. A *passage* says: requests that came to the endpoint ``outer`` were sent on by the address
``sender`` to the endpoint ``inner``, ``times`` times in the sample, and ``marked`` times with a forwarding
header that they came without.
"""

from __future__ import annotations

import numpy as np

from pcapdiag import tables as t
from pcapdiag.legs.endpoints import Endpoints
from pcapdiag.legs.normal import same_targets
from pcapdiag.traffic import Traffic

Passage = np.dtype([("outer", "u4"), ("sender", "u4"), ("inner", "u4"), ("times", "u4"), ("marked", "u4")])

_SAMPLES, _SAMPLE_ROWS = 4, 2_000
_SLACK_NS = 1_000_000  # two interfaces of one host
_CLEARLY = 2
_LEAST_SHARE = 0.05  # of a sender's requests: many equal ones at once hide one another
_LEAST_SHARE_UNMARKED = 0.3  # where neither an address nor a header joins the legs, chance must be ruled out
_LEAST_TIMES = 3


def passages(traffic: Traffic, endpoints: Endpoints) -> np.ndarray:
    """All passages of a sample of the exchanges, as rows of ``Passage``."""
    rows = _sample(traffic)
    if len(rows) < 2:
        return np.zeros(0, Passage)
    targets = same_targets(traffic)
    outer, inner = _nested(traffic, rows, targets)
    on = traffic.exchanges["connection"]
    clients, at = traffic.connections["client"], endpoints.of_connection
    from_host, sender = endpoints.address[at[on[outer]]], clients[on[inner]]
    # One client may ask two servers the same; but all three may be on one host, too.
    unsure = (sender == clients[on[outer]]) & (sender != from_host)
    marked = _marked(traffic, outer, inner)
    ok = (at[on[outer]] != at[on[inner]]) & (~unsure | marked)
    found = _counted(at[on[outer[ok]]], sender[ok], at[on[inner[ok]]], marked[ok])
    sent = np.bincount(clients[on[rows]], minlength=len(traffic.addresses))[found["sender"]]
    own = endpoints.address[found["outer"]] == found["sender"]
    share = np.where(own | (found["marked"] > 0), _LEAST_SHARE, _LEAST_SHARE_UNMARKED)
    enough = (found["times"] >= share * sent) & (
        own | (found["marked"] > 0) | (found["times"] >= _LEAST_TIMES)
    )
    return _best_of_each_sender(found[enough & _one_way(found)], endpoints)


def _counted(outer: np.ndarray, sender: np.ndarray, inner: np.ndarray, marked: np.ndarray) -> np.ndarray:
    """The different triples, each with how often it came, and how often marked."""
    order = np.lexsort((inner, sender, outer))
    found = np.zeros(len(order), Passage)
    found["outer"], found["sender"], found["inner"] = outer[order], sender[order], inner[order]
    new = np.ones(len(order), "?")
    new[1:] = found[1:] != found[:-1]
    starts = np.flatnonzero(new)
    found = found[starts]
    found["times"] = np.diff(starts, append=len(order))
    found["marked"] = np.add.reduceat(marked[order].astype("u4"), starts) if len(starts) else 0
    return found


def _one_way(found: np.ndarray) -> np.ndarray:
    """Which passages are clearly more frequent than those the other way between the same two endpoints.

    Of many equal requests at once, one on the backend leg may by chance enclose another on the frontend.
    """
    there = found["outer"].astype("u8") << 32 | found["inner"]
    back = found["inner"].astype("u8") << 32 | found["outer"]
    ways, which = np.unique(np.concatenate([there, back]), return_inverse=True)
    times = np.bincount(which[: len(found)], found["times"], len(ways))
    return times[which[: len(found)]] > _CLEARLY * times[which[len(found) :]]


def _sample(traffic: Traffic) -> np.ndarray:
    """Requests of whole stretches of time, so that both exchanges of a pair are in or out."""
    total = len(traffic.exchanges)
    if total <= _SAMPLES * _SAMPLE_ROWS:
        rows = np.arange(total)
    else:
        starts = np.linspace(0, total - _SAMPLE_ROWS, _SAMPLES).astype("i8")
        rows = np.unique((starts[:, None] + np.arange(_SAMPLE_ROWS)).ravel())
    return rows[(traffic.exchanges["flags"][rows] & (t.REQ_SEEN | t.REQ_HEALTH)) == t.REQ_SEEN]


def _nested(traffic: Traffic, rows: np.ndarray, targets: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of exchanges of the same request, the second begun and answered within the first.

    Only neighbours in time are compared: the request that came just before is the one sent on.
    """
    exchanges = traffic.exchanges[rows]
    target = exchanges["target"].astype("u8")
    target = targets[target].astype("u8") if len(targets) else target
    vantage = traffic.connections["vantage"][exchanges["connection"]].astype("u8")
    key = target << 16 | vantage << 8 | exchanges["method"]
    order = np.lexsort((exchanges["start_ns"], key))
    one, two = order[:-1], order[1:]
    same = (key[one] == key[two]) & (exchanges["connection"][one] != exchanges["connection"][two])
    one, two = one[same], two[same]
    first, second = exchanges[one], exchanges[two]
    begun = second["start_ns"] <= _answered_ns(traffic, first) + _SLACK_NS
    alike = first["status"] == second["status"]
    in_time = _answered_ns(traffic, second) <= _answered_ns(traffic, first) + _SLACK_NS
    gave_up = (first["status"] == 0) | (first["status"] >= 500)
    whole = (first["response_ended"] == t.END_COMPLETE) & (second["response_ended"] == t.END_COMPLETE)
    like_body = ~whole | (first["response_body"] == second["response_body"])
    fits = begun & ((alike & in_time & like_body) | (gave_up & ~alike))
    fits |= begun & in_time & _marked(traffic, rows[one], rows[two])
    return rows[one[fits]], rows[two[fits]]


def _marked(traffic: Traffic, outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    """Whether the inner request carries a forwarding header that the outer one lacks."""
    flags = traffic.exchanges["flags"]
    return ((flags[inner] & t.REQ_FORWARDED) != 0) & ((flags[outer] & t.REQ_FORWARDED) == 0)


def _answered_ns(traffic: Traffic, exchanges: np.ndarray) -> np.ndarray:
    """When each response began; without one, when its connection was last seen."""
    after_us = exchanges["response_start_us"]
    last_ns = traffic.connections["last_ns"][exchanges["connection"]]
    unknown = (exchanges["status"] == 0) | (after_us == t.NEVER)
    return np.where(unknown, last_ns, exchanges["start_ns"] + after_us.astype("i8") * 1000)


def _best_of_each_sender(found: np.ndarray, endpoints: Endpoints) -> np.ndarray:
    """Of a sender's passages, those from its own address; else those from where most of its requests came.

    In a chain of proxies the outermost one's requests contain the innermost one's too.
    """
    own = endpoints.address[found["outer"]] == found["sender"]
    has_own = np.isin(found["sender"], found["sender"][own])
    most = np.zeros(int(found["sender"].max(initial=0)) + 1, "u4")
    np.maximum.at(most, found["sender"], found["times"])
    return found[own | (~has_own & (found["times"] * 4 >= most[found["sender"]]))]
