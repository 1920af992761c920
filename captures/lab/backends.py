"""Backends: nginx and node for healthy traffic, and a socket server whose routes each do one thing wrong."""

import contextlib
import random
import socket
import struct
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from captures.lab.network import Host

PORT = 8080


@dataclass
class Request:
    """A request as the faulty server read it."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes = b""


class Peer:
    """The server's end of one connection from the load balancer."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self._buffer = b""

    def read_request(self, with_body: bool = True) -> Request | None:
        """The next request; None when the other side closed."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._fill():
                return None
        head, _, self._buffer = self._buffer.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        request = Request(method, path, headers)
        if with_body:
            self.read_rest(request)
        return request

    def read_rest(self, request: Request) -> None:
        """The body of a request whose head was read."""
        length = int(request.headers.get("content-length", 0))
        while len(self._buffer) < length and self._fill():
            pass
        request.body, self._buffer = self._buffer[:length], self._buffer[length:]

    def _fill(self) -> bool:
        data = self.sock.recv(65_536)
        self._buffer += data
        return bool(data)

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def answer(self, status: str = "200 OK", body: bytes = b"ok\n", *headers: str) -> None:
        """A well-formed answer; its Server header tells it from one the load balancer made."""
        self.send(head(status, f"Content-Length: {len(body)}", *headers) + body)

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()

    def reset(self) -> None:
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


def head(status: str, *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", "Server: shop/2.3", "Content-Type: text/plain", *headers]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")


Route = Callable[[Peer, Request], None]


def ok(peer: Peer, _request: Request) -> None:
    peer.answer()


@dataclass
class FaultyServer:
    """Answers every path in order, except those its routes name; a route that closed the socket ends it.

    A path belongs to the route with the longest prefix of it.
    """

    host: Host
    routes: dict[str, Route] = field(default_factory=dict)
    port: int = PORT
    backlog: int = 128
    idle_s: float | None = None
    on_accept: Callable[[Peer], bool] | None = None
    family: int = socket.AF_INET

    def __post_init__(self) -> None:
        self.requests: list[Request] = []
        self.listener = self.host.socket(self.family)
        self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.listener.bind(("", self.port))
        self.listener.listen(self.backlog)
        self.accepting = threading.Event()
        self.accepting.set()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                self.accepting.wait()
                sock, _ = self.listener.accept()
                sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                threading.Thread(target=self._talk, args=(Peer(sock),), daemon=True).start()

    def _talk(self, peer: Peer) -> None:
        with contextlib.suppress(OSError):
            if self.on_accept and not self.on_accept(peer):
                return
            peer.sock.settimeout(self.idle_s)
            while request := peer.read_request():
                self.requests.append(request)
                self.route(request.path)(peer, request)
        peer.close()

    def route(self, path: str) -> Route:
        found = max((prefix for prefix in self.routes if path.startswith(prefix)), key=len, default=None)
        return self.routes[found] if found is not None else ok

    def close(self) -> None:
        """Stop listening: from now on the kernel refuses connections."""
        with contextlib.suppress(OSError):
            self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


def after(wait_s: float, then: Route = ok) -> Route:
    """A route that thinks first."""

    def route(peer: Peer, request: Request) -> None:
        time.sleep(wait_s)
        then(peer, request)

    return route


def answers(status: str = "200 OK", body: bytes = b"ok\n", *headers: str) -> Route:
    return lambda peer, _request: peer.answer(status, body, *headers)


def sends(data: bytes, then: str = "stay") -> Route:
    """A route that sends exactly these bytes, then stays open, closes, or resets."""

    def route(peer: Peer, _request: Request) -> None:
        peer.send(data)
        if then != "stay":
            # What was sent must leave before an RST may discard it.
            time.sleep(0.05)
            getattr(peer, then)()

    return route


def resets(peer: Peer, _request: Request) -> None:
    peer.reset()


def closes(peer: Peer, _request: Request) -> None:
    peer.close()


NODE_APP = """
const server = require('http').createServer((request, response) => {{
  request.resume();
  request.on('end', () => response.end('{{"from": "node"}}'));
}});
server.keepAliveTimeout = {idle_ms};
server.listen({port});
"""


def node_app(folder: Path, idle_s: float, port: int = PORT) -> list[str]:
    """A small node application; the command that serves it. Node's own keep-alive default is 5 s."""
    script = folder / "app.js"
    script.write_text(NODE_APP.format(idle_ms=round(idle_s * 1000), port=port))
    return ["node", str(script)]


NGINX_SITE = """
daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; keepalive_timeout {idle_s}s; server_tokens off; types {{ text/css css; text/html html; }}
  client_body_temp_path {folder}/body;
  server {{
    listen {listen}; root {folder}/www;
    location /api {{ default_type application/json; return 200 '{{"items": [1, 2, 3], "next": null}}\\n'; }}
    location /health {{ return 200 'up\\n'; }}
    location /empty {{ return 204; }}
    {extra}
  }}
}}
"""


def nginx_site(
    host: Host, folder: Path, listen: str = str(PORT), idle_s: float = 75, extra: str = ""
) -> list[str]:
    """Lay out a small web site for nginx in the folder; the command that serves it."""
    www = folder / "www"
    www.mkdir(parents=True)
    filler = random.Random(7)
    for name, size in {
        "index.html": 900,
        "style.css": 4_000,
        "page.html": 12_000,
        "medium.bin": 50_000,
    }.items():
        (www / name).write_bytes(bytes(filler.choices(b"abcdefghijklmnopqrstuvwxyz \n", k=size)))
    config = folder / "nginx.conf"
    config.write_text(NGINX_SITE.format(folder=folder, listen=listen, idle_s=idle_s, extra=extra))
    return ["nginx", "-p", str(folder), "-c", str(config), "-e", str(folder / "start.log")]
