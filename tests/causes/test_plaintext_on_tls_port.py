"""plaintext-on-tls-port: HTTP in clear where TLS was due."""

from __future__ import annotations

from pcapdiag import tables as t
from pcapdiag.causes import plaintext_on_tls_port
from tests.causes.stories import SERVER, Story

LISTENER = "10.0.0.10:443"


def beside_tls(status: int, **fields: int) -> Story:
    story = Story()
    story.connection("10.0.0.2", LISTENER, "frontend", protocol=t.PROTOCOL_TLS)
    on = story.connection("10.0.0.1", LISTENER, "frontend")
    row = story.asked(status=status, connection=on, **fields)
    if not status:
        story.fin(row, by=SERVER, after_s=0.001)
    return story


def test_answered_400_on_a_port_where_others_speak_tls() -> None:
    finding = beside_tls(400).only(plaintext_on_tls_port)
    assert finding.statuses == {"400": 1}
    assert LISTENER in finding.title


def test_hung_up_on_without_a_word() -> None:
    assert beside_tls(0).only(plaintext_on_tls_port).statuses == {"none": 1}


def test_a_tls_alert_in_answer_needs_no_other_connection() -> None:
    story = Story()
    on = story.connection("10.0.0.1", LISTENER, "frontend")
    row = story.asked(
        status=0, connection=on, and_flags=t.RSP_TLS | t.RSP_SEEN, response_ended=t.END_MALFORMED
    )
    story.fin(row, by=SERVER, after_s=0.001)
    assert story.only(plaintext_on_tls_port).count == 1


def test_a_clear_listener_on_port_443_is_odd_and_works() -> None:
    story = Story()
    story.asked(connection=story.connection("10.0.0.1", LISTENER, "frontend"))
    story.asked(status=400, connection=story.connection("10.0.0.1", LISTENER, "frontend"))
    assert story.silent(plaintext_on_tls_port)


def test_tls_on_another_port_says_nothing_of_this_one() -> None:
    story = Story()
    story.connection("10.0.0.2", LISTENER, "frontend", protocol=t.PROTOCOL_TLS)
    story.asked(status=400)
    assert story.silent(plaintext_on_tls_port)
