"""What the client saw of what happened behind the load balancer.

A fault on the backend leg failed a request only if the frontend exchange it served failed. ``Traffic.peer``
joins an attempt that carried a request with that exchange; an attempt that never got so far (a refused or
unanswered connect) has no exchange, and is joined here by time: the load balancer gives its answer up
right after its last attempt, so the attempt belongs to the next failed answer that no backend made.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import endings, tries
from pcapdiag.causes.cause import Severity
from pcapdiag.columns import distinct
from pcapdiag.traffic import Traffic, start_line_read

# One vantage point's clock orders what it sees; a millisecond allows for the order of two interfaces.
SLACK_NS = 1_000_000
MAX_IN_FLIGHT = 1000  # failed requests looked at for one attempt
MAX_COMPARED = 32  # of them, those it may belong to: the nearest before it


def frontend_rows(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """The frontend exchange of each row (itself, if it is one); NONE when the capture does not show it."""
    if not len(rows):
        return np.zeros(0, "u4")
    backend = traffic.exchange_leg[rows] == t.LEG_BACKEND
    return np.where(backend, traffic.peer[rows], rows).astype("u4")


def statuses(traffic: Traffic, rows: np.ndarray) -> dict[str, int]:
    """How often the client saw each status, "none" for no answer; what was not captured is left out."""
    rows = np.asarray(rows, "i8")
    seen = frontend_rows(traffic, rows)
    # Without the frontend, a backend's own answer is the best that is known of what the client got.
    seen = np.where(seen == t.NONE, rows, seen) if len(rows) else rows
    status = traffic.exchanges["status"][seen]
    hidden = (status == 0) & (traffic.exchange_leg[seen] == t.LEG_BACKEND)
    codes, counts = np.unique(status[~hidden], return_counts=True)
    return {str(code) if code else "none": int(n) for code, n in zip(codes, counts, strict=True)}


def healed(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether the client of each failed backend exchange got a whole answer all the same."""
    seen = frontend_rows(traffic, rows)
    known = seen != t.NONE
    front = traffic.exchanges[seen[known]]
    whole = (front["response_ended"] == t.END_COMPLETE) | (front["response_ended"] == t.END_UPGRADED)
    result = np.zeros(len(rows), "?")
    sound = (front["status"] >= 100) & (
        front["status"] < 500
    )  # a status line that cannot be read is no answer
    whole |= _relayed(traffic, seen[known])
    result[known] = whole & sound & (traffic.exchange_leg[rows[known]] == t.LEG_BACKEND)
    return result


def _relayed(traffic: Traffic, fronts: np.ndarray) -> np.ndarray:
    """Whether each client got, to the last byte, an answer whose malformed head the load balancer let pass.

    How long its body should be is not known then; of one in chunks a wrong chunk is what is malformed.
    """
    front = traffic.exchanges[fronts]
    connections = traffic.connections[front["connection"]]
    passed = (front["response_ended"] == t.END_MALFORMED) & (front["next"] == t.NONE)
    passed &= (front["flags"] & (t.RSP_BAD | t.RSP_CHUNKED)) == t.RSP_BAD
    passed &= (connections["server_bytes"] > front["response_head"]) & (connections["rst_ns"] == 0)
    return passed & (connections["server_acked"] >= connections["server_bytes"])


def client_left(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether the client of each backend exchange had closed before its answer was whole."""
    seen = frontend_rows(traffic, rows)
    known = np.flatnonzero(seen != t.NONE)
    result = np.zeros(len(rows), "?")
    result[known] = left_early(traffic, seen[known])
    return result


def left_early(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether the client closed before it had the whole response of each of these exchanges.

    A client that ended its own direction only and goes on reading has not left: it acknowledges the
    response to its end, and sends no reset. One that closes upon bytes that are no response was driven away.
    """
    exchanges = traffic.exchanges[rows]
    connections = traffic.connections[exchanges["connection"]]
    first = (connections["closed_by"] == endings.CLIENT) & (exchanges["next"] == t.NONE)
    first &= exchanges["response_ended"] != t.END_MALFORMED
    # An error that came before the close is its answer, though a short snaplen hides where it ended.
    cut = (exchanges["response_ended"] == t.END_GAP) & (exchanges["status"] >= 500)
    first &= ~(cut & endings.answered_before_close(traffic, rows))
    whole = endings.response_whole(traffic, rows)
    reset = (connections["flags"] & t.CONN_RST_CLIENT) != 0
    ended = (connections["flags"] & (t.CONN_FIN_SERVER | t.CONN_RST_SERVER)) != 0
    # A response sent to a client that is gone is whole on the wire, but neither read nor acknowledged.
    unread = (connections["server_acked"] < connections["server_bytes"]) & (
        connections["client_close_acked"] < (connections["server_bytes"] & 0xFFFFFFFF)
    )
    # TLS and HTTP/2 add bytes of their own after a response (close_notify, a last empty frame): that those
    # went unread tells nothing, so there the response itself must have come after the close.
    if len(traffic.decrypted):
        late = endings.response_end_ns(traffic, rows) > endings.close_ns(traffic, rows)
        unread &= late | ~traffic.decrypted[exchanges["connection"]]
    # In the middle of a response: a half-closed client would have had the rest of it.
    return first & np.where(whole, reset & unread, reset | ended)


def sent_to_nobody(traffic: Traffic, leg: int) -> np.ndarray:
    """Rows of the leg's exchanges answered in full to one who had closed by then, and answered with RST."""
    connections = traffic.connections
    suspect = endings.connections_on(traffic, leg)
    suspect &= (connections["flags"] & t.CONN_RST_CLIENT) != 0
    suspect &= (connections["closed_by"] == endings.CLIENT) & (
        connections["server_acked"] < connections["server_bytes"]
    )
    if not suspect.any():
        return np.zeros(0, "i8")
    exchanges = traffic.exchanges
    rows = np.flatnonzero(suspect[exchanges["connection"]] & (exchanges["next"] == t.NONE))
    rows = rows[endings.has_flag(traffic, rows, t.REQ_SEEN) & endings.request_whole(traffic, rows)]
    return rows[endings.response_whole(traffic, rows) & left_early(traffic, rows)]


def requests_behind(traffic: Traffic, connections: np.ndarray) -> np.ndarray:
    """For each backend connection without an exchange, the frontend request that failed with it, or NONE.

    A request is asked about only if the load balancer itself answered it with a 5xx, or not at all. Each
    attempt takes a request of its own while there is one; further attempts of one request share it. On a
    kept-alive connection that served others before, the attempt is what came last.
    """
    result = np.full(len(connections), t.NONE, "u4")
    candidates = unserved(traffic) if len(connections) else connections
    if not len(candidates):
        return result
    ends_ns = answered_ns(traffic, candidates)
    order = np.argsort(ends_ns, kind="stable")
    candidates, ends_ns = candidates[order], ends_ns[order]
    started_ns = traffic.exchanges["start_ns"][candidates]
    left = traffic.exchanges["status"][candidates] == 0
    vantage = traffic.connections["vantage"][traffic.exchanges["connection"][candidates]].astype("i8")
    fits: dict[int, list[int]] = {}
    holder: dict[int, int] = {}
    for i in np.argsort(traffic.connections["first_ns"][connections], kind="stable").tolist():
        attempt = traffic.connections[connections[i]]
        # Of two vantage points, the legs' estimate says how far the backend's clock is ahead.
        ahead_ns, known = clocks(traffic, int(attempt["vantage"]))
        tried_ns = int(attempt["last_ns"]) - int(ahead_ns.max())
        first = int(np.searchsorted(ends_ns, tried_ns - SLACK_NS))
        window = slice(first, first + MAX_IN_FLIGHT)
        kept_alive = bool(attempt["exchanges"])
        begun_ns = int(attempt["last_ns" if kept_alive else "first_ns"]) - ahead_ns[vantage[window]]
        fit = (started_ns[window] <= begun_ns + SLACK_NS) & known[vantage[window]]
        fit &= ends_ns[window] >= int(attempt["last_ns"]) - ahead_ns[vantage[window]] - SLACK_NS
        if kept_alive:
            served_ns = _last_served_ns(traffic, int(connections[i])) - ahead_ns[vantage[window]]
            fit &= started_ns[window] >= served_ns - SLACK_NS
        fitting = first + np.flatnonzero(fit)
        # The load balancer tries as soon as it has the request: the nearest before. One whose client left has
        # its own reason, and one that seems to come after the attempt is for it only if no other is.
        after = started_ns[fitting] > begun_ns[fitting - first]
        order = np.lexsort((-started_ns[fitting], left[fitting], after))
        fits[i] = fitting[order][:MAX_COMPARED].tolist()
        if not _seat(i, fits, holder, set()) and fits[i]:
            result[i] = candidates[fits[i][0]]
    for request, i in holder.items():
        result[i] = candidates[request]
    return result


def _last_served_ns(traffic: Traffic, connection: int) -> int:
    """When the last request that a connection carried began."""
    *_, last = traffic.of_connection(connection)
    return int(traffic.exchanges["start_ns"][last])


def _seat(attempt: int, fits: dict[int, list[int]], holder: dict[int, int], tried: set[int]) -> bool:
    """Give an attempt a request of its own among those that fit it, moving others to another of theirs."""
    for request in fits[attempt]:
        if request in tried or len(tried) >= MAX_COMPARED:
            continue
        tried.add(request)
        if request not in holder or _seat(holder[request], fits, holder, tried):
            holder[request] = attempt
            return True
    return False


class Attempts(NamedTuple):
    """Backend connections that carried no exchange, and what became of the requests they were for."""

    exchanges: np.ndarray  # rows of the frontend requests that failed with them
    connections: np.ndarray  # the attempts themselves, where no failed request is known
    severity: Severity | None  # a warning when every request was served all the same
    waited_s: np.ndarray  # from each attempt to the answer the load balancer gave for it, NaN when unknown
    again: int = 0  # further attempts, made for requests that one of ``connections`` stands for


def clocks(traffic: Traffic, vantage: int) -> tuple[np.ndarray, np.ndarray]:
    """How far this vantage point's clock is ahead of each other's, and whether that is known."""
    ahead_ns, known = np.zeros(256, "i8"), np.zeros(256, "?")
    known[vantage] = True
    for (frontend, backend), (offset_ns, _error_ns) in traffic.clock_offsets_ns.items():
        if backend == vantage:
            ahead_ns[frontend], known[frontend] = offset_ns, True
    return ahead_ns, known


def of_attempts(traffic: Traffic, connections: np.ndarray) -> Attempts:
    """The failed requests behind these attempts; without a frontend, the attempts stand for them."""
    behind = requests_behind(traffic, connections)
    known = behind != t.NONE
    waited_s = np.full(len(connections), np.nan)
    waited_ns = answered_ns(traffic, behind[known]) - traffic.connections["first_ns"][connections[known]]
    waited_s[known] = waited_ns / 1e9
    if known.any():
        return Attempts(distinct(behind[known]).astype("i8"), connections[:0], None, waited_s)
    read = start_line_read(traffic.exchanges)
    frontend = traffic.exchange_leg == t.LEG_FRONTEND
    if frontend.any() and read[frontend].all():
        return Attempts(connections[:0], connections, Severity.WARNING, waited_s)
    last = tries.last_tries(traffic, connections)
    return Attempts(connections[:0], last, None, waited_s, len(connections) - len(last))


def answered_ns(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """When each request was answered, or its connection closed without an answer."""
    began_ns = endings.answer_ns(traffic, rows)
    return np.where(began_ns == 0, endings.close_ns(traffic, rows), began_ns)


def unserved(traffic: Traffic) -> np.ndarray:
    """Rows of whole frontend requests that failed with no backend exchange to show for it."""
    exchanges = traffic.exchanges
    mask = traffic.exchange_leg == t.LEG_FRONTEND
    mask &= (exchanges["status"] >= 500) | (exchanges["status"] == 0)
    mask &= traffic.peer == t.NONE
    # One whose start line a short snaplen cuts could not be known again: it may have been served.
    mask &= start_line_read(exchanges)
    rows = np.flatnonzero(mask)
    ended = exchanges["response_ended"][rows]
    # What only a short snaplen hides of an answer came all the same.
    lost = (ended == t.END_GAP) & (endings.heads_seen_whole(traffic, rows) | (exchanges["status"][rows] == 0))
    sent = (exchanges["request_ended"][rows] == t.END_GAP) | endings.request_whole(traffic, rows)
    return rows[
        endings.has_flag(traffic, rows, t.REQ_SEEN) & sent & (ended != t.END_OPEN) & ~lost
        & ((exchanges["status"][rows] != 0)
           | ((endings.close_ns(traffic, rows) != 0) & endings.seen_whole(traffic, rows)))
    ]  # fmt: skip


def connecting_meanwhile(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether the load balancer tried a backend while each of these frontend requests waited, and for
    no other known request: it opened a connection that carried none, or sent one that nobody could join."""
    connections, exchanges = traffic.connections, traffic.exchanges
    bare = (traffic.leg == t.LEG_BACKEND) & (connections["exchanges"] == 0)
    stray = (traffic.exchange_leg == t.LEG_BACKEND) & (traffic.peer == t.NONE)
    stray &= (exchanges["flags"] & t.REQ_HEALTH) == 0
    opened_ns = np.sort(np.concatenate([connections["first_ns"][bare], exchanges["start_ns"][stray]]))
    until_ns = answered_ns(traffic, rows)
    first = np.searchsorted(opened_ns, traffic.exchanges["start_ns"][rows])
    return first < np.searchsorted(opened_ns, until_ns)


def backend_status(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """What a backend answered to each frontend request; 0 = nothing, or not seen."""
    peers = traffic.peer[rows]
    status = np.zeros(len(rows), "u2")
    known = peers != t.NONE
    status[known] = traffic.exchanges["status"][peers[known]]
    return status
