"""A backend took far longer for some answers than for its others, or than anyone should wait.

What the wire shows
    From the last byte of the request to the first byte of the response the backend was silent, for far
    longer than its own median or than the profile's budget. Nothing was sent again in that time, and no
    window was closed: it thought.

Why it happens
    A slow query or a lock, garbage collection, a cold cache or a cold start, a call to another service
    that answers slowly, all workers busy with others so that the request waits in a queue of the process.
    The clouds wait 60 s before they give up (AWS: idle time-out; Alibaba Cloud: request time-out), so
    clients may leave first.

What to do
    Look up these targets and times in the backend's slow log or traces. If all of them are one target,
    look at its code and queries; if all targets are slow at one time, look at the host, its pools and its
    garbage collection.

What it could be mistaken for
    A path that is always slow is reported as information only: it may wait on purpose.
    backend-packet-loss: there a repeat fills the gap. backend-zero-window: there the backend had not yet
    read the request. backend-response-timeout: there no answer came. Long polls wait on purpose,
    downloads last long after their first byte, uploads before their last: none of them is slow. A backend
    all of whose answers take long, within the budget, is as it is built.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

import numpy as np

from pcapdiag import tables as t
from pcapdiag import words
from pcapdiag.causes import attempts, claims, endings, losses
from pcapdiag.causes.cause import Cause, Finding, Severity
from pcapdiag.columns import among, distinct
from pcapdiag.profiles import Profile
from pcapdiag.traffic import Traffic

CAUSE = Cause(
    "slow-backend",
    Severity.WARNING,
    legs=("backend",),
    outranks=("backend-high-rtt",),
    mistaken_for=(
        ("backend-packet-loss", "nothing was sent again while it was silent"),
        ("backend-zero-window", "the backend had taken the whole request"),
        ("backend-response-timeout", "the answer came"),
    ),
)

SAMPLES = 100_000  # answers by which a backend's usual time is told
NO_WORD = re.compile("[^a-z0-9]+")
MANY_PATHS = 3  # slow at once: it is the backend, not one path's nature
QUICKER = 3  # times quicker: the same path can do better
NOTHING_NEW = (204, 304)  # what a long poll says when its time is up


def find(traffic: Traffic, profile: Profile) -> Iterator[Finding]:
    exchanges = traffic.exchanges
    floor_us = int(profile.slow_backend_floor_s * 1e6)
    mask = exchanges["response_start_us"] > floor_us
    mask &= exchanges["response_start_us"] != t.NEVER
    rows = np.flatnonzero(mask)
    rows = rows[(traffic.exchange_leg[rows] == t.LEG_BACKEND) & (exchanges["status"][rows] >= 200)]
    rows = rows[_silent_us(traffic, rows) > floor_us]
    rows = rows[~endings.has_flag(traffic, rows, t.REQ_HEALTH) & endings.seen_whole(traffic, rows)]
    rows = rows[endings.heads_seen_whole(traffic, rows)]
    # What was sent when its reader had gone is told of elsewhere.
    rows = rows[endings.answered_before_close(traffic, rows)]
    rows = rows[~_waits_on_purpose(traffic, profile, rows)]
    rows = rows[~_sent_again(traffic, rows)]
    if not len(rows):
        return
    usual = _usual_us(traffic, rows)
    silent_us = _silent_us(traffic, rows)
    far_us = np.minimum(
        np.maximum(usual[:, 0] * profile.slow_backend_factor, floor_us), profile.slow_backend_s * 1e6
    )
    far = silent_us > far_us
    if not far.any():
        return
    # What always takes long may be made so (an unmarked long poll): told, but not held against anyone.
    unlike = far & _unlike_itself(traffic, rows, far)
    chosen, severity = (unlike, Severity.WARNING) if unlike.any() else (far, Severity.INFO)
    yield _of(traffic, profile, rows[chosen], silent_us[chosen] / 1e6, usual[chosen] / 1e6, severity)


def _unlike_itself(traffic: Traffic, rows: np.ndarray, far: np.ndarray) -> np.ndarray:
    """Whether the backend is quicker for other requests to the same path, or slow for many paths at once."""
    paths = np.array(
        [traffic.strings[int(row)].partition("?")[0] for row in traffic.exchanges["target"][rows]]
    )
    if len(distinct(paths[far])) >= MANY_PATHS:
        return np.ones(len(rows), "?")
    exchanges = traffic.exchanges
    answered = np.flatnonzero((traffic.exchange_leg == t.LEG_BACKEND) & (exchanges["status"] >= 200))
    result = np.zeros(len(rows), "?")
    for path in distinct(paths[far]).tolist():
        alike = answered[among(exchanges["target"][answered], traffic.strings.starting_with(path.encode()))]
        quick = _silent_us(traffic, alike) < _silent_us(traffic, rows[paths == path]).min() / QUICKER
        result[paths == path] = quick.any()
    return result


def _of(
    traffic: Traffic,
    profile: Profile,
    rows: np.ndarray,
    silent_s: np.ndarray,
    usual_s: np.ndarray,
    severity: Severity,
) -> Finding:
    names = claims.involved(traffic, rows, t.LEG_BACKEND)
    targets, counts = np.unique(traffic.exchanges["target"][rows], return_counts=True)
    target = traffic.strings[int(targets[np.argmax(counts)])]
    slowest_s, median_s = float(silent_s.max()), float(np.median(silent_s))
    ordinary_s, ordinary_95_s = (float(value) for value in np.median(usual_s, axis=0))
    upload_s, download_s = _around_s(traffic, rows)
    return claims.finding(
        traffic,
        CAUSE,
        t.LEG_BACKEND,
        title=(
            f"{claims.of_requests(traffic, t.LEG_BACKEND)} waited up to {words.seconds(slowest_s)} for "
            f"{claims.who(names)}, which answer{'s' if len(names) == 1 else ''} within "
            f"{words.seconds(ordinary_s)} as a rule (median)"
        ),
        explanation=(
            f"Between request and response the backend was silent for {words.seconds(median_s)} (median of "
            f"these). Sending the requests took {words.seconds(upload_s)} and the rest of the responses "
            f"{words.seconds(download_s)}; nothing was sent again meanwhile. Most were for {target}."
        ),
        remedy=(
            f"Look up these targets and times in the slow log of {names[0]}, first {target}.",
            "One slow target points to its code or query; all slow at one time to the host or its workers.",
        ),
        exchanges=rows,
        severity=severity,
        facts={
            "slowest_s": round(slowest_s, 3),
            "median_s": round(median_s, 3),
            "percentile_95_s": round(float(np.percentile(silent_s, 95)), 3),
            "usual_median_s": round(ordinary_s, 6),
            "usual_percentile_95_s": round(ordinary_95_s, 6),
            "median_upload_s": round(upload_s, 6),
            "median_download_s": round(download_s, 6),
            "slow_backend_s": profile.slow_backend_s,
            "slow_backend_factor": profile.slow_backend_factor,
            "most_frequent_target": target,
        },
        note="the request, and its late response",
    )


def _silent_us(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """From each request's last byte to its response's first; 0 where the response came before that."""
    exchanges = traffic.exchanges[rows]
    asked_us = np.where(exchanges["request_end_us"] == t.NEVER, 0, exchanges["request_end_us"]).astype("i8")
    return np.maximum(exchanges["response_start_us"].astype("i8") - asked_us, 0)


def _around_s(traffic: Traffic, rows: np.ndarray) -> tuple[float, float]:
    """How long the requests were in sending, and their responses in coming, once begun (medians)."""
    exchanges = traffic.exchanges[rows]
    upload = np.where(exchanges["request_end_us"] == t.NEVER, 0, exchanges["request_end_us"])
    ended = exchanges["response_end_us"]
    download = ended.astype("i8") - exchanges["response_start_us"]
    return float(np.median(upload)) / 1e6, float(np.median(np.where(ended == t.NEVER, 0, download))) / 1e6


def _waits_on_purpose(traffic: Traffic, profile: Profile, rows: np.ndarray) -> np.ndarray:
    """Whether each is a long poll: by its target, or because it says in the end that there is nothing new."""
    targets = traffic.exchanges["target"][rows]
    polls = np.zeros(len(rows), "?")
    marks = set(profile.long_poll_marks)
    for target in distinct(targets).tolist():
        words = NO_WORD.split(traffic.strings[target].lower())
        polls[targets == target] = not marks.isdisjoint(words)
    return polls | among(traffic.exchanges["status"][rows], NOTHING_NEW)


def _sent_again(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Whether a segment of each exchange's connection was lost between its request and its response."""
    connections = distinct(traffic.exchanges["connection"][rows])
    events = traffic.events[among(traffic.events["connection"], connections)]
    kinds = (*losses.LOSS_EVENTS, t.EVENT_SPURIOUS)
    events = events[among(events["kind"], kinds)]
    result = np.zeros(len(rows), "?")
    if not len(events):
        return result
    start_ns = traffic.exchanges["start_ns"][rows]
    answered_ns = endings.answer_ns(traffic, rows)
    for connection in distinct(events["connection"]).tolist():
        times_ns = np.sort(events["time_ns"][events["connection"] == connection])
        mine = traffic.exchanges["connection"][rows] == connection
        after = np.searchsorted(times_ns, start_ns[mine])
        result[mine] = np.searchsorted(times_ns, answered_ns[mine], side="right") > after
    return result


def _usual_us(traffic: Traffic, rows: np.ndarray) -> np.ndarray:
    """Median and 95th percentile of the silences of each row's backend, over all its answers."""
    exchanges = traffic.exchanges
    answered = np.flatnonzero((traffic.exchange_leg == t.LEG_BACKEND) & (exchanges["status"] >= 200))
    answered = answered[:: len(answered) // SAMPLES + 1]
    keys = attempts.port_keys(traffic, exchanges["connection"][answered])
    mine = attempts.port_keys(traffic, exchanges["connection"][rows])
    usual = np.zeros((len(rows), 2))
    for key in distinct(mine).tolist():
        silent_us = _silent_us(traffic, answered[keys == key])
        if len(silent_us):
            usual[mine == key] = np.percentile(silent_us, (50, 95))
    return usual
