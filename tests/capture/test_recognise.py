"""What is no capture is named in one line."""

from __future__ import annotations

import pytest

from pcapdiag.errors import CaptureError
from tests.capture.byhand import pcap, read, shb


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"", "is empty"),
        (
            b"hello world",
            "is not a capture: begins with 'hello wo' …; expected pcap or pcapng, plain or gzip/",
        ),
        (b"a\n", r"begins with 'a\\n' …"),
        (b"\0\0", "is not a capture: begins with bytes 00 00;"),
        (b"\x7fELF\x02\x01\x01\0\0\0", "begins with bytes 7f 45 4c 46 02 01 01 00;"),
        (b"\x1b[31mred", "begins with bytes 1b 5b"),
        (b"PK\x03\x04rest", "is a zip archive: unpack it first"),
        (b"snoop\0\0\0\0\0\0\2", "is a Solaris snoop file: convert it with `editcap -F pcapng`"),
        (b"GMBU\0\2\0\0", "Network Monitor"),
        (pcap(1)[:4], "is cut short: it has 4 of the 24 bytes of a pcap file header"),
        (pcap(1)[:23], "is cut short: it has 23 of the 24 bytes of a pcap file header"),
        (shb()[:11], "is cut short: it has 11 of the 28 bytes of a pcapng section header"),
        (pcap(1)[::-1], "is not a capture"),
    ],
)
def test_what_is_no_capture_is_named(content, problem):
    with pytest.raises(CaptureError, match=problem) as caught:
        read(content)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)
