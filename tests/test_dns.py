"""Names and addresses out of the DNS answers of a capture."""

from __future__ import annotations

import dpkt
import numpy as np

from pcapdiag import tables as t
from pcapdiag.dns import Answers


def answer(name: str, *addresses: bytes, response: bool = True) -> bytes:
    """A DNS message with one question and these A or AAAA records."""
    message = dpkt.dns.DNS(id=7, op=0x8180 if response else 0x0100)
    message.qd = [dpkt.dns.DNS.Q(name=name, type=dpkt.dns.DNS_A)]
    message.an = [
        dpkt.dns.DNS.RR(name=name, type=dpkt.dns.DNS_A if len(a) == 4 else dpkt.dns.DNS_AAAA, rdata=a, ttl=60)
        for a in addresses
        if response
    ]
    for record in message.an:
        setattr(record, "ip" if len(record.rdata) == 4 else "ip6", record.rdata)
    return bytes(message)


def noted(*messages: bytes) -> dict[str, dict[str, int]]:
    data = np.frombuffer(b"".join(messages), "u1")
    rows = np.zeros(len(messages), t.Packet)
    rows["kind"] = t.KIND_DNS
    rows["time_ns"] = 1 + np.arange(len(messages))
    rows["captured_len"] = [len(m) for m in messages]
    rows["payload_off"] = np.cumsum([0, *rows["captured_len"][:-1].tolist()])
    answers = Answers()
    answers.note(data, rows)
    return answers.by_name


def test_addresses_are_kept_under_their_name_with_the_time_they_were_first_given() -> None:
    known = noted(
        answer("Shop.Example", b"\x0a\0\0\x0b"), answer("shop.example", b"\x0a\0\0\x0b", b"\x0a\0\0\x0c")
    )
    assert known == {"shop.example": {"10.0.0.11": 1, "10.0.0.12": 2}}


def test_ipv6_addresses_are_kept_too() -> None:
    assert noted(answer("a", b"\x20\x01\x0d\xb8" + bytes(11) + b"\1")) == {"a": {"2001:db8::1": 1}}


def test_questions_and_cut_messages_are_passed_over() -> None:
    whole = answer("a", b"\x0a\0\0\1")
    assert noted(answer("a", response=False), whole[:20], b"", b"\xff" * 40) == {}
