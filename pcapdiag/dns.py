"""What DNS answered: the names and addresses of answers that the capture holds."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field

import dpkt
import numpy as np

from pcapdiag import tables as t

#: Answers kept; a capture of a resolver may hold millions.
LIMIT = 20_000


@dataclass
class Answers:
    """By name (lower case, without the last dot): address -> when it was first given, in ns."""

    by_name: dict[str, dict[str, int]] = field(default_factory=dict)
    left: int = LIMIT

    def note(self, data: np.ndarray, packets: np.ndarray) -> None:
        """Take the DNS answers among the packets of a batch."""
        for row in packets[packets["kind"] == t.KIND_DNS][: self.left]:
            self.left -= 1
            begin = int(row["payload_off"])
            try:
                message = dpkt.dns.DNS(data[begin : begin + int(row["captured_len"])].tobytes())
            except (dpkt.UnpackError, IndexError, ValueError):
                continue  # cut, or no DNS at all
            self._add(message, int(row["time_ns"]))

    def _add(self, message: dpkt.dns.DNS, time_ns: int) -> None:
        if message.qr != dpkt.dns.DNS_R or len(message.qd) != 1:
            return
        known = self.by_name.setdefault(message.qd[0].name.lower().rstrip("."), {})
        for answer in message.an:
            if answer.type == dpkt.dns.DNS_A and len(answer.rdata) == 4:
                known.setdefault(socket.inet_ntop(socket.AF_INET, answer.rdata), time_ns)
            elif answer.type == dpkt.dns.DNS_AAAA and len(answer.rdata) == 16:
                known.setdefault(socket.inet_ntop(socket.AF_INET6, answer.rdata), time_ns)
