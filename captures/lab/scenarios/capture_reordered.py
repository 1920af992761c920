"""Packets are stored out of their true order."""

from captures.lab import rewrite
from captures.lab.lab import Lab
from captures.lab.scenario import scenario


@scenario(
    "a mirror that swapped neighbours: every seventh packet lies behind its successor", retransmits=True
)
def nginx_swapped(lab: Lab) -> None:
    """A real recording in which a script exchanged neighbouring packets and left the times in order."""
    lab.site()
    lab.nginx()
    with lab.recording(), lab.healthy_traffic(20, paths=("/page.html", "/style.css", "/")):
        pass
    lab.expect("capture-reordered", None)
    rewrite.swap_neighbours(lab.recorded("alb"), 7)


@scenario(
    "segments that the network itself reordered: the capture stored them as they came", retransmits=True
)
def near_miss_reordered_by_network(lab: Lab) -> None:
    """A user-space wire holds every fifth large segment of an upload back; the capture is true."""
    lab.site()
    lab.nginx()
    client = lab.client()
    lab.network.shape(lab.client_host, swap_every=5, swap_s=0.003, delay_s=0.01)
    with lab.recording(), lab.healthy_traffic(6):
        for _ in range(5):
            client.post("/api/items", b"field=value&" * 800)
