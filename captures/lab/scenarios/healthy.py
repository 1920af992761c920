"""Nothing is wrong: everything ordinary that a careless reader would call a fault."""

import threading
import time
from typing import Any

from captures.lab import certificates
from captures.lab.backends import Peer, Request, after, answers, closes, head
from captures.lab.bench import ALB_FRONT, FAULTY, SITE
from captures.lab.client import Client, Connection, build_request
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

# Key and answer are RFC 6455's own example.
WEBSOCKET: dict[str, Any] = {
    "Upgrade": "websocket",
    "Connection": "Upgrade",
    "Sec_WebSocket_Key": "dGhlIHNhbXBsZSBub25jZQ==",
}
WEBSOCKET_ANSWER = (
    b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n"
)


def _chunked(peer: Peer, _request: Request) -> None:
    peer.send(head("200 OK", "Transfer-Encoding: chunked"))
    for line in (b"one", b"two", b"three"):
        peer.send(b"%x\r\n%s\r\n" % (len(line), line))
        time.sleep(0.02)
    peer.send(b"0\r\n\r\n")


def _echo_frames(peer: Peer, _request: Request) -> None:
    """A WebSocket server as far as TCP can tell: after 101, bytes both ways until the client leaves."""
    peer.send(WEBSOCKET_ANSWER)
    while data := peer.sock.recv(4096):
        peer.send(data)
    peer.close()


def _until_close(peer: Peer, request: Request) -> None:
    peer.send(head("200 OK") + b"no length; the end of the connection ends it\n")
    closes(peer, request)


APPLICATION = {
    "/faulty/chunked": _chunked,
    "/faulty/events": after(1.0),
    "/faulty/socket": _echo_frames,
    "/faulty/cached": answers("304 Not Modified", b"", 'ETag: "v1"'),
    "/faulty/until-close": _until_close,
}


def _ordinary_requests(client: Client) -> None:
    """One of each kind, several on one connection."""
    connection = client.connect()
    kinds: tuple[tuple[str, str, dict[str, Any]], ...] = (
        ("HEAD", "/page.html", {}),
        ("GET", "/empty", {}),
        ("GET", "/faulty/cached", {"If_None_Match": '"v1"'}),
        ("GET", "/faulty/chunked", {}),
        ("OPTIONS", "/api/items", {}),
    )
    for method, path, headers in kinds:
        connection.request(path, method, **headers)
    connection.request("/api/items", "POST", b'{"id": 7}')
    connection.request("/api/items", "POST", b"4\r\nbody\r\n0\r\n\r\n", Transfer_Encoding="chunked")
    connection.close()
    client.get("/faulty/until-close")


def _expect_continue(client: Client) -> None:
    connection = client.connect()
    body = b"x" * 3000
    connection.send(
        build_request("/api/items", "POST", body, client.host_header, Expect="100-continue")[: -len(body)]
    )
    time.sleep(0.05)
    connection.send(body)
    connection.read("POST")
    connection.close()


def _pipeline(client: Client) -> None:
    connection = client.connect()
    connection.send(build_request("/", "GET", b"", client.host_header) * 3)
    for _ in range(3):
        connection.read()
    connection.close()


def _reset_when_done(client: Client) -> None:
    connection = client.connect()
    connection.request("/api/items")
    connection.reset()


def _idle_away(client: Client) -> None:
    """Kept alive, idle, and closed: by this client, or sooner by the load balancer."""
    connection = client.connect()
    connection.request("/")
    time.sleep(0.6)
    connection.close()


def _never_used(client: Client) -> None:
    client.connect().close()


def _upgrade(client: Client) -> None:
    connection = client.connect()
    connection.request("/faulty/socket", **WEBSOCKET)
    for frame in (b"\x81\x85\x01\x02\x03\x04igolk", b"\x82\x83\x01\x02\x03\x04cdb"):
        connection.send(frame)
        connection.sock.recv(100)
        time.sleep(0.1)
    connection.close()


def _half_close(client: Client) -> None:
    connection = client.connect()
    connection.send(build_request("/api/items", "GET", b"", client.host_header))
    connection.half_close()
    connection.read()
    connection.close()


def _no_failures(lab: Lab) -> None:
    if bad := [o for o in lab.outcomes() if not o.ok]:
        raise RuntimeError(f"not healthy: {bad}")


MIX = (_ordinary_requests, _expect_continue, _pipeline, _reset_when_done, _idle_away, _never_used, _upgrade)


@scenario("every ordinary thing through nginx, with passing health checks", "alb client backend")
def nginx_mix(lab: Lab) -> None:
    """Keep-alive, HEAD, 204, 304, chunked, 100, pipelining, reset when done, idle, upgrade, long polls."""
    lab.site()
    lab.faulty(APPLICATION)
    upgrade = 'proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection "upgrade";'
    lab.nginx(server=f"location /faulty/socket {{ {upgrade} proxy_pass http://faulty; }}")
    client = lab.client()
    with lab.recording(), lab.healthy_traffic(20), lab.health_checks():
        for step in MIX:
            step(client)
        lab.at_once(3, lambda: client.get("/faulty/events"))
    _no_failures(lab)
    lab.check("http.response.code == 101", 2)


@scenario(
    "every ordinary thing through HAProxy, half-close among it, with passing health checks",
    "alb client backend",
)
def haproxy_mix(lab: Lab) -> None:
    """Keep-alive, HEAD, 204, 304, chunked, 100, pipelining, half-close, resets, idle, upgrade, long polls."""
    lab.site()
    lab.faulty(APPLICATION)
    lab.haproxy(
        backend="option httpchk\n  http-check send meth GET uri /health hdr User-Agent ELB-HealthChecker/2.0 "
        "hdr Host 10.0.1.2x:8080",
        server_options="check inter 500ms",
    )
    client = lab.client()
    with lab.recording(), lab.healthy_traffic(20):
        for step in (*MIX, _half_close):
            step(client)
        lab.at_once(3, lambda: client.get("/faulty/events"))
    _no_failures(lab)
    lab.check("http.response.code == 101", 2)
    lab.check('http.user_agent contains "ELB-HealthChecker"', 4)


@scenario("every ordinary thing through Apache's mod_proxy_balancer")
def apache_mix(lab: Lab) -> None:
    """Keep-alive, HEAD, 204, 304, chunked, 100, pipelining, resets, idle, upgrade, long polls."""
    lab.site()
    lab.faulty(APPLICATION)
    lab.balance("apache")
    client = lab.client()
    with lab.recording(), lab.healthy_traffic(20):
        for step in MIX:
            step(client)
        lab.at_once(3, lambda: client.get("/faulty/events"))
    _no_failures(lab)
    lab.check("http.response.code == 101", 2)


@scenario("Varnish answers from its cache: most requests have no backend behind them, and need none")
def varnish_cache(lab: Lab) -> None:
    """Two kept-alive clients ask for pages that Varnish may keep, and for some that it may not."""
    lab.site()
    lab.faulty({"/faulty/private": answers("200 OK", b"yours\n", "Cache-Control: private")})
    lab.balance("varnish", caches=True)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic(20):
        connection = client.connect()
        for path in ("/page.html", "/faulty/private") * 3:
            connection.request(path)
        connection.request("/page.html", "HEAD")
        connection.request("/api/items", "POST", b'{"id": 7}')
        connection.close()
    _no_failures(lab)
    # Varnish names the request that fetched the object beside the one it answers.
    lab.check('http.response.line matches "X-Varnish: [0-9]+ [0-9]+"', 6)


@scenario("idle connections closed by every side, with nothing in flight")
def haproxy_idle_closes(lab: Lab) -> None:
    """Idle connections end after 1 s on both legs, and every next request is on a new one."""
    lab.site(idle_s=1)
    lab.faulty(idle_s=0.7)
    lab.haproxy(idle_s=1)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic(12):
        connections = [client.connect() for _ in range(4)]
        for connection, path in zip(connections, ("/", "/faulty/works") * 2, strict=True):
            connection.request(path)
        time.sleep(1.6)
        client.get("/")
        for connection in connections:
            connection.close()
    _no_failures(lab)


@scenario("connections already open when the capture begins, and still busy when it ends")
def nginx_cut_both_ends(lab: Lab) -> None:
    """Recording starts amid a kept-alive connection and a response, and stops amid one."""

    def in_parts(peer: Peer, _request: Request) -> None:
        peer.send(head("200 OK", "Content-Length: 8000"))
        for _ in range(8):
            time.sleep(0.2)
            peer.send(b"x" * 1000)

    lab.partial = True
    lab.site()
    lab.faulty({"/faulty/slow-body": in_parts})
    lab.nginx(server="proxy_buffering off;")
    client = lab.client()
    kept: Connection = client.connect()
    kept.request("/")
    early = threading.Thread(target=client.get, args=("/faulty/slow-body",))
    early.start()
    time.sleep(0.5)
    with lab.recording():
        kept.request("/api/items")
        with lab.healthy_traffic(12):
            early.join()
        late = threading.Thread(target=client.get, args=("/faulty/slow-body",))
        late.start()
        time.sleep(0.3)
    late.join()
    _no_failures(lab)


@scenario("downloads with segmentation offload: captured segments far larger than the MSS")
def nginx_offload(lab: Lab) -> None:
    """Offloads on at every host, so packets of up to 64 KB and unfinished checksums are captured."""
    lab.site()
    lab.backend(FAULTY)
    lab.nginx()
    for host in (lab.client_host, lab.alb, lab.backend(SITE)):
        lab.network.offload(host, True)
    client = lab.client()
    with lab.recording():
        client.get("/")
        client.get("/medium.bin")
        client.get("/medium.bin")
        client.get("/api/items")
    _no_failures(lab)
    lab.check("tcp.len > 1460", 4)


@scenario("TLS to the load balancer: only ciphertext on the frontend", "alb client")
def haproxy_tls(lab: Lab) -> None:
    """TLS 1.3 and 1.2 clients; plain HTTP to the backends."""
    lab.site()
    lab.faulty()
    certificate = certificates.make(lab.folder, "shop.example.com")
    lab.haproxy(listen=[f"{ALB_FRONT}:443 ssl crt {certificate}"])
    _browse_by_tls(lab)


@scenario("TLS to nginx")
def nginx_tls(lab: Lab) -> None:
    """TLS 1.3 and 1.2 clients; plain HTTP to the backends."""
    lab.site()
    lab.faulty()
    certificate = certificates.make(lab.folder, "shop.example.com")
    server = certificates.for_nginx(certificate)
    lab.nginx(listen=[f"{ALB_FRONT}:443 ssl"], server=server)
    _browse_by_tls(lab)


def _browse_by_tls(lab: Lab) -> None:
    client = lab.client((ALB_FRONT, 443))
    with lab.recording():
        for version in certificates.VERSIONS * 3:
            connection = client.connect(tls=certificates.trusting(lab.folder, version))
            for path in ("/", "/style.css", "/api/items"):
                connection.request(path)
            connection.close()
    _no_failures(lab)
