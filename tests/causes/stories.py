"""Traffic through one load balancer, told as a story, for the tests of causes.

    story = Story()
    front = story.asked(status=502)                  # a client's request, and what it got
    back = story.forwarded(front, status=0)          # the same request at the backend
    story.reset(back, by=SERVER, after_s=0.05)       # how that connection ended
    finding = story.only(backend_reset)

Requests take 100 bytes. Unless a story says otherwise every byte is acknowledged and every packet captured.
"""

from __future__ import annotations

from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes.cause import Finding
from pcapdiag.profiles import load_profile
from pcapdiag.traffic import Traffic
from tests.tables_builder import START_NS, TrafficBuilder

CLIENT, SERVER = 0, 1
ALB, ALB_BACK, SITE = "10.0.0.10:80", "10.0.1.10", "10.0.1.5:8080"
HEAD_BYTES = 100


class Story:
    """What happened at one load balancer, in the order it is told."""

    def __init__(self, profile: str = "aws") -> None:
        self.tables = TrafficBuilder()
        self.profile = load_profile(profile)
        self.peers: dict[int, int] = {}
        self.alb: tuple[str, ...] = ("10.0.0.10", ALB_BACK)
        self.ends_s = 120.0

    # Connections

    def connection(self, client: str, server: str, leg: str, at_s: float = 0.0, **fields: Any) -> int:
        seen = {"client_packets": 5, "server_packets": 5, "lasts_s": 1.0}
        return self.tables.connection(client, server, at_s, leg=leg, **(seen | fields))

    def frontend(self, client: str = "10.0.0.1", at_s: float = 0.0, **fields: Any) -> int:
        return self.connection(client, ALB, "frontend", at_s, **fields)

    def backend(self, server: str = SITE, at_s: float = 0.0, **fields: Any) -> int:
        return self.connection(ALB_BACK, server, "backend", at_s, **fields)

    def syns(
        self,
        server: str = SITE,
        leg: str = "backend",
        at_s: float = 1.0,
        count: int = 4,
        lasts_s: float = 7.0,
        **fields: Any,
    ) -> int:
        """SYNs that nothing answers, over so many seconds."""
        client = ALB_BACK if leg == "backend" else "10.0.0.1"
        values = {"client_packets": count, "last_ns": START_NS + round((at_s + lasts_s) * 1e9)} | fields
        return self.tables.unanswered(client, server, at_s, leg=leg, syns=count, **values)

    def refused(self, server: str = SITE, leg: str = "backend", at_s: float = 1.0) -> int:
        """A SYN, and the RST that answers it."""
        row = self.syns(server, leg, at_s, count=1)
        self.tables.connections[row] |= {
            "flags": t.CONN_SYN | t.CONN_REFUSED | t.CONN_RST_SERVER,
            "closed_by": SERVER,
            "server_packets": 1,
            "last_ns": START_NS + round(at_s * 1e9) + 200_000,
            "rst_ns": START_NS + round(at_s * 1e9) + 200_000,
        }
        return row

    # Requests

    def exchange(
        self, connection: int, request: str, at_s: float, status: int, acked: bool = True, **fields: Any
    ) -> int:
        owner = self.tables.connections[connection]
        sent = HEAD_BYTES + fields.get("request_body", 0)
        owner["client_bytes"] = owner.get("client_bytes", 0) + sent
        owner["client_acked"] = owner.get("client_acked", 0) + (sent if acked else 0)
        owner["flags"] |= t.CONN_DATA_CLIENT | (t.CONN_DATA_SERVER if status else 0)
        if status:
            owner["server_bytes"] = owner.get("server_bytes", 0) + 200
            owner["server_acked"] = owner.get("server_acked", 0) + 200
        owner["last_ns"] = max(owner["last_ns"], START_NS + round((at_s + fields.get("takes_s", 0.01)) * 1e9))
        return self.tables.exchange(connection, request, at_s, status, **fields)

    def asked(
        self,
        request: str = "GET /",
        at_s: float = 1.0,
        status: int = 200,
        connection: int | None = None,
        **fields: Any,
    ) -> int:
        """A client's request, and what it got."""
        on = self.frontend(at_s=at_s) if connection is None else connection
        return self.exchange(on, request, at_s, status, **fields)

    def forwarded(
        self,
        front: int | None,
        status: int = 200,
        connection: int | None = None,
        at_s: float = 1.0,
        **fields: Any,
    ) -> int:
        """The same request at the backend; None when the capture shows no frontend."""
        on = self.backend(at_s=at_s) if connection is None else connection
        row = self.exchange(
            on, "GET /", at_s, status, and_flags=t.REQ_FORWARDED | fields.pop("and_flags", 0), **fields
        )
        if front is not None:
            self.peers |= {front: row, row: front} if front not in self.peers else {row: front}
        return row

    def works(self, times: int = 1, connection: int | None = None, at_s: float = 1.0) -> None:
        """Requests on both legs with which nothing is wrong."""
        for n in range(times):
            self.forwarded(self.asked(at_s=at_s + n), at_s=at_s + n, connection=connection)

    # How connections end

    def fin(self, row: int, by: int, after_s: float = 1.0, acked: int | None = None) -> None:
        """This side's FIN, so long after the exchange began, acknowledging so many of the other's bytes."""
        self._end(row, by, after_s, acked, ("client_fin_ns", "server_fin_ns")[by], t.CONN_FIN_CLIENT << by)

    def reset(self, row: int, by: int, after_s: float = 1.0, acked: int | None = None) -> None:
        self._end(row, by, after_s, acked, "rst_ns", t.CONN_RST_CLIENT << by)

    def _end(self, row: int, by: int, after_s: float, acked: int | None, column: str, flag: int) -> None:
        exchange = self.tables.exchanges[row]
        owner = self.tables.connections[exchange["connection"]]
        first = owner["closed_by"] == 255
        at_ns = exchange["start_ns"] + round(after_s * 1e9)
        owner["flags"] |= flag
        owner[column] = at_ns
        owner["last_ns"] = max(owner["last_ns"], at_ns)
        if not first:
            return
        owner["closed_by"] = by
        side, other = ("client", "server") if by == CLIENT else ("server", "client")
        owner[f"{side}_close_acked"] = owner.get(f"{other}_acked", 0) if acked is None else acked
        if exchange["response_ended"] == t.END_NONE:
            ended_by_reset = t.END_RST_SENDER if by == SERVER else t.END_RST_RECEIVER
            exchange["response_ended"] = ended_by_reset if column == "rst_ns" else t.END_FIN

    # What is found

    def build(self) -> Traffic:
        traffic = self.tables.build()
        for row, peer in self.peers.items():
            traffic.peer[row] = peer
        traffic.alb = self.alb
        traffic.files[0].last_ns = START_NS + round(self.ends_s * 1e9)
        return traffic

    def findings(self, cause: ModuleType) -> list[Finding]:
        return list(cause.find(self.build(), self.profile))

    def only(self, cause: ModuleType) -> Finding:
        """The one finding of this cause; its texts must be whole."""
        (finding,) = self.findings(cause)
        assert finding.cause is cause.CAUSE
        assert finding.count == len(np.asarray(finding.exchanges)) + len(np.asarray(finding.connections))
        assert finding.title and finding.explanation and finding.remedy
        assert finding.evidence and all(e.frames and e.display_filter for e in finding.evidence)
        return finding

    def silent(self, cause: ModuleType) -> bool:
        return not self.findings(cause)


# The capture itself


def sound_capture() -> Traffic:
    """Four requests, recorded whole."""
    story = Story()
    story.works(4)
    return story.build()


def with_file(**fields: Any) -> Traffic:
    """A sound capture whose file is said to be so."""
    traffic = sound_capture()
    traffic.files[0] = replace(traffic.files[0], **fields)
    return traffic


def of_the_capture(cause: ModuleType, traffic: Traffic) -> Finding:
    """The one finding of this cause, which claims no request."""
    (finding,) = cause.find(traffic, load_profile("aws"))
    assert finding.leg == ""
    assert finding.count == 0
    return finding


def says_nothing(cause: ModuleType, traffic: Traffic) -> bool:
    return not list(cause.find(traffic, load_profile("aws")))
