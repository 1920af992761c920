"""The capture keeps only the first bytes of each packet."""

from captures.lab.lab import Lab
from captures.lab.scenario import scenario


@scenario("a snap length of 96: HTTP heads are cut after a few words; no request failed")
def haproxy_snaplen_96(lab: Lab) -> None:
    """tcpdump -s 96."""
    lab.partial = True
    lab.site()
    lab.haproxy()
    with lab.recording("-s", "96"), lab.healthy_traffic():
        pass
    lab.expect("capture-truncated-packets", None)
    lab.check("frame.cap_len < frame.len", 20)


@scenario("a snap length of 1,514, and no packet larger: nothing is cut")
def near_miss_snaplen_1514(lab: Lab) -> None:
    """tcpdump -s 1514, with offloads off."""
    lab.site()
    lab.haproxy()
    with lab.recording("-s", "1514"), lab.healthy_traffic():
        pass
    lab.never("frame.cap_len < frame.len")
