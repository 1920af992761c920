"""The client left after its whole request, before it had the whole response.

What the wire shows
    The client's FIN or RST comes after the last byte of its request and before the last byte of the
    response; the client reads no further. The waits tell much: equal ones are a timer.

Why it happens
    A time-out in the client (or in a proxy before the load balancer) is shorter than the answer takes, or
    the user went away. The answer takes long because the backend is slow, because the path loses packets,
    or because it is large. Alibaba Cloud logs 499, AWS 460; the client has no status at all.

What to do
    When the waits cluster at one value, find that time-out in the client and make it longer than the slowest
    answer should take. Then make the answer faster: see slow-backend, backend-packet-loss and
    frontend-packet-loss for the same requests.

What it could be mistaken for
    Half-close: a client may end its sending side (FIN) and still read the whole response; no fault. A stream
    of server-sent events ends when its client closes, and in no other way.
    backend-reset and backend-response-timeout: when the client leaves, the load balancer closes its backend
    connection too, and that is not the backend's doing. client-closed-before-request: there the request was
    not whole.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag import words
from pcapdiag.causes import claims, endings, losses, outcome, probes, reading
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.columns import union
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "client-closed-before-response",
    Severity.ERROR,
    legs=("frontend",),
    statuses=(460, 499),
    outranks=(
        "backend-response-timeout",
        "slow-backend",
        "backend-error-status",
        "response-content-length-mismatch",
    ),
    mistaken_for=(
        ("backend-response-timeout", "the client closed first; the load balancer had not given up"),
        ("backend-reset", "what ended on the backend leg was the load balancer's own close"),
        ("client-closed-before-request", "the whole request had been sent"),
    ),
    on_backend="backend-response-timeout",
)

SLOW_BACKEND, SLOW_TRANSFER, PATH_LOSS, UNKNOWN = "slow backend", "slow transfer", "packet loss", "unknown"


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    rows = left_early(traffic)
    if not len(rows):
        return
    waits_s = endings.wait_s(traffic, rows)
    clustered = claims.cluster(waits_s)
    begun = int(endings.answered_before_close(traffic, rows).sum())
    reasons = _reasons(traffic, rows)
    reason = max(reasons, key=lambda r: reasons[r])
    names = claims.involved(traffic, rows, t.LEG_FRONTEND)
    median_s = claims.median(waits_s)
    ends = [words.seconds(float(wait_s)) for wait_s in (waits_s.min(), waits_s.max())]
    spread = " to ".join(dict.fromkeys(ends))
    whose = "the client, or in a proxy before the load balancer"
    if not traffic.alb:
        whose = "whoever asked, a client or a load balancer"
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_FRONTEND,
        title=(
            f"{claims.of_requests(traffic, t.LEG_FRONTEND)} had no whole answer when "
            f"{claims.who(names, 'clients')} "
            f"closed, {words.seconds(median_s)} after the request (median)"
            + ((": a client time-out" if traffic.alb else ": a time-out") if clustered else "")
        ),
        explanation=(
            f"{'The clients' if traffic.alb else 'They'} sent whole requests, waited {spread}, and closed"
            + (f" (in {begun} cases in the middle of the response)" if begun else "")
            + (". The waits cluster at one value, so a timer ended them" if clustered else "")
            + f". What they waited for: {', '.join(f'{reason} ({n})' for reason, n in reasons.items())}."
        ),
        remedy=(
            (
                f"Find the time-out of {words.seconds(median_s)} in {whose}; make it longer than the "
                "slowest answer should take."
                if clustered
                else "Ask these clients why they left: users going away need no remedy, time-outs do."
            ),
            "Make the answers faster: see where the time of these requests went on the backend leg.",
        ),
        exchanges=rows,
        facts={
            "median_wait_s": claims.median(waits_s),
            "shortest_wait_s": round(float(waits_s.min()), 3),
            "longest_wait_s": round(float(waits_s.max()), 3),
            "waits_cluster": clustered,
            "responses_begun": begun,
            "reason": reason,
        },
        note="the request, and the client's close",
    )


def left_early(traffic: Traffic) -> np.ndarray:
    """Rows of frontend exchanges whose client left after the whole request and before the whole response."""
    rows = endings.unfinished(traffic, t.LEG_FRONTEND)
    rows = rows[endings.request_whole(traffic, rows) & ~endings.has_flag(traffic, rows, t.REQ_BAD)]
    # What a short snaplen hides of a request was sent if the load balancer handed it on.
    rows = rows[~endings.hidden(traffic, rows) | (traffic.peer[rows] != t.NONE)]
    rows = rows[outcome.left_early(traffic, rows)]
    rows = rows[~reading.ended_streams(traffic, rows)]
    rows = rows[~probes.had_enough(traffic, rows)]
    return union(rows, outcome.sent_to_nobody(traffic, t.LEG_FRONTEND)).astype("i8")


def _reasons(traffic: Traffic, rows: np.ndarray) -> dict[str, int]:
    """Why the answers were not there, and for how many: what the backend leg of each request shows."""
    lost = losses.stalled(traffic, rows)
    peers = traffic.peer[rows]
    known = np.flatnonzero(peers != t.NONE)
    silent = np.zeros(len(rows), "?")
    begun_ns = traffic.exchanges["response_start_us"][peers[known]].astype("i8") * 1000
    begun_ns += traffic.exchanges["start_ns"][peers[known]]
    never = ~endings.response_begun(traffic, peers[known])
    silent[known] = never | (begun_ns > endings.close_ns(traffic, rows[known]))
    begun = endings.answered_before_close(traffic, rows)
    reason = np.select([lost, silent, begun], [PATH_LOSS, SLOW_BACKEND, SLOW_TRANSFER], UNKNOWN)
    names, counts = np.unique(reason, return_counts=True)
    return {str(names[i]): int(counts[i]) for i in np.argsort(-counts, kind="stable")}
