"""The listen queue is full: a server accepts too slowly, while the connections it has are served well."""

import socket
import threading
import time
from typing import Any

from captures.lab.backends import PORT, FaultyServer
from captures.lab.bench import ALB_BACK, FAULTY
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

# More than the connections of a burst: a full SYN queue would bring in SYN cookies.
BACKLOG = 8
ONE_WAY_S = 0.02
POOLS = {"site": ["10.0.1.21:8080"], "faulty": [f"{FAULTY}:{PORT}"], "fresh": [f"{FAULTY}:{PORT}"]}


class _Queue:
    """Holds the server's accept queue full, with connections from its own host that no capture sees."""

    def __init__(self, server: FaultyServer) -> None:
        self.server = server
        self.fillers: list[socket.socket] = []

    def fill(self, connections: int) -> None:
        for _ in range(connections):
            filler = self.server.host.socket()
            filler.setblocking(False)
            filler.connect_ex((FAULTY, PORT))
            self.fillers.append(filler)

    def stop_accepting(self) -> None:
        self.server.accepting.clear()
        # The thread is already inside accept(): this connection lets it out, to wait.
        self.fill(1)
        time.sleep(0.1)

    def drain(self) -> None:
        self.server.accepting.set()
        time.sleep(0.1)
        for filler in self.fillers:
            filler.close()


def _overflow(lab: Lab, balancer: str, in_limbo: bool, requests: int = 4, **options: Any) -> None:
    """New connections meet a full queue, while a kept-alive one to the same port goes on being served.

    In limbo, the queue fills between a connection's SYN and the last ACK of its handshake.
    """
    lab.site()
    server = lab.faulty(backlog=BACKLOG)
    lab.balance(balancer, pools=POOLS, **options)
    lab.network.shape(lab.backend(FAULTY), delay_s=ONE_WAY_S)
    client, queue = lab.client(), _Queue(server)
    with lab.recording(), lab.healthy_traffic():
        kept = client.connect()
        kept.request("/faulty/works")
        queue.stop_accepting()
        queue.fill(BACKLOG + (0 if in_limbo else 1))
        attempts = threading.Thread(
            target=lab.at_once, args=(requests, lambda: client.get("/fresh/works", note="fault"))
        )
        attempts.start()
        if in_limbo:
            # The SYNs have arrived and were answered; the ACKs are on their way.
            time.sleep(2 * ONE_WAY_S)
            queue.fill(2)
        while attempts.is_alive():
            kept.request("/faulty/works")
            time.sleep(0.2)
        queue.drain()
        for _ in range(3):
            client.get("/fresh/works")
        kept.close()
    failed = [o for o in lab.outcomes(note="fault") if not o.ok]
    lab.expect("backlog-overflow", len(failed), at=" ".join(lab.scenario.vantages))


@scenario(
    "SYNs dropped and retransmitted, 504, while an older connection is served",
    "alb backend",
    retransmits=True,
)
def nginx_syn_dropped(lab: Lab) -> None:
    """listen(8), and a server that stopped accepting; nginx gives up after 2.5 s.

    Count: 504s in the client's log.
    """
    _overflow(lab, "nginx", in_limbo=False, pool_options={"fresh": ""})
    lab.check(f"tcp.flags == 0x002 && tcp.analysis.retransmission && ip.dst == {FAULTY}", 8, at="backend")


@scenario(
    "the handshake's last ACK dropped: the balancer thinks it is connected, SYN-ACKs repeat",
    "alb backend",
    retransmits=True,
)
def nginx_ack_dropped(lab: Lab) -> None:
    """The queue fills between SYN and ACK; requests are never acknowledged.

    Count: 504s in the client's log.
    """
    _overflow(lab, "nginx", in_limbo=True, pool_options={"fresh": ""}, response_timeout_s=2.5)
    lab.check(f"tcp.flags == 0x012 && tcp.analysis.retransmission && ip.src == {FAULTY}", 3)


@scenario("tcp_abort_on_overflow=1: an RST right after the handshake, 502", "alb backend")
def haproxy_abort(lab: Lab) -> None:
    """The queue fills between SYN and ACK; the kernel answers the ACK with RST.

    Count: 502s in the client's log.
    """
    lab.backend(FAULTY).sysctl(ipv4__tcp_abort_on_overflow=1)
    _overflow(lab, "haproxy", in_limbo=True, reuse="never")
    lab.check(f"tcp.flags.reset == 1 && ip.src == {FAULTY}", 4)


@scenario("a lossy path: SYNs are lost, and so are requests on connections that stand", retransmits=True)
def near_miss_lossy_path(lab: Lab) -> None:
    """The network loses 1 in 4 packets to the backend; count: slow requests in the client's log."""
    lab.site()
    lab.faulty()
    lab.haproxy(reuse="never", response_timeout_s=8, connect_timeout_s=8)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        client.get("/faulty/works")
        lab.network.drop_to(lab.backend(FAULTY), f"ip saddr {ALB_BACK} numgen inc mod 4 == 1")
        for _ in range(3):
            lab.at_once(3, lambda: client.get("/faulty/works"))
        lab.network.heal()
    slow = [o for o in client.outcomes if o.seconds > 0.15]
    lab.expect("backend-packet-loss", len(slow), severity="warning", count_within=4)
    lab.check(f"tcp.flags == 0x002 && tcp.analysis.retransmission && ip.dst == {FAULTY}", 1)
    lab.check(f"tcp.len > 0 && tcp.analysis.retransmission && ip.dst == {FAULTY}", 2)
