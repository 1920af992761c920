"""The capturing host was too slow: packets passed that the capture does not hold."""

import time

from captures.lab import rewrite
from captures.lab.lab import Lab
from captures.lab.recorder import count_packets
from captures.lab.scenario import scenario


def _doze(lab: Lab) -> None:
    """tcpdump has a small buffer and is stopped for 0.6 s while clients download."""
    lab.site()
    lab.nginx()
    with (
        lab.recording("-B", "32", lossy=True),
        lab.healthy_traffic(20, paths=("/page.html", "/style.css", "/")),
    ):
        time.sleep(0.3)
        lab.pause_capture(0.6)
    lab.note(f"tcpdump said that the kernel dropped {lab.dropped} packets.")
    lab.expect("capture-dropped-packets", None)
    lab.check("tcp.analysis.ack_lost_segment || tcp.analysis.lost_segment", 1)


@scenario(
    "tcpdump fell behind: bytes were acknowledged that the capture never held; no request failed",
    retransmits=True,
)
def nginx_slow_tcpdump(lab: Lab) -> None:
    """tcpdump, with 32 KB of buffer, is stopped for 0.6 s, so the kernel really drops packets."""
    _doze(lab)


@scenario(
    "tcpdump fell behind, and the pcapng's statistics block says so", retransmits=True, suffix=".pcapng"
)
def nginx_statistics(lab: Lab) -> None:
    """As above, and tcpdump's own count written as a pcapng interface statistics block."""
    _doze(lab)
    capture = lab.recorded("alb")
    rewrite.add_statistics(capture, count_packets(capture, "frame") + lab.dropped, lab.dropped)


@scenario("packets lost on the wire, and repeated: the capture holds all that passed", retransmits=True)
def near_miss_lost_on_the_wire(lab: Lab) -> None:
    """The network loses 1 in 9 large segments before the balancer's host; the capture is whole."""
    lab.site()
    lab.nginx()
    client = lab.client()
    lab.network.drop_from(lab.backend("10.0.1.21"), "tcp sport 8080 ip length > 900 numgen inc mod 9 == 4")
    with lab.recording():
        for _ in range(6):
            client.get("/page.html", note="lossy")
    lab.expect("backend-packet-loss", lab.count(status=200), severity="warning", count_within=5)
