from __future__ import annotations

import pytest

from pcapdiag import tables as t
from pcapdiag.report.listing import (
    CONNECTIONS,
    EXCHANGES,
    analysis_flags,
    connection_rows,
    connection_state,
    exchange_rows,
    tcp_flags,
)
from tests.report.outage import outage


def test_a_connection_s_row() -> None:
    row = dict(zip(CONNECTIONS, list(connection_rows(outage().traffic))[2], strict=True))
    assert (row["connection"], row["leg"], row["server"]) == (2, "backend", "10.0.3.1:8080")
    assert (row["server_retransmitted"], row["syn_rtt_ms"], row["state"]) == (3, 0.1, "open")


def test_an_exchange_s_row() -> None:
    row = dict(zip(EXCHANGES, list(exchange_rows(outage().traffic))[-1], strict=True))
    assert (row["leg"], row["method"], row["target"], row["status"]) == ("backend", "GET", "/pay", None)
    assert (row["request_s"], row["wait_s"], row["response_ended"], row["peer"]) == (
        0.0,
        None,
        "rst-by-sender",
        18,
    )


@pytest.mark.parametrize(
    ("flags", "closed_by", "state"),
    [
        (t.CONN_SYN, 255, "unanswered"),
        (t.CONN_SYN | t.CONN_REFUSED, 1, "refused"),
        (t.CONN_SYN | t.CONN_SYNACK | t.CONN_RST_SERVER, 1, "reset by server"),
        (t.CONN_SYN | t.CONN_SYNACK | t.CONN_FIN_CLIENT, 0, "closed by client"),
        (t.CONN_SYN | t.CONN_SYNACK, 255, "open"),
    ],
)
def test_how_a_connection_stood_at_the_end(flags: int, closed_by: int, state: str) -> None:
    assert connection_state(flags, closed_by) == state


def test_flags_have_wireshark_s_names() -> None:
    assert tcp_flags(t.SYN | t.ACK) == "SYN,ACK"
    assert analysis_flags(t.RETRANSMISSION | t.OUT_OF_ORDER) == "retransmission,out_of_order"
