"""Link types by name."""

from __future__ import annotations

import dpkt
import pytest

from pcapdiag.capture.linktypes import link_name


@pytest.mark.parametrize(
    ("dlt", "name"),
    [
        (dpkt.pcap.DLT_NULL, "NULL"),
        (dpkt.pcap.DLT_EN10MB, "ETHERNET"),
        (dpkt.pcap.DLT_PPP, "PPP"),
        (dpkt.pcap.DLT_LINUX_SLL, "LINUX_SLL"),
        (dpkt.pcap.DLT_LINUX_SLL2, "LINUX_SLL2"),
        (dpkt.pcap.DLT_LOOP, "LOOP"),
        (101, "RAW"),
    ],
)
def test_link_types_have_the_names_of_the_registry(dlt, name):
    assert link_name(dlt) == name


def test_a_link_type_without_a_name_is_shown_by_number():
    assert link_name(65_000) == "LINKTYPE_65000"
