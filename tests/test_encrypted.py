"""What TLS connections show without their keys."""

from __future__ import annotations

from pathlib import Path

import pcapdiag
from pcapdiag.encrypted import Encrypted, agreed_version

CAPTURES = Path(__file__).resolve().parent.parent / "captures"


def test_names_and_versions_come_from_the_handshakes() -> None:
    encrypted = pcapdiag.analyze(CAPTURES / "tls" / "key-log.pcap").traffic.encrypted
    assert encrypted is not None
    assert (encrypted.connections, encrypted.decrypted) == (4, 0)
    assert encrypted.names == {"shop.example.com": 4}
    assert encrypted.versions == {"TLS 1.3": 2, "TLS 1.2": 2}
    assert "A key log (--tls-keylog FILE) would show" in encrypted.note


def test_alerts_are_named() -> None:
    encrypted = pcapdiag.analyze(
        CAPTURES / "backend-tls-handshake-failed" / "nginx-version.pcap"
    ).traffic.encrypted
    assert encrypted is not None and encrypted.alerts == {"protocol_version (70)": 4}


def test_plain_captures_have_nothing_to_say() -> None:
    assert pcapdiag.analyze(CAPTURES / "healthy" / "nginx-mix.pcap").traffic.encrypted is None


def test_some_decrypted_is_said() -> None:
    assert Encrypted(5, 2).note == (
        "5 TLS connections, 2 decrypted: of the others TCP and handshakes alone are judged."
    )


def test_a_cut_server_hello_has_the_version_it_shows() -> None:
    whole = (
        bytes([22, 3, 3, 0, 50, 2, 0, 0, 46, 3, 3])
        + bytes(32)
        + b"\0\x13\x01\0"
        + b"\0\x06\0\x2b\0\x02\x03\x04"
    )
    assert agreed_version(whole) == "TLS 1.3"
    assert agreed_version(whole[:20]) == "TLS 1.2"
    assert agreed_version(whole[:8]) == "" and agreed_version(b"") == ""
