"""One fault in many wrappings: file formats, link types, tunnels, IPv6. It must be found in all of them."""

import socket

from captures.lab import certificates, rewrite
from captures.lab.backends import PORT, FaultyServer, after, resets
from captures.lab.bench import ALB_FRONT, FAULTY, SITE
from captures.lab.client import Client
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

CRASH = {"/faulty/crash": after(0.05, resets)}


def _record(lab: Lab, *options: str, reuse: str = "safe", **recording: bool) -> None:
    """Three requests that the backend resets, beside healthy traffic."""
    lab.site()
    lab.faulty(CRASH)
    lab.haproxy(reuse=reuse)
    client = lab.client()
    with lab.recording(*options, **recording), lab.healthy_traffic(16):
        _crash(client)
    _expect(lab)


def _crash(client: Client) -> None:
    for _ in range(3):
        client.get("/faulty/works")
        client.get("/faulty/crash", note="fault")


def _expect(lab: Lab) -> None:
    lab.expect("backend-reset", lab.count(status=502, note="fault"))


@scenario("pcapng, one interface description a leg", suffix=".pcapng")
def pcapng(lab: Lab) -> None:
    """mergecap joined both interfaces' captures as pcapng; count: 502s in the client's log."""
    _record(lab)


@scenario("gzip", suffix=".pcap.gz")
def compressed(lab: Lab) -> None:
    """A pcap compressed by gzip; count: 502s in the client's log."""
    _record(lab)
    capture = lab.recorded("alb")
    rewrite.compress(capture, capture)


@scenario("nanosecond timestamps")
def nanoseconds(lab: Lab) -> None:
    """tcpdump --time-stamp-precision=nano; count: 502s in the client's log."""
    _record(lab, "--time-stamp-precision=nano")


@scenario("a pcap written by a big-endian machine")
def big_endian(lab: Lab) -> None:
    """A script wrote the recording's headers in the other byte order; count: 502s in the client's log."""
    _record(lab)
    rewrite.to_big_endian(lab.recorded("alb"))


@scenario("Linux cooked capture v2 (-i any)")
def any_sll2(lab: Lab) -> None:
    """tcpdump -i any on the ALB's host; count: 502s in the client's log."""
    _record(lab, any_interface=True)


@scenario("Linux cooked capture v1 (-i any -y LINUX_SLL)")
def any_sll(lab: Lab) -> None:
    """tcpdump -i any -y LINUX_SLL on the ALB's host; count: 502s in the client's log."""
    _record(lab, "-y", "LINUX_SLL", any_interface=True)


@scenario("802.1Q tags")
def vlan(lab: Lab) -> None:
    """A script put VLAN tag 42 into each frame; count: 502s in the client's log."""
    _record(lab)
    rewrite.each_frame(lab.recorded("alb"), rewrite.tagged(42))


@scenario("VXLAN, as AWS's traffic mirroring sends it")
def vxlan(lab: Lab) -> None:
    """A script wrapped each frame in VXLAN (UDP port 4789, VNI 7); count: 502s in the client's log."""
    _record(lab)
    rewrite.each_frame(lab.recorded("alb"), rewrite.mirrored(7))


@scenario("a snap length of 96: the fault is in the TCP headers, and still found")
def snaplen_96(lab: Lab) -> None:
    """tcpdump -s 96, each request on a backend connection of its own; count: 502s in the client's log."""
    lab.partial = True
    _record(lab, "-s", "96", reuse="never")
    lab.expect("capture-truncated-packets", None)


@scenario("IPv6 on both legs")
def ipv6(lab: Lab) -> None:
    """Listener, clients and backends speak IPv6; count: 502s in the client's log."""
    lab.backend(SITE)
    lab.backend(FAULTY)
    lab.add_ipv6()
    lab.site(listen=f"[::]:{PORT}")
    FaultyServer(lab.backend(FAULTY), CRASH, family=socket.AF_INET6)
    lab.haproxy(
        {"site": [f"[fd00:1::21]:{PORT}"], "faulty": [f"[fd00:1::22]:{PORT}"]}, listen=["[fd00::10]:80"]
    )
    client = lab.client(("fd00::10", 80))
    with lab.recording():
        for _ in range(8):
            client.get("/api/items")
        _crash(client)
    _expect(lab)
    lab.check("ipv6 && tcp.flags.reset == 1", 3)


@scenario("TLS on the client's leg: the fault is in clear on the other")
def tls_frontend(lab: Lab) -> None:
    """HAProxy ends TLS, so only the backend's leg can be read; count: 502s in the client's log."""
    lab.site()
    lab.faulty(CRASH)
    certificate = certificates.make(lab.folder, "shop.example.com")
    lab.haproxy(listen=[f"{ALB_FRONT}:443 ssl crt {certificate}"])
    client = lab.client((ALB_FRONT, 443))
    trust = certificates.trusting(lab.folder)
    with lab.recording():
        for path in ("/", "/style.css", "/faulty/crash", "/api/items") * 3:
            connection = client.connect(tls=trust)
            connection.request(path, note="fault" if path == "/faulty/crash" else "healthy")
            connection.close()
    _expect(lab)
