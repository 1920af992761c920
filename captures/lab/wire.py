"""A link in user space: this kernel has no netem, so frames pass through two packet sockets and a heap."""

import heapq
import itertools
import select
import socket
import threading
import time

ETH_P_ALL = 3
SOL_PACKET = 263
PACKET_IGNORE_OUTGOING = 23


class Wire:
    """Carries Ethernet frames between two interfaces, each way with the same behaviour.

    ``delay_s`` each way; ``rate_bps`` with a queue of ``queue_bytes`` whose overflow is lost;
    every ``swap_every``-th large frame is held back ``swap_s`` so that later ones overtake it.
    """

    def __init__(
        self,
        near: str,
        far: str,
        delay_s: float = 0.0,
        rate_bps: float = 0.0,
        queue_bytes: int = 30_000,
        swap_every: int = 0,
        swap_s: float = 0.002,
    ) -> None:
        self.delay_s, self.rate_bps, self.queue_bytes = delay_s, rate_bps, queue_bytes
        self.swap_every, self.swap_s = swap_every, swap_s
        self.lost = 0
        ends = [_packet_socket(near), _packet_socket(far)]
        self._peer = {ends[0]: ends[1], ends[1]: ends[0]}
        self._free_at = dict.fromkeys(ends, 0.0)
        self._large_seen = dict.fromkeys(ends, 0)
        self._running = True
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()

    def _carry(self) -> None:
        queue: list[tuple[float, int, socket.socket, bytes]] = []
        order = itertools.count()
        while self._running:
            wait_s = min(0.2, max(0.0, queue[0][0] - time.monotonic())) if queue else 0.2
            for end in select.select(list(self._peer), [], [], wait_s)[0]:
                frame = end.recv(65_536)
                due = self._due(end, frame)
                if due is None:
                    self.lost += 1
                else:
                    heapq.heappush(queue, (due, next(order), self._peer[end], frame))
            while queue and queue[0][0] <= time.monotonic():
                _, _, out, frame = heapq.heappop(queue)
                out.send(frame)

    def _due(self, end: socket.socket, frame: bytes) -> float | None:
        now = time.monotonic()
        due = now
        if self.rate_bps:
            start = max(now, self._free_at[end])
            if (start - now) * self.rate_bps / 8 > self.queue_bytes:
                return None
            due = self._free_at[end] = start + len(frame) * 8 / self.rate_bps
        if self.swap_every and len(frame) > 1000:
            self._large_seen[end] += 1
            if self._large_seen[end] % self.swap_every == 0:
                due += self.swap_s
        return due + self.delay_s

    def close(self) -> None:
        self._running = False
        self._thread.join()
        for end in self._peer:
            end.close()


def _packet_socket(interface: str) -> socket.socket:
    end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
    end.setsockopt(SOL_PACKET, PACKET_IGNORE_OUTGOING, 1)
    end.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    end.bind((interface, 0))
    return end
