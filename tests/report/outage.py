"""A hand-made analysis for the reports: two of ten requests failed because a backend resets."""

from __future__ import annotations

from typing import Any

import numpy as np

from pcapdiag import tables as t
from pcapdiag.analysis import Analysis
from pcapdiag.causes import backend_reset
from pcapdiag.causes.account import Account, Unexplained
from pcapdiag.causes.cause import Evidence, Finding, Severity
from pcapdiag.profiles import load_profile
from tests.tables_builder import START_NS, TrafficBuilder

#: Markup, a script's end, control and bidirectional characters, as a URI may carry them.
NASTY = "/<script>alert(1)</script>?a=\x1b[31m\u202egpj.exe\u2028&\"'"


def outage(target: str = "/pay", **more: Any) -> Analysis:
    """Ten requests over both legs; the last two met a backend's RST, one more is not explained."""
    built = TrafficBuilder()
    front = [built.connection(f"10.0.0.{n}", "10.0.1.10:80", n, leg="frontend") for n in (1, 2)]
    back = [built.connection("10.0.2.10", f"10.0.3.{n}:8080", n, leg="backend") for n in (1, 2)]
    pairs = []
    for n in range(10):
        failed = n >= 8
        on = int(failed)
        request = built.exchange(
            front[on], f"GET {target}", 1 + n, 502 if failed else 200, 0.05, host="shop.example"
        )
        cut = {"response_ended": t.END_RST_SENDER} if failed else {}
        sent_on = built.exchange(back[on], f"GET {target}", 1.001 + n, 0 if failed else 200, 0.04, **cut)
        pairs.append((request, sent_on))
    built.trouble(back[0], 1, retransmitted=3)
    built.event(back[0], t.EVENT_RETRANSMISSION, 2.0, direction=1)
    traffic = built.build()
    for request, sent_on in pairs:
        traffic.peer[request], traffic.peer[sent_on] = sent_on, request
    traffic.alb, traffic.alb_reason = ("10.0.1.10", "10.0.2.10"), "given"
    traffic.files[0].last_ns = START_NS + 12_000_000_000
    traffic.files[0].bytes = 123_456
    finding = reset_finding([sent_on for _, sent_on in pairs[8:]], target)
    account = Account(3, 2, [Unexplained("504", 1, "frontend", "the backend leg is not in this capture")])
    return Analysis(traffic, load_profile("aws"), "given", [finding], account, **more)


def reset_finding(exchanges: list[int], target: str) -> Finding:
    return Finding(
        backend_reset.CAUSE,
        Severity.ERROR,
        "backend",
        title=f"2 of 10 requests met an RST from 10.0.3.2:8080 ({target})",
        explanation=f"The backend reset the connection before it answered {target}.",
        remedy=("Look into the backend's log.", "Let workers finish before they are replaced."),
        count=2,
        statuses={"502": 2},
        facts={"median_reset_after_s": 0.05, "targets": [target], "rows": np.int64(2)},
        peers=("10.0.3.2:8080",),
        evidence=tuple(
            Evidence(
                3, "10.0.2.10:40003", "10.0.3.2:8080", (20 + n, 21 + n), START_NS + n,
                f"tcp.port==8080 && {n}", "hand.pcap", f"the RST after {target}",
            )
            for n in range(5)
        ),
        exchanges=np.array(exchanges),
    )  # fmt: skip


def quiet() -> Analysis:
    """One request, answered."""
    built = TrafficBuilder()
    front = built.connection("10.0.0.1", "10.0.1.10:80", leg="frontend")
    built.exchange(front, "GET /", 1.0)
    return Analysis(built.build(), load_profile("generic"), "", [], Account(0, 0, []))


def empty() -> Analysis:
    """A capture without a TCP packet."""
    return Analysis(TrafficBuilder().build(), load_profile("generic"), "", [], Account(0, 0, []))
