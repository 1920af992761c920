"""A receiver announces a zero window for long: the application does not read."""

import socket
import time

from captures.lab.backends import Peer
from captures.lab.bench import FAULTY
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

STALL_S = 2.0
BODY = b"a line of an upload, of some length\n" * 1_400


def _upload(lab: Lab, stall_s: float, uploads: int = 2) -> None:
    """A server with a small receive buffer reads the head of an upload, then nothing for a while."""

    def doze(peer: Peer) -> bool:
        request = peer.read_request(with_body=False)
        if request is not None and request.method == "POST":
            time.sleep(stall_s)
            peer.read_rest(request)
            peer.answer()
            return True
        peer.answer()
        return True

    lab.site()
    server = lab.faulty(on_accept=doze)
    server.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8_192)
    lab.nginx(server="client_max_body_size 1m; client_body_buffer_size 128k;", response_timeout_s=5)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic(16):
        lab.at_once(uploads, lambda: client.post("/faulty/upload", BODY, note="stalled"))
    if lab.count(status=200, note="stalled") != uploads:
        raise RuntimeError("an upload failed")


@scenario(
    "the backend stops reading an upload for 2 s: its window falls to zero", "alb backend", retransmits=True
)
def nginx_upload(lab: Lab) -> None:
    """The server sleeps before it reads the body; count: its script."""
    _upload(lab, STALL_S)
    lab.expect(
        "backend-zero-window",
        lab.count(note="stalled"),
        at="alb backend",
        severity="warning",
        longest_stall_s=(STALL_S, 0.4),
    )
    lab.check(f"tcp.analysis.zero_window && ip.src == {FAULTY}", 2)


@scenario("windows that close for a quarter of a second while a busy reader catches up", retransmits=True)
def near_miss_brief(lab: Lab) -> None:
    """The server sleeps 0.25 s before it reads the body."""
    _upload(lab, 0.25)
    lab.check(f"tcp.analysis.zero_window && ip.src == {FAULTY}", 1)
