"""FNV-1a hashes of address texts, to find a client's address in a forwarding header.

The exchange table holds the hash of the last X-Forwarded-For entry; the frontend client it names hashes to
the same number. Source: RFC 9923 (FNV), 32 bits; 0 is kept for "no such header" and becomes 1.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

_OFFSET_BASIS = 2166136261
_PRIME = 16777619
_LONGEST_ADDRESS = 45  # an IPv4-mapped IPv6 address written out


def address_hashes(addresses: Sequence[str]) -> np.ndarray:
    """The FNV-1a hash of each address's text, u4; all at once, as there may be a million clients."""
    if not len(addresses):
        return np.zeros(0, "u4")
    texts = np.array(addresses, dtype=f"S{_LONGEST_ADDRESS}")
    lengths = np.char.str_len(texts)
    columns = texts.view("u1").reshape(len(texts), _LONGEST_ADDRESS)
    hashes = np.full(len(texts), _OFFSET_BASIS, "u4")
    prime = np.uint32(_PRIME)
    for at in range(int(lengths.max(initial=0))):
        hashed = (hashes ^ columns[:, at]) * prime  # u4 wraps, as FNV means it to
        hashes = np.where(lengths > at, hashed, hashes)
    return np.where(hashes == 0, np.uint32(1), hashes)
