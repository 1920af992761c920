"""How exchanges were ended: the columns that several causes decide by."""

from __future__ import annotations

import numpy as np
import pytest

from pcapdiag import tables as t
from pcapdiag.causes import endings
from tests.causes.stories import CLIENT, SERVER, Story
from tests.tables_builder import START_NS


def test_finished_exchanges_are_left_alone() -> None:
    story = Story()
    story.works(3)
    story.asked(response_ended=t.END_BY_CLOSE)
    story.asked(response_ended=t.END_UPGRADED)
    assert not len(endings.unfinished(story.build(), t.LEG_FRONTEND))


@pytest.mark.parametrize("unseen", [{"response_ended": t.END_GAP}, {"response_ended": t.END_OPEN}])
def test_what_the_capture_cut_is_left_alone(unseen: dict[str, int]) -> None:
    story = Story()
    story.asked(status=0, **unseen)
    assert not len(endings.unfinished(story.build(), t.LEG_FRONTEND))


def test_one_direction_of_a_connection_proves_nothing() -> None:
    story = Story()
    story.fin(story.asked(status=0), by=CLIENT)
    story.tables.connections[0]["server_packets"] = 0
    assert not len(endings.unfinished(story.build(), t.LEG_FRONTEND))


def test_a_request_hidden_by_the_snaplen_was_sent_all_the_same() -> None:
    story = Story()
    row = story.forwarded(None, status=0, request_ended=t.END_GAP)
    story.reset(row, by=SERVER)
    story.tables.connections[0]["flags"] |= t.CONN_TRUNCATED
    assert endings.unfinished(story.build(), t.LEG_BACKEND).tolist() == [row]


def test_rows_are_chosen_once_for_all_detectors() -> None:
    story = Story()
    story.fin(story.asked(status=0), by=CLIENT)
    traffic = story.build()
    endings.unfinished(traffic, t.LEG_FRONTEND)
    traffic.exchanges["response_ended"] = t.END_COMPLETE
    assert len(endings.unfinished(traffic, t.LEG_FRONTEND)) == 1


def test_the_first_close_counts() -> None:
    story = Story()
    row = story.asked(status=0, at_s=1.0)
    story.fin(row, by=SERVER, after_s=0.5)
    story.reset(row, by=CLIENT, after_s=0.7)
    traffic, rows = story.build(), np.array([row])
    assert endings.closed_by(traffic, rows).tolist() == [SERVER]
    assert endings.close_ns(traffic, rows).tolist() == [START_NS + 1_500_000_000]
    assert not endings.closed_by_reset(traffic, rows).any()


def test_idle_time_is_counted_from_the_response_before() -> None:
    story = Story()
    kept = story.frontend()
    first = story.asked(at_s=1.0, takes_s=0.5, connection=kept)
    second = story.asked(at_s=6.5, connection=kept)
    idle_s = endings.idle_before_s(story.build(), np.array([first, second]))
    assert np.isnan(idle_s[0])
    assert idle_s[1] == pytest.approx(5.0)


@pytest.mark.parametrize(("acked", "met"), [(100, True), (101, False), (200, False)])
def test_a_close_that_acknowledged_a_byte_of_the_request_had_seen_it(acked: int, met: bool) -> None:
    story = Story()
    kept = story.backend()
    story.forwarded(None, connection=kept)
    row = story.forwarded(None, status=0, connection=kept, at_s=6.0)
    story.fin(row, by=SERVER, after_s=0.01, acked=acked)
    assert endings.met_close(story.build(), np.array([row])).tolist() == [met]
