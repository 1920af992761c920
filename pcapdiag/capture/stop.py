"""Why a record walk stopped: the values a kernel leaves in its ``cursor`` array, and that array's slots."""

from __future__ import annotations

# Slots of the cursor: int64[3].
AT = 0  # in: where to begin in data; out: the first byte not walked
REASON = 1  # out: one of the reasons below
NEED = 2  # out, with MORE: how many bytes from AT the record there takes

MORE = 0  # the record at AT is not wholly in data
FULL = 1  # no row is left
IMPOSSIBLE = 2  # the captured length at AT cannot be true
ZEROS = 3  # nothing but zeros where a record should begin
# pcapng alone:
BLOCK = 4  # a whole block that is not a packet, for the caller to read
BAD_LENGTH = 5  # a block length under 12, over the limit or not a multiple of 4
BAD_TRAILER = 6  # the two lengths of a block differ
BAD_INTERFACE = 7  # a packet of an interface never described
NOT_A_PACKET = 8  # a whole block that is no packet, but that Wireshark numbers as a frame
