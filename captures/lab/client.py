"""The HTTP client: plain sockets, so that it can also do what no library does, and a log of every outcome."""

import contextlib
import http.client
import io
import json
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

from captures.lab.network import Host

CHUNK_BYTES = 65_536


@dataclass
class Outcome:
    """What the client knows about one request: a status, or the error it got in its place."""

    time: float
    connection: str
    request: str
    status: int | None = None
    error: str | None = None
    seconds: float = 0.0
    note: str = ""
    body: bytes = b""

    @property
    def ok(self) -> bool:
        return self.error is None and self.status is not None and self.status < 400


class _Reader(io.BufferedReader):
    """One buffer for all responses of a connection: http.client closes its file after each."""

    def close(self) -> None:
        """Keep what is buffered for the next response."""

    def makefile(self, _mode: str) -> "_Reader":
        return self


class Connection:
    """A TCP (or TLS) connection of the client. Every request made on it lands in the client's log."""

    def __init__(self, client: "Client", sock: socket.socket) -> None:
        self.client, self.sock = client, sock
        self.name = "{}:{} > {}:{}".format(*sock.getsockname()[:2], *sock.getpeername()[:2])
        client.opened[self.name] = time.time()
        self.rebind()

    def rebind(self) -> None:
        """Read from the socket as it is now, after TLS was put on it."""
        self._reader = _Reader(socket.SocketIO(self.sock, "r"))

    def send(self, data: bytes) -> None:
        self.sock.sendall(data)

    def request(
        self, path: str = "/", method: str = "GET", body: bytes = b"", note: str = "", **headers: str
    ) -> Outcome:
        """Send one request and read its answer. ``X_Name=...`` becomes the header ``X-Name``."""
        return self.raw(build_request(path, method, body, self.client.host_header, **headers), note=note)

    def raw(self, data: bytes, note: str = "") -> Outcome:
        """Send these bytes, whatever they are, and read one answer."""
        with self.exchange(data, note) as outcome:
            self.send(data)
            self._read_into(outcome, data.split(b" ", 1)[0].decode("latin-1"))
        return outcome

    def read(self, method: str = "GET", note: str = "") -> Outcome:
        """Read one more answer, for a request that was sent before."""
        with self.exchange(f"{method} (sent before)".encode(), note) as outcome:
            self._read_into(outcome, method)
        return outcome

    def _read_into(self, outcome: Outcome, method: str) -> None:
        response = http.client.HTTPResponse(self._reader, method=method)  # type: ignore[arg-type]
        response.begin()
        outcome.status = response.status
        outcome.body = response.read()

    @contextlib.contextmanager
    def exchange(self, data: bytes, note: str = "") -> Iterator[Outcome]:
        """Time what happens inside and log how it ended; the usual failures are outcomes, not exceptions."""
        line = data.lstrip().split(b"\r\n", 1)[0][:80].decode("latin-1")
        outcome = Outcome(time.time(), self.name, line, note=note)
        start = time.monotonic()
        try:
            yield outcome
        except (OSError, http.client.HTTPException) as error:
            outcome.error = type(error).__name__
        finally:
            outcome.seconds = round(time.monotonic() - start, 3)
            self.client.log(outcome)

    def probe_every(self, seconds: int) -> None:
        """Send TCP keep-alive probes when idle this long."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, seconds)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, seconds)

    def say_goodbye(self) -> None:
        """End TLS by close_notify, without waiting for the other side's."""
        assert isinstance(self.sock, ssl.SSLSocket)
        self.sock.setblocking(False)
        with contextlib.suppress(ssl.SSLError):
            self.sock.unwrap()

    def half_close(self) -> None:
        self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        self.sock.close()

    def reset(self) -> None:
        """Close with an RST: linger on, for no time."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class Client:
    """Makes requests from one host to one listener and remembers how each ended."""

    def __init__(
        self,
        host: Host,
        target: tuple[str, int],
        host_header: str = "shop.example.com",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.host, self.target, self.host_header, self.tls = host, target, host_header, tls
        self.outcomes: list[Outcome] = []
        self.opened: dict[str, float] = {}
        self._lock = threading.Lock()

    def log(self, outcome: Outcome) -> None:
        with self._lock:
            self.outcomes.append(outcome)

    def connect(
        self,
        target: tuple[str, int] | None = None,
        source: str | None = None,
        timeout_s: float = 10.0,
        receive_buffer_bytes: int = 0,
        tls: ssl.SSLContext | None = None,
    ) -> Connection:
        address, port = target or self.target
        sock = self.host.socket(socket.AF_INET6 if ":" in address else socket.AF_INET)
        sock.settimeout(timeout_s)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if receive_buffer_bytes:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        if source:
            sock.bind((source, 0))
        sock.connect((address, port))
        tls = tls or self.tls
        if tls is not None:
            sock = tls.wrap_socket(sock, server_hostname=self.host_header)
        return Connection(self, sock)

    def get(
        self, path: str = "/", note: str = "", target: tuple[str, int] | None = None, **headers: str
    ) -> Outcome:
        """One request on a connection of its own; a connection that cannot be made is its outcome."""
        return self.once(build_request(path, "GET", b"", self.host_header, **headers), note, target)

    def post(self, path: str, body: bytes, note: str = "", **headers: str) -> Outcome:
        return self.once(build_request(path, "POST", body, self.host_header, **headers), note)

    def once(
        self, data: bytes, note: str = "", target: tuple[str, int] | None = None, timeout_s: float = 10.0
    ) -> Outcome:
        start, wall = time.monotonic(), time.time()
        try:
            connection = self.connect(target, timeout_s=timeout_s)
        except OSError as error:
            address, port = target or self.target
            line = data.split(b"\r\n", 1)[0].decode("latin-1")
            outcome = Outcome(
                wall, f"{self.host.address} > {address}:{port}", line, error=type(error).__name__
            )
            outcome.seconds, outcome.note = round(time.monotonic() - start, 3), note
            self.log(outcome)
            return outcome
        outcome = connection.raw(data, note)
        outcome.seconds = round(time.monotonic() - start, 3)
        connection.close()
        return outcome


def write_log(outcomes: list[Outcome], path: Path) -> None:
    """One JSON object a request."""
    rows = ({k: v for k, v in asdict(o).items() if k != "body" and v not in (None, "")} for o in outcomes)
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


def build_request(path: str, method: str, body: bytes, host: str, **headers: str) -> bytes:
    fields = {"Host": host, "User-Agent": "lab-client/1.0", "Accept": "*/*"}
    fields |= {name.replace("_", "-"): value for name, value in headers.items()}
    if body and "Transfer-Encoding" not in fields:
        fields.setdefault("Content-Length", str(len(body)))
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode() + body
