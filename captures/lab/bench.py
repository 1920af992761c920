"""The hosts and programs of one scenario, and the traffic between them.

Hosts are made when they are first named, and all ends with ``close``.
"""

import contextlib
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

from captures.lab.backends import PORT, FaultyServer, Route, nginx_site, node_app
from captures.lab.balancers import BALANCERS, Balancer
from captures.lab.client import Client, build_request
from captures.lab.names import NameServer, resolve
from captures.lab.network import Host, Network
from captures.lab.recorder import wait_for

CLIENT, NEIGHBOURS, FAR_CLIENT = "10.0.0.2", ("10.0.0.3", "10.0.0.4"), "10.0.0.200"
ALB_FRONT, ALB_BACK, MORE_LISTENERS = "10.0.0.10", "10.0.1.10", ("10.0.0.11", "10.0.0.12")
NAME_SERVER = "10.0.0.53"
SITE, FAULTY = "10.0.1.21", "10.0.1.22"
Pools = dict[str, list[str]]


class Bench:
    """Client, load balancer and backends, on a network that can be made to fail."""

    def __init__(self, probes: bool = True) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="pcapdiag-lab-"))
        self.network = Network(probes)
        self.clients: list[Client] = []
        self.balancer: Balancer | None = None
        self.balancer_log = self.folder
        self._stack = contextlib.ExitStack()
        self._backends: dict[str, Host] = {}
        self._client_host: Host | None = None
        self._alb: Host | None = None

    def close(self) -> None:
        self._stack.close()
        self.network.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    # Hosts

    @property
    def client_host(self) -> Host:
        if self._client_host is None:
            self._client_host = self.network.add_host("client")
            self.network.plug(self._client_host, "front", CLIENT, *NEIGHBOURS)
        return self._client_host

    @property
    def alb(self) -> Host:
        if self._alb is None:
            self._alb = self.network.add_host("alb")
            self.network.plug(self._alb, "front", ALB_FRONT, *MORE_LISTENERS)
            self.network.plug(self._alb, "back", ALB_BACK)
        return self._alb

    def far_client(self, **wire: Any) -> Client:
        """One more client, on a host of its own; its link can be a user-space wire."""
        host = self.network.add_host("far")
        self.network.plug(host, "front", FAR_CLIENT)
        if wire:
            self.network.shape(host, **wire)
        client = Client(host, (ALB_FRONT, 80))
        self.clients.append(client)
        return client

    def backend(self, address: str) -> Host:
        if address not in self._backends:
            host = self.network.add_host(f"be{address.rpartition('.')[2]}")
            self.network.plug(host, "far" if address.startswith("10.0.2.") else "back", address)
            self._backends[address] = host
        return self._backends[address]

    # Programs

    def start(self, host: Host, *command: str, log: str | None = None) -> subprocess.Popen[bytes]:
        """Run a program on the host until the scenario ends."""
        output = (self.folder / (log or f"{host.role}.{Path(command[0]).name}.out")).open("wb")
        program = host.popen(*command, stdout=output, stderr=subprocess.STDOUT)
        self._stack.callback(_end, program)
        return program

    def wait_for_port(self, host: Host, port: int, program: subprocess.Popen[bytes] | None = None) -> None:
        wait_for(lambda: host.run("ss", "-Hltn", f"sport = :{port}"), f"port {port} of {host.role}", program)

    def site(self, address: str = SITE, **options: Any) -> Host:
        """The healthy web site: a real nginx."""
        host = self.backend(address)
        program = self.start(host, *nginx_site(host, self.folder / host.role, **options))
        self.wait_for_port(host, PORT, program)
        return host

    def node(self, address: str = FAULTY, idle_s: float = 5) -> Host:
        """A real node application."""
        host = self.backend(address)
        self.wait_for_port(host, PORT, self.start(host, *node_app(self.folder, idle_s)))
        return host

    def faulty(
        self, routes: dict[str, Route] | None = None, address: str = FAULTY, **options: Any
    ) -> FaultyServer:
        """A server whose routes misbehave; every path it does not name is answered in order."""
        server = FaultyServer(self.backend(address), routes or {}, **options)
        self._stack.callback(server.close)
        return server

    def name_server(self, names: dict[str, tuple[str, ...]]) -> None:
        """A DNS server that knows these names."""
        host = self.network.add_host("dns")
        self.network.plug(host, "front", NAME_SERVER)
        self._stack.callback(NameServer(host, names).close)

    def resolve(self, name: str) -> list[str]:
        """Ask the DNS server, from the client's host, for the name's addresses."""
        return resolve(self.client_host, NAME_SERVER, name)

    def add_ipv6(self) -> None:
        """Give the client, the load balancer and the backends that exist IPv6 addresses beside their own."""
        plan = [
            (self.client_host, {"eth0": "fd00::2"}),
            (self.alb, {"eth0": "fd00::10", "eth1": "fd00:1::10"}),
        ]
        plan += [(host, {"eth0": f"fd00:1::{a.rpartition('.')[2]}"}) for a, host in self._backends.items()]
        for host, addresses in plan:
            for interface, address in addresses.items():
                host.sysctl(**{f"ipv6__conf__{interface}__disable_ipv6": 0})
                host.run("ip", "addr", "add", f"{address}/64", "dev", interface, "nodad")

    def nginx(self, pools: Pools | None = None, **options: Any) -> None:
        """nginx as Alibaba's ALB."""
        self.balance("nginx", pools, **options)

    def haproxy(self, pools: Pools | None = None, **options: Any) -> None:
        """HAProxy as AWS's ALB."""
        self.balance("haproxy", pools, **options)

    def balance(self, kind: str, pools: Pools | None = None, **options: Any) -> None:
        """Start the load balancer; by default on port 80, before the site and the faulty server."""
        pools = pools or {"site": [f"{SITE}:{PORT}"], "faulty": [f"{FAULTY}:{PORT}"]}
        listen = options.pop("listen", [f"{ALB_FRONT}:80"])
        self.balancer = BALANCERS[kind](pools=pools, listen=listen, **options)
        program = self.start(self.alb, *self.balancer.command(self.folder), log="balancer.out")
        self.wait_for_port(self.alb, int(listen[0].split()[0].rpartition(":")[2]), program)
        self.balancer_log = self.folder / self.balancer.log
        if logger := self.balancer.logger(self.folder):
            self.start(self.alb, *logger)
            wait_for(self.balancer_log.exists, "the load balancer's log", limit_s=5)

    # Traffic

    def client(self, target: tuple[str, int] = (ALB_FRONT, 80), **options: Any) -> Client:
        client = Client(self.client_host, target, **options)
        self.clients.append(client)
        return client

    @contextlib.contextmanager
    def healthy_traffic(
        self, requests: int = 24, pause_s: float = 0.1, paths: tuple[str, ...] = (), **options: Any
    ) -> Iterator[None]:
        """Beside whatever happens inside, other clients use the site; each of their requests must succeed."""
        client = self.client(**options)
        paths = paths or ("/", "/style.css", "/api/items", "/empty")

        def browse(source: str, share: int) -> None:
            connection = client.connect(source=source)
            for n in range(share):
                connection.request(paths[n % len(paths)], note="healthy")
                time.sleep(pause_s)
            connection.close()

        with contextlib.ExitStack() as browsers:
            for source in NEIGHBOURS:
                browsers.enter_context(self.in_background(partial(browse, source, requests // 2)))
            yield
        bad = [o for o in client.outcomes if not o.ok]
        if bad or len(client.outcomes) != requests // 2 * 2:
            raise RuntimeError(f"healthy traffic failed: {bad[:3]}")

    def at_once(self, count: int, request: Callable[[], Any]) -> None:
        """Make this request several times in parallel, and wait for all."""
        threads = [threading.Thread(target=request, daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    @contextlib.contextmanager
    def in_background(self, work: Callable[[], Any]) -> Iterator[None]:
        """Do the work while the block runs; both have ended when it has."""
        thread = threading.Thread(target=work, daemon=True)
        thread.start()
        try:
            yield
        finally:
            thread.join()

    @contextlib.contextmanager
    def health_checks(self, period_s: float = 0.5) -> Iterator[list[Client]]:
        """Probes as Alibaba's ALB makes them: HEAD, the backend's IP as Host, short connections, steadily."""
        stop = threading.Event()
        probers = [Client(self.alb, (address, PORT), host_header=address) for address in self._backends]

        def probe() -> None:
            while not stop.wait(period_s):
                for prober in probers:
                    prober.once(build_request("/health", "HEAD", b"", prober.host_header))

        with self.in_background(probe):
            yield probers
            stop.set()


def _end(program: subprocess.Popen[bytes]) -> None:
    program.terminate()
    try:
        program.wait(3)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()
