"""Answers that the load balancer made by itself: whether any backend was asked for them.

Where the backend leg was captured beside the frontend it tells: a backend was asked when one of its exchanges
carries the request (``Traffic.peer``), and may have been when the load balancer opened a connection, or sent
a request that belongs to nobody, between the request and its answer. A backend's own host sees only what that
backend was asked, so another vantage point tells nothing of the sort. Then only the Server field does, of
those backends whose name no load balancer bears.
"""

from __future__ import annotations

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import endings, outcome
from pcapdiag.columns import among, distinct
from pcapdiag.profiles import Profile, load_profile
from pcapdiag.traffic import Traffic


def refused(traffic: Traffic, *statuses: int) -> np.ndarray:
    """Rows of frontend exchanges answered with one of these statuses (any of 400 and above, if none)."""
    rows = endings.errors(traffic, t.LEG_FRONTEND)
    rows = rows[endings.has_flag(traffic, rows, t.REQ_SEEN)]
    return rows[among(traffic.exchanges["status"][rows], statuses)] if statuses else rows


def backend_beside(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether the backend leg was captured at the same place as each of these frontend requests."""
    seen = np.zeros(256, "?")
    if len(rows):
        seen[traffic.connections["vantage"][traffic.leg == t.LEG_BACKEND]] = True
    return seen[_vantage(traffic, rows)]


def by_itself(traffic: Traffic, profile: Profile, rows: np.ndarray) -> np.ndarray:
    """Whether no backend is known to have answered each of these frontend requests."""
    told = backend_beside(traffic, rows) | ~by_backend_name(traffic, profile, rows)
    return (traffic.peer[rows] == t.NONE) & told


def by_backend_name(traffic: Traffic, profile: Profile, rows: np.ndarray) -> np.ndarray:
    """Whether each answer's Server field names a software that is no load balancer's.

    Nor one that nothing but errors bears where good answers from the same address name another such software:
    a load balancer hands on its backends' names, and puts its own on its error pages (lighttpd, Squid).
    """
    result = _backend_names(traffic, profile)[traffic.exchanges["server"][rows]]
    if result.any():
        named = rows[result]
        result[result] = like_good_answers(traffic, named) | ~beside_backend_names(traffic, profile, named)
    return np.asarray(result)


def _backend_names(traffic: Traffic, profile: Profile) -> np.ndarray:
    """Which of the Server fields name a software that is no load balancer's."""
    named = np.zeros(max(len(traffic.servers), 1), "?")
    own = profile.own_server_names or load_profile("generic").own_server_names
    for number, name in enumerate(traffic.servers):
        named[number] = not any(name == mark or name.startswith(f"{mark}/") for mark in own)
    named[0] = False
    return named


def like_good_answers(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether each answer's Server field, or its lack, is that of some good answer from the same address and
    port, if there are any."""
    place, good = _good_answers(traffic, rows)
    name = traffic.exchanges["server"]
    alike = distinct(place[good] << 16 | name[good])
    return among(place[rows] << 16 | name[rows], alike) | ~among(place[rows], place[good])


def beside_backend_names(traffic: Traffic, profile: Profile, rows: np.ndarray) -> np.ndarray:
    """Whether good answers from the address and port of each answer name a software that is no load
    balancer's: then what does not may be the work of one that hands those on."""
    place, good = _good_answers(traffic, rows)
    named = good[_backend_names(traffic, profile)[traffic.exchanges["server"][good]]]
    return among(place[rows], place[named])


def _good_answers(traffic: Traffic, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(the address and port that each exchange asks, the good answers from those that these rows ask)."""
    exchanges = traffic.exchanges
    place = traffic.server_keys()[exchanges["connection"]]
    good = (exchanges["status"] >= 200) & (exchanges["status"] < 400)
    return place, np.flatnonzero(good & among(place, distinct(place[rows])))


def asked_nobody(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether the backend leg, beside the frontend, shows that nobody was asked for each of these requests.

    Connections in which nothing can be read (TLS, HTTP/2), or of which the capture misses bytes that the
    backend got, may have carried any request while they lasted.
    """
    started_ns, answered_ns = traffic.exchanges["start_ns"][rows], endings.answer_ns(traffic, rows)
    result = (traffic.peer[rows] == t.NONE) & (answered_ns != 0) & backend_beside(traffic, rows)
    vantage = _vantage(traffic, rows)
    for number in distinct(vantage[result]).tolist():
        mine = np.flatnonzero(result & (vantage == number))
        begins_ns, ends_ns = _stray_spans_ns(traffic, number)
        # A span meets the wait when it began before the answer and had not ended before the request.
        begun = np.searchsorted(np.sort(begins_ns), answered_ns[mine] + outcome.SLACK_NS, side="right")
        over = np.searchsorted(np.sort(ends_ns), started_ns[mine] - outcome.SLACK_NS, side="left")
        result[mine] = begun == over
    return result


def _stray_spans_ns(traffic: Traffic, vantage: int) -> tuple[np.ndarray, np.ndarray]:
    """From when to when backends were spoken to for nobody known, as this vantage point saw it."""
    connections, exchanges = traffic.connections, traffic.exchanges
    empty = np.flatnonzero((traffic.leg == t.LEG_BACKEND) & (connections["exchanges"] == 0))
    empty = empty[connections["vantage"][empty] == vantage]
    readable = among(connections["protocol"][empty], (t.PROTOCOL_HTTP, t.PROTOCOL_NONE))
    opened_ns = connections["first_ns"][empty]
    until_ns = np.where(readable, opened_ns, connections["last_ns"][empty])
    troubles = traffic.troubles
    holed = distinct(troubles["connection"][(troubles["direction"] == 0) & (troubles["missing_bytes"] > 0)])
    holed = holed[(traffic.leg[holed] == t.LEG_BACKEND) & (connections["vantage"][holed] == vantage)]
    stray = np.flatnonzero((traffic.exchange_leg == t.LEG_BACKEND) & (traffic.peer == t.NONE))
    stray = stray[~endings.has_flag(traffic, stray, t.REQ_HEALTH) & (_vantage(traffic, stray) == vantage)]
    asked_ns = exchanges["start_ns"][stray]
    begins_ns = np.concatenate([opened_ns, connections["first_ns"][holed], asked_ns])
    return begins_ns, np.concatenate([until_ns, connections["last_ns"][holed], asked_ns])


def _vantage(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    return traffic.connections["vantage"][traffic.exchanges["connection"][rows]]
