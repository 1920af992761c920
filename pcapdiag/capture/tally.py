"""What is counted while a file is read: slots of one int64 array that the kernels add to."""

from __future__ import annotations

import numpy as np

PACKETS = 0
BYTES = 1
WIRE_BYTES = 2
TRUNCATED = 3  # captured length under wire length
BACKWARD = 4  # time smaller than the record before
FIRST_NS = 5  # smallest time
LAST_NS = 6  # largest time
PREVIOUS_NS = 7  # time of the record before
DROPPED = 8  # sum of the drop counts that pcapng packets carry
DROP_COUNTS = 9  # how many packets carried one

UNSET_NS = -(2**63)  # PREVIOUS_NS and LAST_NS before the first record


def new_tally() -> np.ndarray:
    """A tally of nothing yet; the times are such that any record's time replaces them."""
    tally = np.zeros(10, np.int64)
    tally[FIRST_NS] = np.iinfo(np.int64).max
    tally[LAST_NS] = tally[PREVIOUS_NS] = UNSET_NS
    return tally
