"""Text from a capture, made safe to show: nothing in it can move a cursor or turn the line around.

Control characters, line separators, bidirectional and invisible formatting characters and lone surrogates
are shown as ``\\xNN`` or ``\\uNNNN``. Every report uses this; HTML escapes markup besides.
"""

from __future__ import annotations

import re

_UNPRINTABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e0fff]"
)


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def printable(text: str) -> str:
    """`text` with every character that is not plainly visible spelled out."""
    return _UNPRINTABLE.sub(_escape, text)
