"""Throughput stays at a ceiling while queueing delay and loss rise."""

import time

from captures.lab.backends import Peer, Request, head
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

RATE_BPS = 400_000


@scenario(
    "downloads over a 400 kbit/s line: a flat rate, a growing queue, and what it cannot hold is lost",
    retransmits=True,
)
def nginx_slow_line(lab: Lab) -> None:
    """A user-space wire of 400 kbit/s with 15 KB of queue; count: downloads, from the client's log."""
    lab.site()
    lab.nginx()
    client = lab.far_client(rate_bps=RATE_BPS, queue_bytes=15_000, delay_s=0.01)
    with lab.recording(), lab.healthy_traffic(6):
        for _ in range(2):
            client.get("/medium.bin", note="slow")
    lab.expect(
        "bandwidth-limited",
        lab.count(status=200, note="slow"),
        severity="warning",
        count_within=1,
        throughput_bps=(RATE_BPS, RATE_BPS / 4),
    )


@scenario("a slow download whose sender has no more to say: 10 KB each 0.2 s, on an empty line")
def near_miss_slow_sender(lab: Lab) -> None:
    """The server writes in pieces; the path is idle between them."""

    def drip(peer: Peer, _request: Request) -> None:
        peer.send(head("200 OK", "Content-Length: 60000"))
        for _ in range(6):
            peer.send(b"x" * 10_000)
            time.sleep(0.2)

    lab.site()
    lab.faulty({"/faulty/feed": drip})
    lab.nginx(server="proxy_buffering off;")
    client = lab.client()
    with lab.recording(), lab.healthy_traffic(16):
        client.get("/faulty/feed")
