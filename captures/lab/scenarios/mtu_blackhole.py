"""Full-size segments vanish on a path that carries small ones: its MTU is smaller, and nobody is told."""

import time
from collections.abc import Callable

from captures.lab.backends import PORT, answers
from captures.lab.bench import ALB_BACK, FAULTY
from captures.lab.client import Client, Outcome, build_request
from captures.lab.lab import Lab
from captures.lab.network import Host
from captures.lab.scenario import scenario

PATH_MTU = 1400
TOO_LARGE = f"meta protocol ip ip length > {PATH_MTU} ip protocol tcp"
BIG = b"field=value&" * 400


def _mixed(lab: Lab, big: Callable[[Client], Outcome], requests: int = 3) -> None:
    """Small exchanges that pass and large ones that cannot, all with 10.0.1.22."""
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(3):
            client.get("/faulty/small")
        lab.at_once(requests, lambda: big(client))
        for _ in range(3):
            client.get("/faulty/small")


@scenario(
    "uploads to the backend hang in their full-size segments: 504", "alb backend client", retransmits=True
)
def nginx_upload(lab: Lab) -> None:
    """The network drops IP packets over 1,400 bytes to the backend; count: 504s in the client's log."""
    lab.site()
    lab.faulty()
    lab.nginx(response_timeout_s=2.5)
    lab.network.drop_to(lab.backend(FAULTY), TOO_LARGE)
    _mixed(lab, lambda client: client.post("/faulty/upload", BIG, "fault"))
    failed = lab.count(status=504, note="fault") + lab.count(status=502, note="fault")
    lab.expect("mtu-blackhole", failed, smallest_lost_bytes=(1448, 60))
    lab.expect("mtu-blackhole", failed, at="backend")
    lab.check(f"tcp.analysis.retransmission && tcp.len == 1448 && ip.dst == {FAULTY}", 3)
    lab.never(f"tcp.len > 1360 && ip.dst == {FAULTY}", at="backend")


@scenario("large responses never arrive, small ones do: 504", "alb backend", retransmits=True)
def haproxy_download(lab: Lab) -> None:
    """The network drops IP packets over 1,400 bytes from the backend; count: 504s in the client's log."""
    lab.site()
    lab.faulty({"/faulty/large": answers("200 OK", b"x" * 9000)})
    lab.haproxy(response_timeout_s=2.5)
    lab.network.drop_from(lab.backend(FAULTY), TOO_LARGE)
    _mixed(lab, lambda client: client.get("/faulty/large", "fault"))
    lab.expect("mtu-blackhole", lab.count(status=504, note="fault"), at="alb backend")
    lab.check(f"tcp.analysis.retransmission && tcp.len == 1448 && ip.src == {FAULTY}", 3, at="backend")
    lab.never(f"tcp.len > 1360 && ip.src == {FAULTY}")


@scenario("a client's upload hangs on the frontend: 408", "alb client", retransmits=True)
def haproxy_client_upload(lab: Lab) -> None:
    """The network drops the client's IP packets over 1,400 bytes; HAProxy waits 2 s.

    Count: 408s in the client's log.
    """
    lab.site()
    lab.haproxy(request_timeout_s=2, idle_s=2, frontend="option http-buffer-request")
    lab.network.drop_from(lab.client_host, TOO_LARGE)
    client = lab.client()
    head = build_request("/api/items", "POST", b"", client.host_header, Content_Length=str(len(BIG)))

    def upload() -> None:
        connection = client.connect()
        connection.send(head)
        connection.send(BIG)
        connection.read("POST", note="fault")
        connection.close()

    with lab.recording(), lab.healthy_traffic():
        client.get("/api/items")
        lab.at_once(3, upload)
        client.get("/api/items")
    lab.expect("mtu-blackhole", lab.count(status=408, note="fault"), at="alb client")
    lab.check("tcp.analysis.retransmission && tcp.len == 1448", 3, at="client")


@scenario("large responses do not reach a client, small ones do: it gives up", retransmits=True)
def nginx_client_download(lab: Lab) -> None:
    """The network drops IP packets over 1,400 bytes to one client, who waits 2 s; count: its time-outs."""
    lab.site()
    lab.nginx()
    client = lab.far_client()
    lab.network.drop_to(client.host, TOO_LARGE)
    with lab.recording(), lab.healthy_traffic():
        client.get("/api/items")
        request = build_request("/page.html", "GET", b"", client.host_header)
        lab.at_once(3, lambda: client.once(request, "fault", timeout_s=2))
        client.get("/api/items")
    lab.expect("mtu-blackhole", lab.count(error="TimeoutError", note="fault"))
    lab.check("tcp.analysis.retransmission && tcp.len == 1448 && ip.dst == 10.0.0.200", 3)


@scenario("a router says fragmentation needed; the load balancer's firewall drops its ICMP", retransmits=True)
def nginx_icmp_filtered(lab: Lab) -> None:
    """The backend is behind a router with a 1,400 byte link; the ALB's host drops ICMP.

    Count: 504s in the client's log.
    """
    lab.site()
    far = _behind_router(lab)
    lab.faulty(address=far)
    lab.nginx({"site": [f"10.0.1.21:{PORT}"], "faulty": [f"{far}:{PORT}"]}, response_timeout_s=2.5)
    lab.alb.firewall("input", "icmp type destination-unreachable drop")
    # Else the receiver's own MTU would have told the sender its limit in the handshake.
    _mixed(lab, lambda client: client.post("/faulty/upload", BIG, "fault"))
    lab.expect("mtu-blackhole", lab.count(status=504, note="fault"), smallest_lost_bytes=(1448, 60))
    lab.check("icmp.type == 3 && icmp.code == 4", 3)


def _behind_router(lab: Lab) -> str:
    router: Host = lab.network.add_host("router")
    lab.network.plug(router, "back", "10.0.1.1")
    lab.network.plug(router, "far", "10.0.2.1", mtu=PATH_MTU)
    router.sysctl(ipv4__ip_forward=1)
    host = lab.backend("10.0.2.22")
    host.run("ip", "route", "add", "default", "via", "10.0.2.1")
    lab.alb.run("ip", "route", "add", "10.0.2.0/24", "via", "10.0.1.1")
    # The backend believes in 1,500 bytes, so its MSS does not warn the load balancer.
    host.run("ip", "link", "set", "eth0", "mtu", "1500")
    return host.address


@scenario("loss that does not ask for size: large and small segments are lost alike", retransmits=True)
def near_miss_loss_of_all_sizes(lab: Lab) -> None:
    """nftables loses 1 in 4 segments with data, of any size.

    Count: requests over 0.15 s in the client's log.
    """
    lab.site()
    lab.faulty({"/faulty/large": answers("200 OK", b"x" * 9000)})
    lab.haproxy(response_timeout_s=5)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic(12):
        lab.network.drop_to(lab.backend(FAULTY), f"ip saddr {ALB_BACK} ip length > 60 numgen inc mod 4 == 1")
        for n in range(8):
            (client.post("/faulty/upload", BIG, "lossy") if n % 2 else client.get("/faulty/small", "lossy"))
            time.sleep(0.02)
        lab.network.heal()
    slow = [o for o in lab.outcomes(note="lossy") if o.seconds > 0.15]
    lab.expect("backend-packet-loss", len(slow), severity="warning", count_within=5)
