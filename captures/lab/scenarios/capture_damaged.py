"""The file is cut or broken; all before the damage is still good."""

from captures.lab import rewrite
from captures.lab.backends import after, resets
from captures.lab.lab import Lab
from captures.lab.scenario import scenario


def _record(lab: Lab) -> int:
    """A fault early in the recording; how many requests met it."""
    lab.site()
    lab.faulty({"/faulty/crash": after(0.05, resets)})
    lab.haproxy()
    client = lab.client()
    with lab.recording():
        for _ in range(3):
            client.get("/faulty/crash", note="fault")
        with lab.healthy_traffic(30):
            pass
    return lab.count(status=502, note="fault")


@scenario("cut in the middle of a packet near its end")
def haproxy_cut(lab: Lab) -> None:
    """A script cut a real recording; count: 502s in the client's log, all before the cut."""
    lab.expect("backend-reset", _record(lab))
    lab.expect("capture-damaged", None)
    lab.unreadable = True
    rewrite.cut_in_mid_packet(lab.recorded("alb"))


@scenario("a record three quarters in claims to be 3 GB long")
def haproxy_impossible_record(lab: Lab) -> None:
    """A script overwrote a length; count: 502s in the client's log, all before the damage."""
    lab.expect("backend-reset", _record(lab))
    lab.unreadable = True
    frame = rewrite.break_record(lab.recorded("alb"))
    lab.expect("capture-damaged", None, frame=(frame, 1))


@scenario("a capture stopped in order while connections were open: its end is sudden, and whole")
def near_miss_sudden_end(lab: Lab) -> None:
    """tcpdump is stopped while clients are still busy."""
    lab.site()
    lab.haproxy()
    client = lab.client()
    connections = [client.connect() for _ in range(3)]
    with lab.recording():
        with lab.healthy_traffic(12):
            pass
        for connection in connections:
            connection.request("/api/items")
    for connection in connections:
        connection.close()
