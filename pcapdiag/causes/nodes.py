"""A load balancer's several addresses: which of them answer, and which never do."""

from __future__ import annotations

import numpy as np

from pcapdiag import tables as t
from pcapdiag.causes import attempts, endings
from pcapdiag.columns import among, distinct
from pcapdiag.traffic import Traffic


def silent(traffic: Traffic, unanswered: np.ndarray) -> np.ndarray:
    """Whether each unanswered connection went to an address of the load balancer that answered nobody, while
    another of its addresses answered on the same port."""
    result = np.zeros(len(unanswered), "?")
    own = np.array(
        [row for row, address in enumerate(traffic.addresses) if address in set(traffic.alb)], "i8"
    )
    if len(own) < 2 or not len(unanswered):
        return result
    connections = traffic.connections
    spoke = (connections["flags"] & (t.CONN_SYNACK | t.CONN_DATA_SERVER)) != 0
    spoke |= endings.answers_unseen(traffic)
    answered = np.flatnonzero(endings.connections_on(traffic, t.LEG_FRONTEND) & spoke)
    alive = distinct(connections["server"][answered])
    ports = distinct(connections["server_port"][answered[among(connections["server"][answered], own)]])
    to = connections[unanswered]
    return among(to["server"], own) & ~among(to["server"], alive) & among(to["server_port"], ports)


def tries_by_address(traffic: Traffic) -> dict[str, tuple[int, int]]:
    """Each address of the load balancer that clients tried: (connections, of which unanswered)."""
    mine = endings.connections_on(traffic, t.LEG_FRONTEND)
    unanswered = attempts.unanswered(traffic, t.LEG_FRONTEND)
    tried: dict[str, tuple[int, int]] = {}
    for row, address in enumerate(traffic.addresses):
        if address in traffic.alb and (
            total := int(np.count_nonzero(mine & (traffic.connections["server"] == row)))
        ):
            tried[address] = total, int(np.count_nonzero(traffic.connections["server"][unanswered] == row))
    return tried
