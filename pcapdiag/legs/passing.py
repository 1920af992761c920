"""Which requests pass through a host: the same one arrives there, and leaves it again before it is answered.

That is what makes a proxy, whatever its addresses: a server that merely calls other services sends other
requests. A *passage* says: requests that came to the endpoint ``outer`` were sent on by the address
``sender`` to the endpoint ``inner``, ``times`` times in the sample, and ``marked`` times with a forwarding
header that they came without.
"""

from __future__ import annotations

import numpy as np

from pcapdiag import tables as t
from pcapdiag.columns import among, distinct
from pcapdiag.legs.across import places_behind
from pcapdiag.legs.endpoints import Endpoints
from pcapdiag.legs.nesting import KEYLESS, by_answer, by_target, marked, nested
from pcapdiag.legs.normal import same_targets
from pcapdiag.traffic import Traffic, start_line_read

Passage = np.dtype([("outer", "u4"), ("sender", "u4"), ("inner", "u4"), ("times", "u4"), ("marked", "u4")])

_SAMPLES, _SAMPLE_ROWS = 4, 2_000
_CLEARLY = 2
_LEAST_SHARE = 0.05  # of a sender's requests: many equal ones at once hide one another
_LEAST_SHARE_UNMARKED = 0.3  # where neither an address nor a header joins the legs, chance must be ruled out
_LEAST_TIMES = 3
# Of answers alone, by another address: as many of one size come and go by chance.
_LEAST_SHARE_REWRITTEN, _LEAST_TIMES_REWRITTEN, _LEAST_KINDS = 0.6, 8, 3


def passages(traffic: Traffic, endpoints: Endpoints) -> np.ndarray:
    """All passages of a sample of the exchanges, as rows of ``Passage``.

    Requests are known again by their targets; where none is, the host may rewrite them: then its own
    answers must mostly be those it gets, and of several sizes where it asks from another address.
    """
    rows = _sample(traffic)
    if len(rows) < 2:
        return np.zeros(0, Passage)
    exchanges = traffic.exchanges[rows]
    key = by_target(exchanges, same_targets(traffic))
    found = _passages(traffic, endpoints, rows, nested(traffic, rows, key))
    if not len(found):
        found = _passages_across(traffic, endpoints)
    return found if len(found) else _rewritten_passages(traffic, endpoints, rows)


def _passages_across(traffic: Traffic, endpoints: Endpoints) -> np.ndarray:
    """The passages from what one vantage point saw to what another did, whatever their clocks say."""
    targets = same_targets(traffic)
    found = [np.zeros(0, Passage)]
    for rows, ahead_ns, behind in places_behind(traffic, endpoints):
        key = by_target(traffic.exchanges[rows], targets)
        outer, inner = nested(traffic, rows, key, ahead_ns)
        is_behind = np.zeros(len(traffic.exchanges), "?")
        is_behind[rows] = behind
        through = ~is_behind[outer] & is_behind[inner]
        found.append(_passages(traffic, endpoints, rows, (outer[through], inner[through])))
    return np.concatenate(found)


def _rewritten_passages(traffic: Traffic, endpoints: Endpoints, rows: np.ndarray) -> np.ndarray:
    """The passages of requests whose targets the host rewrites, known again by their answers."""
    key = by_answer(traffic.exchanges[rows])
    found = _passages(traffic, endpoints, rows, nested(traffic, rows, key))
    if not len(found):
        return found
    own = endpoints.address[found["outer"]] == found["sender"]
    way = found["outer"].astype("u8") << 32 | found["sender"]
    through = _sums(way, found["times"])
    told = through >= _LEAST_SHARE_REWRITTEN * _sent(traffic, rows[key != KEYLESS])[found["sender"]]
    told &= (through >= _LEAST_TIMES_REWRITTEN) & (_kinds(traffic, endpoints, rows, key, way) >= _LEAST_KINDS)
    return found[np.where(own, 2 * found["times"] >= _sent(traffic, rows)[found["sender"]], told)]


def _kinds(
    traffic: Traffic, endpoints: Endpoints, rows: np.ndarray, key: np.ndarray, ways: np.ndarray
) -> np.ndarray:
    """How many different keys the requests have that went each of these ways (listener and sender)."""
    outer, inner = nested(traffic, rows, key)
    on = traffic.exchanges["connection"]
    way = endpoints.of_connection[on[outer]].astype("u8") << 32 | traffic.connections["client"][on[inner]]
    key_of = np.zeros(len(traffic.exchanges), "u8")
    key_of[rows] = key
    went = np.unique(np.stack([way, key_of[outer]]), axis=1)[0]
    return np.array([np.count_nonzero(went == one) for one in ways.tolist()])


def _passages(
    traffic: Traffic, endpoints: Endpoints, rows: np.ndarray, pairs: tuple[np.ndarray, np.ndarray]
) -> np.ndarray:
    """The passages that these pairs of the exchanges of these rows show, one lying in the other."""
    outer, inner = pairs
    on, clients, at = traffic.exchanges["connection"], traffic.connections["client"], endpoints.of_connection
    from_host, sender = endpoints.address[at[on[outer]]], clients[on[inner]]
    flags = traffic.exchanges["flags"]
    has_mark = marked(flags[outer], flags[inner])
    # One client may ask two servers the same; but all three may be on one host, too.
    unsure = (sender == clients[on[outer]]) & (sender != from_host)
    ok = (at[on[outer]] != at[on[inner]]) & (~unsure | has_mark)
    found = _counted(at[on[outer[ok]]], sender[ok], at[on[inner[ok]]], has_mark[ok])
    joined = (endpoints.address[found["outer"]] == found["sender"]) | (found["marked"] > 0)
    sent = _sent(traffic, rows)[found["sender"]]
    received = np.bincount(at[on[rows]], minlength=len(endpoints.address))[found["outer"]]
    mostly = joined & (2 * found["times"] >= received)  # a node of few requests, all sent on
    # Unmarked, much of what the sender sent must have come to this listener, whichever backends it went to.
    through = _sums(found["outer"].astype("u8") << 32 | found["sender"], found["times"])
    much = (through >= _LEAST_SHARE_UNMARKED * sent) & (found["times"] >= _LEAST_TIMES)
    enough = np.where(joined, found["times"] >= _LEAST_SHARE * sent, much)
    keep = (enough | mostly) & _one_way(found)
    return _best_of_each_sender(found[keep], mostly[keep], endpoints)


def _sums(keys: np.ndarray, times: np.ndarray) -> np.ndarray:
    """The times of all passages with the same key, for each of them."""
    _, which = np.unique(keys, return_inverse=True)
    return np.bincount(which, times)[which] if len(times) else times


def _sent(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """How many of these requests each address sent."""
    clients = traffic.connections["client"][traffic.exchanges["connection"][rows]]
    return np.bincount(clients, minlength=len(traffic.addresses))


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
        rows = distinct((starts[:, None] + np.arange(_SAMPLE_ROWS)).ravel())
    rows = rows[(traffic.exchanges["flags"][rows] & (t.REQ_SEEN | t.REQ_HEALTH)) == t.REQ_SEEN]
    rows = rows[start_line_read(traffic.exchanges, rows)]
    # Captured in one direction only, nothing says when a request was answered, so none is known to wait.
    on = traffic.exchanges["connection"][rows]
    server_packets, client_packets = (
        traffic.connections[f"{end}_packets"][on] for end in ("server", "client")
    )
    return rows[(server_packets > 0) | (client_packets == 0)]


def _best_of_each_sender(found: np.ndarray, mostly: np.ndarray, endpoints: Endpoints) -> np.ndarray:
    """Of a sender's passages, those from its own address; else those from where most of its requests came.

    In a chain of proxies the outermost one's requests contain the innermost one's too. ``mostly`` says which
    take most of what came to their listener: the other nodes of one load balancer.
    """
    own = endpoints.address[found["outer"]] == found["sender"]
    has_own = among(found["sender"], found["sender"][own])
    most = np.zeros(int(found["sender"].max(initial=0)) + 1, "u4")
    np.maximum.at(most, found["sender"], found["times"])
    return found[own | (~has_own & (mostly | (found["times"] * 4 >= most[found["sender"]])))]
