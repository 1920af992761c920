"""A backend took a request and never answered; the load balancer gave up.

What the wire shows
    The backend acknowledged the whole request and sent no byte of response. After a while, the same each
    time, the load balancer closes that connection first, and answers 504 if its client still waits.

Why it happens
    The application is slower than the load balancer's response time-out (60 s by default on AWS, where it is
    the idle time-out, and on Alibaba Cloud, where it is the request time-out): a slow query, a lock, a
    dependency that hangs, a pool of workers or connections that ran out.

What to do
    Find what these requests wait for: the backend's slow log, thread dumps, its own calls to databases. Only
    when such long answers are meant: raise the load balancer's time-out, or answer at once and do the work
    later.

What it could be mistaken for
    client-closed-before-response: there the client left first. Nobody sees that from the backend leg alone:
    where few waits are alike, or the load balancer waited longer for another answer, this is a warning.
    mtu-blackhole, backlog-overflow: there the request was not acknowledged, or the response did not get
    through. backend-connect-timeout: there no connection came about.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag import words
from pcapdiag.causes import claims, endings, losses, outcome
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.columns import among, distinct, union
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "backend-response-timeout",
    Severity.ERROR,
    legs=("backend",),
    statuses=(504,),
    outranks=("slow-backend", "backend-error-status", "status-rewritten"),
    mistaken_for=(
        ("client-closed-before-response", "the load balancer gave up, not the client"),
        ("backend-connect-timeout", "the backend had accepted the connection and acknowledged the request"),
        ("mtu-blackhole", "the request was acknowledged whole, and no part of a response was sent"),
    ),
)

AT_ONCE_NS = 5_000_000  # a load balancer that minds its client closes as soon as the client has
LEAST_TIMEOUT_S = 0.25  # what is given up sooner was not waited for: its client had left, or asked wrongly
LEAST_UNSEEN_S = 0.95  # where no client is seen: theirs are the shorter time-outs
TICK_NS, LATE_TICK_NS = 1_000_000_000, 50_000_000
FEWEST_ALIKE = 3  # waits at one value: two may be chance, or two tries of one client
CLEARLY = 1.05  # times the wait
GATEWAY_TIMEOUT = 504  # RFC 9110, 15.6.5
LOOK_AT_THE_LOG = (
    "See what the load balancer logged for these requests: 504 is its own time-out, 460 or 499 a client's; "
    "or capture its frontend too."
)


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    rows = given_up(traffic, profile)
    if not len(rows):
        return
    rows, severity, healed = claims.failed_or_healed(traffic, rows)
    waits_s = endings.wait_s(traffic, rows)
    waited_s = claims.median(waits_s)
    limit_s = profile.backend_response_timeout_s
    yard = f" ({profile.title}: {words.seconds(limit_s)} by default)" if limit_s is not None else ""
    names = claims.involved(traffic, rows, t.LEG_BACKEND)
    frontend_seen = bool((traffic.peer[rows] != t.NONE).any())
    unsure = _why_unsure(traffic, rows, waits_s, limit_s)
    gave_up = f"closed after {words.seconds(waited_s)}: its time-out, or its clients'"
    if not unsure:
        gave_up = f"gave up after {words.seconds(waited_s)}{yard}"
    yield claims.finding(
        traffic,
        CAUSE,
        t.LEG_BACKEND,
        title=(
            f"{claims.of_requests(traffic, t.LEG_BACKEND)} had no answer from {claims.who(names)} when the "
            f"load balancer {gave_up}" + ("; it tried again, none failed" if severity else "")
        ),
        explanation=(
            "The backend acknowledged each request whole and sent not a byte of response until the load "
            "balancer closed the connection."
            + (
                " Its clients were still waiting."
                if frontend_seen
                else " The frontend is not in this capture: clients that left just then would look the same."
                + (f" That is as likely here, for {unsure}." if unsure else "")
                + _for_whom(traffic, rows)
            )
        ),
        remedy=(
            *((LOOK_AT_THE_LOG,) if unsure else ()),
            f"Find what these requests wait for on {names[0]}: slow log, thread dump, its own calls to "
            "others.",
            "If answers may take that long, raise the load balancer's time-out for them; else fail sooner in "
            "the backend.",
        ),
        exchanges=rows,
        severity=Severity.WARNING if unsure else severity,
        facts={
            "waited_s": waited_s,
            "shortest_wait_s": round(float(waits_s.min()), 3),
            "longest_wait_s": round(float(waits_s.max()), 3),
            **({"alb_response_timeout_s": limit_s} if limit_s is not None else {}),
            "healed_requests": healed,
        },
        note="the request, its acknowledgement, and the load balancer's close",
    )


def _why_unsure(traffic: Traffic, rows: np.ndarray, waits_s: np.ndarray, limit_s: float | None) -> str:
    """Why a time-out of clients, none of which is seen, may have ended these waits; "" where hardly."""
    if (traffic.leg == t.LEG_FRONTEND).any():
        return ""
    if limit_s is not None and float(np.median(waits_s)) >= limit_s - 1:
        return ""
    longest_s = _longest_answered_s(traffic, rows)
    if longest_s > CLEARLY * waits_s.max():
        return f"the load balancer waited longer for another answer ({words.seconds(longest_s)})"
    return f"only {words.counted(len(rows), 'wait')} were alike" if len(rows) < FEWEST_ALIKE else ""


def _longest_answered_s(traffic: Traffic, rows: np.ndarray) -> float:
    """How long the load balancer waited for an answer that came from the servers of these requests."""
    exchanges, servers = traffic.exchanges, traffic.connections["server"]
    asked = among(servers[exchanges["connection"]], servers[exchanges["connection"][rows]])
    asked &= (traffic.exchange_leg == t.LEG_BACKEND) & (exchanges["response_start_us"] != t.NEVER)
    asked &= exchanges["request_end_us"] != t.NEVER
    begun_us = exchanges["response_start_us"][asked].astype("i8") - exchanges["request_end_us"][asked]
    return float(begun_us.max(initial=0)) / 1e6


def _for_whom(traffic: Traffic, rows: np.ndarray) -> str:
    """For how many clients the requests were, where forwarding headers say so: each has a timer."""
    forwarded = distinct(traffic.exchanges["forwarded"][rows])
    if len(rows) < 2 or not forwarded.all():
        return ""
    return " All were for one client." if len(forwarded) == 1 else f" They were for {len(forwarded)} clients."


def given_up(traffic: Traffic, profile: Profile) -> np.ndarray:
    """Rows of backend exchanges, acknowledged and unanswered, that the load balancer gave up by itself."""
    rows = endings.unfinished(traffic, t.LEG_BACKEND)
    rows = rows[endings.request_whole(traffic, rows) & ~endings.response_begun(traffic, rows)]
    rows = rows[
        (endings.closed_by(traffic, rows) == endings.CLIENT) & ~endings.unread_response(traffic, rows)
    ]
    # A backend that answers when the load balancer has closed answers nobody.
    late = outcome.sent_to_nobody(traffic, t.LEG_BACKEND)
    late = late[~endings.answered_before_close(traffic, late)]
    rows = union(rows, late).astype("i8")
    connections = traffic.connections[traffic.exchanges["connection"][rows]]
    rows = rows[connections["client_acked"] >= connections["client_bytes"]]
    # A request acknowledged at last, after repeats that took up the time, had not been delivered by then.
    rows = rows[~losses.stalled(traffic, rows)]
    frontend_seen = (traffic.exchange_leg == t.LEG_FRONTEND).any()
    if frontend_seen:
        rows = rows[(traffic.peer[rows] != t.NONE) & ~outcome.client_left(traffic, rows)]
        timed_out = traffic.exchanges["status"][traffic.peer[rows]] == GATEWAY_TIMEOUT
        rows = rows[timed_out | (endings.wait_s(traffic, rows) >= LEAST_TIMEOUT_S)]
        return rows[~_hung_up(traffic, rows)]
    hung_up = _a_client_closed(traffic, rows)
    if 2 * np.count_nonzero(hung_up) > len(rows):  # fewer are chance: clients close when answered, too
        rows = rows[~hung_up]
    # Without the frontend nobody tells a load balancer's time-out from a client's: take what a timer ended.
    waits_s = endings.wait_s(traffic, rows)
    limit_s = profile.backend_response_timeout_s
    by_default = np.zeros(len(rows), "?") if limit_s is None else waits_s >= limit_s - 1
    least_s = LEAST_TIMEOUT_S if (traffic.leg == t.LEG_FRONTEND).any() else LEAST_UNSEEN_S
    by_timer = claims.common(waits_s) | _at_ticks(endings.close_ns(traffic, rows), waits_s)
    return rows[(by_timer & (waits_s >= least_s)) | by_default]


def _at_ticks(closed_ns: np.ndarray, waits_s: np.ndarray) -> np.ndarray:
    """Which of these waits a timer ended that is looked at once a second: they differ by less than that, and
    end at the same fraction of a second, as most others do (lighttpd, Squid, Traffic Server)."""
    at_tick = np.zeros(len(waits_s), "?")
    if len(waits_s) < FEWEST_ALIKE:
        return at_tick
    fractions = closed_ns % TICK_NS
    order = np.argsort(fractions)
    around = np.concatenate([fractions[order], fractions[order] + TICK_NS])
    counts = np.searchsorted(around, around[: len(order)] + LATE_TICK_NS, side="right") - np.arange(
        len(order)
    )
    first = int(np.argmax(counts))
    members = order[np.arange(first, first + counts[first]) % len(order)]
    if len(members) < max(FEWEST_ALIKE, len(order) / 2) or np.ptp(waits_s[members]) * 1e9 > TICK_NS:
        return at_tick
    at_tick[members] = True
    return at_tick


def _hung_up(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether the load balancer closed upon its client's FIN: some take a half-close for an abort."""
    fronts = traffic.peer[rows]
    by_client = endings.closed_by(traffic, fronts) == endings.CLIENT
    later_ns = endings.close_ns(traffic, rows) - endings.close_ns(traffic, fronts)
    unanswered = ~endings.answered_before_close(traffic, fronts)
    return by_client & unanswered & (later_ns >= -outcome.SLACK_NS) & (later_ns < LEAST_TIMEOUT_S * 1e9)


def _a_client_closed(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether a client closed a frontend connection, of which nothing else can be read, just before the load
    balancer closed that of each request."""
    connections = traffic.connections
    left = (traffic.leg == t.LEG_FRONTEND) & (connections["closed_by"] == endings.CLIENT)
    fin_ns, rst_ns = connections["client_fin_ns"][left], connections["rst_ns"][left]
    left_ns = np.sort(np.where((fin_ns == 0) | ((rst_ns != 0) & (rst_ns < fin_ns)), rst_ns, fin_ns))
    closed_ns = endings.close_ns(traffic, rows)
    before = np.searchsorted(left_ns, closed_ns - AT_ONCE_NS)
    return np.searchsorted(left_ns, closed_ns) > before
