"""How exchanges that did not run to their ends were ended: by whom, by what, and what they knew by then.

The detectors that tell one early close from another (a reset from a race, a time-out from a client that
left) all decide by these columns, so that no two of them claim one exchange for opposite reasons. Every
function takes exchange or connection row numbers and gives a column of the same length.

What the columns can say rests on two rules of TCP. A FIN, and a reset that a process asked for, carry the
acknowledgement of all that was received: an end that did not acknowledge a request was sent before the
request arrived. A reset that answers a segment to a closed socket acknowledges nothing.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from pcapdiag import tables as t
from pcapdiag.columns import among, distinct
from pcapdiag.traffic import Traffic

CLIENT, SERVER, NOBODY = 0, 1, 255

# A sender that says too much or too little of its body is off by some bytes. One that leaves more than a
# socket buffer's worth unsent was still at work: it broke off.
MISCOUNT_BYTES = 65_536
# Nor does one that waits so long with most of the body unsent: it was held up, and gave up.
HELD_UP_S = 1.0

#: Of a connection that began within the capture.
BEGUN = t.CONN_SYN | t.CONN_SYNACK

#: Flags that few exchanges have.
ODD = (
    t.REQ_BAD | t.REQ_GARBLED | t.REQ_EXTRA | t.REQ_NO_HOST
    | t.RSP_BAD | t.RSP_EXTRA | t.RSP_TLS | t.RSP_THROTTLED
)  # fmt: skip

_WHOLE = np.zeros(256, "?")
_WHOLE[[t.END_COMPLETE, t.END_BY_CLOSE, t.END_UPGRADED]] = True
_UNBODIED = [t.METHODS.index(method) for method in ("GET", "HEAD", "DELETE", "OPTIONS", "TRACE")]


def on_leg(traffic: Traffic, leg: int) -> np.ndarray:
    """Mask of the exchanges of a leg; what has no load balancer in it counts as frontend."""
    return connections_on(traffic, leg)[traffic.exchanges["connection"]]


def connections_on(traffic: Traffic, leg: int) -> np.ndarray:
    """Mask of the connections of a leg; what has no load balancer in it counts as frontend, unless another
    vantage point's view of the same connection is judged."""
    if leg == t.LEG_BACKEND:
        return traffic.leg == leg
    return (
        (traffic.leg != t.LEG_BACKEND) & ~traffic.twin if len(traffic.twin) else traffic.leg != t.LEG_BACKEND
    )


def unfinished(traffic: Traffic, leg: int) -> np.ndarray:
    """Rows of the leg's requests that got no whole response, or were not whole themselves.

    Not among them: exchanges that went on, unclosed by anyone, when the capture ended, and those on
    connections of which the capture misses bytes, or a whole direction: what is not seen is not judged.
    """
    rows = kept(traffic, "unfinished", _unfinished)
    return rows[_are_on(traffic, rows, leg)]


def errors(traffic: Traffic, leg: int | None = None) -> np.ndarray:
    """Rows of the exchanges answered with a status of 400 or more; of one leg, or of both."""
    rows = kept(traffic, "errors", lambda of: np.flatnonzero(of.exchanges["status"] >= 400))
    if leg is None:
        return rows[judged(traffic, traffic.exchanges["connection"][rows])]
    return rows[_are_on(traffic, rows, leg)]


def flagged(traffic: Traffic, flags: int, leg: int) -> np.ndarray:
    """Rows of the leg's exchanges with one of these flags, which must be among ``ODD``."""
    rows = kept(traffic, "odd", lambda of: np.flatnonzero((of.exchanges["flags"] & ODD) != 0))
    return rows[_are_on(traffic, rows, leg) & has_flag(traffic, rows, flags)]


def judged(traffic: Traffic, connections: np.ndarray) -> np.ndarray:
    """Whether each of these connections is not another vantage point's view of one that is judged."""
    return ~traffic.twin[connections] if len(traffic.twin) else np.ones(len(connections), "?")


def _are_on(traffic: Traffic, rows: np.ndarray, leg: int) -> np.ndarray:
    """Whether these exchanges are of the leg."""
    on = traffic.exchanges["connection"][rows]
    legs = traffic.leg[on]
    return legs == leg if leg == t.LEG_BACKEND else (legs != t.LEG_BACKEND) & judged(traffic, on)


def kept(traffic: Traffic, name: str, choose: Callable[[Traffic], np.ndarray]) -> np.ndarray:
    """A choice of rows that many detectors begin with, made once and kept with its traffic."""
    kept: dict[str, np.ndarray] = traffic.__dict__.setdefault("_chosen_rows", {})
    if name not in kept:
        kept[name] = choose(traffic)
    return kept[name]


def _unfinished(traffic: Traffic) -> np.ndarray:
    exchanges = traffic.exchanges
    mask = ~_WHOLE[exchanges["request_ended"]]
    mask |= ~_WHOLE[exchanges["response_ended"]]
    rows = np.flatnonzero(mask)
    rows = rows[(exchanges["response_ended"][rows] != t.END_GAP) & has_flag(traffic, rows, t.REQ_SEEN)]
    rows = rows[(closed_by(traffic, rows) != NOBODY) & seen_whole(traffic, rows)]
    rows = rows[~answered_unread(traffic, rows)]
    rows = rows[~among(exchanges["connection"][rows], _mispaired(traffic))]
    # Bytes that only a short snaplen hides were sent all the same.
    return rows[
        (exchanges["request_ended"][rows] != t.END_GAP) | connection_flag(traffic, rows, t.CONN_TRUNCATED)
    ]


def seen_whole(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether the capture holds both directions of each exchange's connection, without a gap."""
    connections = traffic.connections[traffic.exchanges["connection"][rows]]
    both = (connections["client_packets"] > 0) & (connections["server_packets"] > 0)
    return both & ((connections["flags"] & (t.CONN_GAP | t.CONN_EVICTED)) == 0)


def answers_unseen(traffic: Traffic) -> np.ndarray:
    """Mask of the connections whose client went on after its SYN, though no packet of the server's is here:
    it was answered, and the capture holds one direction only."""
    connections = traffic.connections
    went_on = (connections["flags"] & (t.CONN_SYN | t.CONN_DATA_CLIENT)) == t.CONN_SYN | t.CONN_DATA_CLIENT
    return went_on & (connections["client_packets"] > 0) & (connections["server_packets"] == 0)


def captured_in_part(traffic: Traffic) -> bool:
    """Whether a short snaplen cut bytes off, or only one direction is here: it is then not known of every
    request what became of it."""
    cut = (traffic.connections["flags"] & t.CONN_TRUNCATED) != 0
    return bool(cut.any() or answers_unseen(traffic).any())


def misses_packets(traffic: Traffic) -> bool:
    """Whether the capture is known to miss packets of some connection."""
    return bool(((traffic.connections["flags"] & t.CONN_GAP) != 0).any())


def heads_seen_whole(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether no bytes of each exchange's connection were cut off by the snaplen: where a message ends, and
    which headers it has, is then known."""
    return ~connection_flag(traffic, rows, t.CONN_TRUNCATED)


def _mispaired(traffic: Traffic) -> np.ndarray:
    """Connections in the middle of which stands a response without a request: the capture stores packets out
    of order, or misses some, and each later response may be another request's.

    At the beginning such a response is in order, unless it does not end: it may have answered a HEAD, and
    what seems its body is the responses to all that was asked later.
    """
    exchanges = traffic.exchanges
    orphans = np.flatnonzero((exchanges["flags"] & (t.REQ_SEEN | t.RSP_SEEN)) == t.RSP_SEEN)
    wrong = connection_flag(traffic, orphans, BEGUN) | ~traffic.is_first(orphans)
    wrong |= ~response_whole(traffic, orphans)
    return exchanges["connection"][orphans[wrong & (exchanges["next"][orphans] != t.NONE)]]


def answered_unread(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether the server sent bytes on each connection of which nobody knows whether they answer the request:
    no response was recognised in them, for the capture misses what came before."""
    none = traffic.is_first(rows) & ~response_begun(traffic, rows)
    none &= ~connection_flag(traffic, rows, BEGUN) | connection_flag(traffic, rows, t.CONN_TRUNCATED)
    connections = traffic.connections[traffic.exchanges["connection"][rows]]
    # Its FIN alone, an answer to the client's, does not tell how much came before.
    only_fin = (connections["server_packets"] == 1) & (connections["closed_by"] == CLIENT)
    return none & ((connections["server_bytes"] > 0) | (only_fin & (connections["server_fin_ns"] != 0)))


def readable(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether the capture also holds every byte of it: only then may its bytes be found wrong."""
    return seen_whole(traffic, rows) & ~connection_flag(traffic, rows, t.CONN_TRUNCATED)


def request_whole(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether each request came to its end. One hidden by a short snaplen is taken to have, if its method has
    no body: with one, nobody knows how long it should have been (see ``hidden``)."""
    ended = traffic.exchanges["request_ended"][rows]
    unbodied = among(traffic.exchanges["method"][rows], _UNBODIED)
    return _WHOLE[ended] | (hidden(traffic, rows) & unbodied)


def hidden(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether a short snaplen hides how long each request was: it is then neither whole nor not."""
    gap = traffic.exchanges["request_ended"][rows] == t.END_GAP
    return gap & connection_flag(traffic, rows, t.CONN_TRUNCATED)


def cut_short(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether a short snaplen hides how far each exchange got."""
    ended = traffic.exchanges[rows]
    gap = (ended["request_ended"] == t.END_GAP) | (ended["response_ended"] == t.END_GAP)
    return gap & connection_flag(traffic, rows, t.CONN_TRUNCATED)


def response_whole(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether each response came to its end."""
    return _WHOLE[traffic.exchanges["response_ended"][rows]]


def in_head(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether each request, not whole, ended within its start line and header fields."""
    return (traffic.exchanges["request_missing"][rows] == 0) & ~has_flag(traffic, rows, t.REQ_CHUNKED)


def response_begun(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether a byte of each response was seen."""
    return (traffic.exchanges["flags"][rows] & t.RSP_SEEN) != 0


def has_flag(traffic: Traffic, rows: np.ndarray, flag: int) -> np.ndarray:
    """Whether each exchange has a REQ_* or RSP_* flag."""
    return (traffic.exchanges["flags"][rows] & flag) != 0


def connection_flag(traffic: Traffic, rows: np.ndarray, flag: int) -> np.ndarray:
    """Whether each exchange's connection has a CONN_* flag."""
    return (traffic.connections["flags"][traffic.exchanges["connection"][rows]] & flag) != 0


def closed_by(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Who first sent FIN or RST on each exchange's connection."""
    return traffic.connections["closed_by"][traffic.exchanges["connection"][rows]]


def close_ns(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """When that FIN or RST was sent; 0 when the connection stayed open."""
    connections = traffic.connections[traffic.exchanges["connection"][rows]]
    fin = np.where(
        connections["closed_by"] == SERVER, connections["server_fin_ns"], connections["client_fin_ns"]
    )
    rst = connections["rst_ns"]
    return np.where((fin == 0) | ((rst != 0) & (rst < fin)), rst, fin)


def closed_by_reset(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether what closed each exchange's connection was an RST, not a FIN."""
    connections = traffic.connections[traffic.exchanges["connection"][rows]]
    return (connections["rst_ns"] != 0) & (connections["rst_ns"] == close_ns(traffic, rows))


def idle_before_s(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """How long each connection lay idle between the response before and the request; NaN if unknown."""
    exchanges = traffic.exchanges
    previous = traffic.previous(rows)
    known = previous != t.NONE
    before = exchanges[previous[known]]
    known_end = before["response_end_us"] != t.NEVER
    idle_ns = (
        exchanges["start_ns"][rows[known]]
        - before["start_ns"]
        - before["response_end_us"].astype("i8") * 1000
    )
    idle = np.full(len(rows), np.nan)
    idle[known] = np.where(known_end, idle_ns / 1e9, np.nan)
    return idle


def idle_close_s(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """From the response before each request to its server's FIN: that one's idle timeout; NaN if unknown."""
    fin_ns = traffic.connections["server_fin_ns"][traffic.exchanges["connection"][rows]]
    later_s = (fin_ns - traffic.exchanges["start_ns"][rows]) / 1e9
    return np.where(fin_ns != 0, idle_before_s(traffic, rows) + later_s, np.nan)


def kept_alive(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether each request went out on a connection that had served before (or is older than the capture)."""
    reused = ~traffic.is_first(rows)
    return reused | ~connection_flag(traffic, rows, BEGUN)


def met_close(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether the server closed before it had seen a byte of the request, which is the connection's last."""
    exchanges = traffic.exchanges[rows]
    connections = traffic.connections[exchanges["connection"]]
    # A chunked body is longer on the wire than decoded: at most this places the request too late by its
    # framing, and one segment acknowledged is more than that.
    begins_at = connections["client_bytes"] - exchanges["request_head"] - exchanges["request_body"]
    # One of which a short snaplen hides the length began before the last byte.
    begins_at = np.where(
        hidden(traffic, rows), np.minimum(begins_at, connections["client_bytes"] - 1), begins_at
    )
    unseen = connections["server_close_acked"] <= (np.maximum(begins_at, 0) & 0xFFFFFFFF)
    last = exchanges["next"] == t.NONE
    return last & (connections["closed_by"] == SERVER) & unseen


def after_last_answer(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether each request was begun on a connection of which an earlier answer, whole by then, had said that
    it was the last (Connection: close): no client may send another there (RFC 9112, 9.6)."""
    exchanges = traffic.exchanges
    if not len(rows):
        return np.zeros(0, "?")
    on = distinct(exchanges["connection"][rows])
    last = np.flatnonzero(among(exchanges["connection"], on))
    last = last[has_flag(traffic, last, t.RSP_CLOSE) & (exchanges["response_end_us"][last] != t.NEVER)]
    told_ns = np.full(len(on), np.iinfo("i8").max)
    np.minimum.at(told_ns, np.searchsorted(on, exchanges["connection"][last]), response_end_ns(traffic, last))
    of_row: np.ndarray = told_ns[np.searchsorted(on, exchanges["connection"][rows])]
    return of_row < exchanges["start_ns"][rows]


def wait_s(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """From the last byte of each request (as far as it came) to the close of its connection."""
    exchanges = traffic.exchanges[rows]
    sent_us = np.where(exchanges["request_end_us"] == t.NEVER, 0, exchanges["request_end_us"]).astype("i8")
    return np.maximum(close_ns(traffic, rows) - exchanges["start_ns"] - sent_us * 1000, 0) / 1e9


def is_last_attempt(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether each backend exchange is the last its frontend request led to: retries come after the first."""
    peers = traffic.peer[rows]
    if not len(rows):
        return np.zeros(0, "?")
    siblings = np.flatnonzero(
        (traffic.exchange_leg == t.LEG_BACKEND) & among(traffic.peer, peers[peers != t.NONE])
    )
    order = np.lexsort((traffic.exchanges["start_ns"][siblings], traffic.peer[siblings]))
    siblings = siblings[order]
    of = traffic.peer[siblings]
    last = siblings[np.append(of[1:] != of[:-1], True)]
    return among(rows, last)


def answer_ns(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """When each response began; 0 where none did."""
    exchanges = traffic.exchanges[rows]
    began_ns = exchanges["start_ns"] + exchanges["response_start_us"].astype("i8") * 1000
    return np.where(exchanges["response_start_us"] == t.NEVER, 0, began_ns)


def response_end_ns(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """When the last byte of each response came; 0 where none did."""
    exchanges = traffic.exchanges[rows]
    ended_ns = exchanges["start_ns"] + exchanges["response_end_us"].astype("i8") * 1000
    return np.where(exchanges["response_end_us"] == t.NEVER, 0, ended_ns)


def answered_before_close(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether each response had begun when its connection's first FIN or RST was sent."""
    began_ns, closed_ns = answer_ns(traffic, rows), close_ns(traffic, rows)
    return (began_ns != 0) & ((closed_ns == 0) | (began_ns < closed_ns))


def ended_short_in_order(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether each request's sender ended its side by FIN a few bytes short of the announced length."""
    exchanges = traffic.exchanges[rows]
    short = (exchanges["request_missing"] > 0) & (exchanges["request_missing"] < MISCOUNT_BYTES)
    short &= (exchanges["request_ended"] == t.END_FIN) & (exchanges["request_body"] > 0)
    short &= (exchanges["request_missing"] <= exchanges["request_body"]) | (wait_s(traffic, rows) < HELD_UP_S)
    return short & has_flag(traffic, rows, t.REQ_LENGTH) & ~connection_flag(traffic, rows, t.CONN_RST_CLIENT)


def unread_response(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether bytes of the server got to the capture that the client could not acknowledge: some before them
    are missing on the path, so a response was sent and did not arrive whole.

    What comes to a client that has reset, with no hole before it, is only too late.
    """
    on = traffic.exchanges["connection"][rows]
    connections = traffic.connections[on]
    last = traffic.exchanges["next"][rows] == t.NONE
    gap = (connections["flags"] & t.CONN_GAP) != 0
    holed = traffic.troubles["connection"][
        (traffic.troubles["direction"] == SERVER) & (traffic.troubles["hole_bytes"] > 0)
    ]
    late = (connections["closed_by"] == CLIENT) & closed_by_reset(traffic, rows) & ~among(on, holed)
    late &= ~response_begun(traffic, rows)
    return last & (gap | (connections["server_acked"] < connections["server_bytes"])) & ~(late & ~gap)


def capture_end_ns(traffic: Traffic) -> np.ndarray:
    """When the capture ended, one a vantage point."""
    ends = np.zeros(256, "i8")
    for file in traffic.files:
        ends[file.vantage] = max(int(ends[file.vantage]), file.last_ns)
    return ends
