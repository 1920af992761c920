"""Evidence: frames as Wireshark numbers them, and the filter that shows them."""

from __future__ import annotations

from dataclasses import replace

from pcapdiag import tables as t
from pcapdiag.causes import evidence
from tests.causes.stories import CLIENT, SERVER, Story


def test_the_filter_names_both_endpoints_and_the_frames() -> None:
    story = Story()
    on = story.connection("10.0.0.1:40000", "10.0.1.5:8080", "backend")
    assert evidence.display_filter(story.build(), on, (120, 121)) == (
        "(ip.addr==10.0.0.1 && ip.addr==10.0.1.5 && tcp.port==40000 && tcp.port==8080) "
        "&& frame.number in {120, 121}"
    )


def test_ipv6_has_a_field_of_its_own() -> None:
    story = Story()
    on = story.connection("[2001:db8::1]:40000", "[2001:db8::2]:80", "frontend")
    shown = evidence.display_filter(story.build(), on, ())
    assert shown == "(ipv6.addr==2001:db8::1 && ipv6.addr==2001:db8::2 && tcp.port==40000 && tcp.port==80)"


def test_an_exchange_shows_its_messages_and_how_it_ended() -> None:
    story = Story()
    row = story.asked(status=0, request_frame=10, request_end_frame=11)
    story.reset(row, by=CLIENT)
    story.tables.connections[0]["rst_frame"] = 20
    (shown,) = evidence.of_exchanges(story.build(), [row], "why")
    assert shown.frames == (10, 11, 20)
    assert shown.note == "why"


def test_an_exchange_that_its_connection_outlived_does_not_show_the_end() -> None:
    story = Story()
    first = story.asked(request_frame=10, response_frame=12)
    story.asked(connection=0, at_s=2.0)
    story.tables.connections[0]["server_fin_frame"] = 20
    (shown,) = evidence.of_exchanges(story.build(), [first])
    assert shown.frames == (10, 12)


def test_events_of_its_own_time_are_shown() -> None:
    story = Story()
    row = story.asked(at_s=1.0, takes_s=0.5, request_frame=10, response_frame=30)
    story.asked(connection=0, at_s=2.0)
    story.tables.event(0, t.EVENT_RETRANSMISSION, 1.2)
    story.tables.events[-1]["frame"] = 20
    story.tables.event(0, t.EVENT_RETRANSMISSION, 2.2)
    (shown,) = evidence.of_exchanges(story.build(), [row], kinds=(t.EVENT_RETRANSMISSION,))
    assert shown.frames == (10, 20, 30)


def test_frames_count_from_one_in_each_file() -> None:
    story = Story()
    row = story.asked(request_frame=105, response_frame=107)
    traffic = story.build()
    traffic.files.append(replace(traffic.files[0], path="second.pcap", first_frame=101))
    (shown,) = evidence.of_exchanges(traffic, [row])
    assert (shown.file, shown.frames) == ("second.pcap", (5, 7))


def test_no_more_than_twenty_are_shown() -> None:
    story = Story()
    rows = [story.asked(at_s=n) for n in range(30)]
    assert len(evidence.of_exchanges(story.build(), rows)) == evidence.MAX_EVIDENCE


def test_a_connection_shows_its_first_and_last_frames_and_closes() -> None:
    story = Story()
    on = story.backend(first_frame=3, last_frame=9, server_fin_frame=8, closed_by=SERVER)
    (shown,) = evidence.of_connections(story.build(), [on])
    assert shown.frames == (3, 8, 9)


def test_events_alone_are_shown_with_the_note_of_what_they_are() -> None:
    story = Story()
    on = story.backend(first_frame=3, last_frame=30)
    for at_s, frame, kind, size in (
        (1.0, 12, t.EVENT_ICMP, 0),
        (2.0, 19, t.EVENT_RETRANSMISSION, 500),
        (2.0, 20, t.EVENT_RETRANSMISSION, 1448),
        (3.0, 25, t.EVENT_RST, 0),
    ):
        story.tables.event(on, kind, at_s, b=size)
        story.tables.events[-1]["frame"] = frame
    notes = {t.EVENT_RETRANSMISSION: "sent again", t.EVENT_ICMP: "too big"}
    (shown,) = evidence.of_events(story.build(), {on: 500}, notes)
    assert (shown.frames, shown.note) == ((12, 20), "sent again")


def test_without_its_events_a_connection_shows_its_ends() -> None:
    story = Story()
    on = story.backend(first_frame=3, last_frame=9)
    (shown,) = evidence.of_events(story.build(), {on: 0}, {t.EVENT_GAP: "a hole"})
    assert (shown.frames, shown.note) == ((3, 9), "")
