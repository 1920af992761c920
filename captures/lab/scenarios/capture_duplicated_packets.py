"""The capture holds packets twice."""

from captures.lab.lab import Lab
from captures.lab.recorder import merge
from captures.lab.scenario import scenario


def _browse(lab: Lab, **recording: bool) -> None:
    lab.site()
    lab.nginx()
    with lab.recording(**recording), lab.healthy_traffic(16):
        pass


@scenario(
    "-i any on a switch: each packet once as it enters and once as it leaves", "switch", retransmits=True
)
def nginx_any_on_switch(lab: Lab) -> None:
    """tcpdump -i any in the namespace of the bridges; Linux cooked capture v2."""
    _browse(lab, any_interface=True)
    lab.expect("capture-duplicated-packets", None)
    lab.check("tcp.analysis.retransmission", 20)


@scenario(
    "a mirror of both ends of one cable: frontend packets twice, microseconds apart",
    "alb client",
    retransmits=True,
)
def nginx_both_ends(lab: Lab) -> None:
    """The client's capture merged into the ALB's."""
    _browse(lab)
    alb, twice = lab.recorded("alb"), lab.folder / "twice.pcap"
    merge([alb, lab.recorded("client")], twice)
    twice.rename(alb)
    lab.expect("capture-duplicated-packets", None)


@scenario("real retransmissions: the same bytes again, a fifth of a second later", "client", retransmits=True)
def near_miss_retransmissions(lab: Lab) -> None:
    """The network loses every third request from the client; count: requests over 0.15 s in its log."""
    lab.site()
    lab.nginx()
    client = lab.client()
    connection = client.connect()
    with lab.recording():
        with lab.healthy_traffic(12):
            pass
        lab.network.drop_from(
            lab.client_host, "tcp dport 80 tcp flags & (syn|fin) == 0 ip length > 60 numgen inc mod 3 == 1"
        )
        for _ in range(12):
            connection.request("/api/items")
        lab.network.heal()
    slow = [o for o in client.outcomes if o.seconds > 0.15]
    lab.expect("frontend-packet-loss", len(slow), severity="warning", count_within=2)
