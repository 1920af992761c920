"""How long exchanges took: told by an answer, by what closed the connection, and everywhere alike."""

from __future__ import annotations

import numpy as np
import pytest

from pcapdiag import tables as t
from pcapdiag import words
from pcapdiag.report.json import document
from pcapdiag.report.lengths import took_us
from pcapdiag.report.view import view
from tests.tables_builder import START_NS, TrafficBuilder
from tests.test_captures import CAPTURES, EXPECTATIONS, analysis_of

MS = 1_000_000


def took_ms(connection: dict[str, int], **exchange: int) -> float:
    """How long an exchange took that began a second after its connection; it lasts 60 s."""
    built = TrafficBuilder()
    on = built.connection("10.0.0.1", "10.0.1.10:80", **connection)
    row = built.exchange(on, at_s=1.0, **({"status": 0} | exchange))
    return took_us(built.build(), np.array([row]))[0] / 1000


def at(ms: int) -> int:
    return START_NS + (1000 + ms) * MS


def test_an_answer_s_last_byte_ends_an_exchange() -> None:
    assert took_ms({}, status=200, response_start_us=40_000, response_end_us=70_000) == 70


@pytest.mark.parametrize(
    ("connection", "ended_ms"),
    [
        ({"closed_by": 1, "server_fin_ns": at(20), "client_fin_ns": at(30), "rst_ns": at(40)}, 20),
        ({"closed_by": 0, "client_fin_ns": at(20), "server_fin_ns": at(30)}, 20),
        ({"closed_by": 1, "server_fin_ns": at(20), "rst_ns": at(10)}, 10),
        ({"closed_by": 1, "server_fin_ns": at(-1)}, 59_000),  # it crossed the request: the last that was seen
        ({}, 59_000),
    ],
)
def test_without_an_answer_what_closed_the_connection_first_ends_it(
    connection: dict[str, int], ended_ms: int
) -> None:
    assert took_ms(connection) == ended_ms


def test_bytes_of_an_answer_that_are_sent_again_still_belong_to_it() -> None:
    built = TrafficBuilder()
    on = built.connection("10.0.0.1", "10.0.1.10:80")
    row = built.exchange(on, at_s=1.0, takes_s=0.1)
    built.trouble(on, 1, retransmitted=1)
    built.event(on, t.EVENT_RETRANSMISSION, 1.3, direction=1)
    assert took_us(built.build(), np.array([row])) == 300_000


@pytest.mark.parametrize("cause", sorted({path.parent.name for path in EXPECTATIONS}))
def test_bars_words_tables_and_json_of_every_capture_agree(cause: str) -> None:
    for expectation in sorted((CAPTURES / cause).glob("*.expected.json")):
        analysis = analysis_of(expectation)
        drawn = view(analysis)
        took = dict(zip(*columns(drawn["exchanges"], "exchange", "took_us"), strict=True))
        for one in document(analysis)["time_spent"]:
            assert took[one["exchange"]] == one["whole_us"], expectation.name
        for exchange, said in drawn["spent"].items():
            assert said.startswith(f"{words.duration(took[exchange] / 1e6)} = "), expectation.name


def columns(table: dict, *names: str) -> list[list]:
    return [[row[table["columns"].index(name)] for row in table["rows"]] for name in names]
