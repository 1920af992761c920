"""What a scenario is, and the lab it runs in.

A scenario is a function that takes a ``Lab``: it sets up servers and a load balancer, records, makes
requests, and says with ``expect`` what the capture must be found to show. The count it gives comes from
the client's log, a server's log or its own script, never from pcapdiag.
"""

import contextlib
import importlib
import inspect
import json
import pkgutil
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from captures.lab import scenarios
from captures.lab.backends import PORT, FaultyServer, Route, nginx_site
from captures.lab.balancers import Balancer, Haproxy, Nginx
from captures.lab.client import Client, Outcome, build_request
from captures.lab.names import NameServer, resolve
from captures.lab.network import Host, Network
from captures.lab.recorder import Recording, count_packets, wait_for

CAPTURES = Path(__file__).parent.parent
MAX_BYTES = 300_000
CLIENT, ALB_FRONT, ALB_BACK = "10.0.0.2", "10.0.0.10", "10.0.1.10"
NAME_SERVER = "10.0.0.53"
SITE, FAULTY = "10.0.1.21", "10.0.1.22"
# A FIN is probed again after two round trips, here less than a delayed ACK: that is no loss.
ACCIDENTS = "tcp.analysis.retransmission && !(tcp.flags.fin == 1 && tcp.len == 0)"


@dataclass
class Scenario:
    """One case of one cause, as its decorator describes it."""

    cause: str
    case: str
    shows: str
    run: Callable[["Lab"], None]
    vantages: tuple[str, ...] = ("alb",)
    retransmits: bool = False
    suffix: str = ".pcap"
    how: str = ""

    @property
    def name(self) -> str:
        return f"{self.cause}/{self.case}"

    def file(self, vantage: str) -> Path:
        """Where the capture of this vantage is kept: the first has the plain name."""
        other = "" if vantage == self.vantages[0] else f".{vantage}"
        return CAPTURES / self.cause / f"{self.case}{other}{self.suffix}"


_registered: dict[str, Scenario] = {}


def scenario(shows: str, vantages: str = "alb", **options: Any) -> Callable[[Callable[["Lab"], None]], Callable]:
    """Register a function as a scenario: its module names the cause, it names the case, its docstring the how.

    ``retransmits`` says the fault makes TCP retransmit; without it a retransmission spoils the recording.
    """

    def register(function: Callable[["Lab"], None]) -> Callable[["Lab"], None]:
        cause = function.__module__.rpartition(".")[2].replace("_", "-")
        case = function.__name__.replace("_", "-")
        how = " ".join(inspect.getdoc(function).split())
        found = Scenario(cause, case, shows, function, tuple(vantages.split()), how=how, **options)
        _registered[found.name] = found
        return function

    return register


def all_scenarios() -> list[Scenario]:
    """Every scenario, found by listing the scenarios folder."""
    for module in pkgutil.iter_modules(scenarios.__path__):
        importlib.import_module(f"{scenarios.__name__}.{module.name}")
    return sorted(_registered.values(), key=lambda s: s.name)


class Lab:
    """The hosts of one scenario, its programs, its recording, and what it expects."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.folder = Path(tempfile.mkdtemp(prefix="pcapdiag-lab-"))
        self.network = Network()
        self._stack = contextlib.ExitStack()
        self._recordings: dict[str, Recording] = {}
        self.expected: dict[str, list[dict[str, Any]]] = {vantage: [] for vantage in scenario.vantages}
        self.notes: list[str] = []
        self.extra: dict[str, Any] = {}
        self.balancer: Balancer | None = None
        self.clients: list[Client] = []
        self._backends: dict[str, Host] = {}
        self._checks: list[tuple[str, int, int | None, str]] = []
        self._client_host: Host | None = None
        self._alb: Host | None = None

    # Hosts

    @property
    def client_host(self) -> Host:
        if self._client_host is None:
            self._client_host = self.network.add_host("client")
            self.network.plug(self._client_host, "front", CLIENT, "10.0.0.3", "10.0.0.4")
        return self._client_host

    @property
    def alb(self) -> Host:
        if self._alb is None:
            self._alb = self.network.add_host("alb")
            self.network.plug(self._alb, "front", ALB_FRONT, "10.0.0.11", "10.0.0.12")
            self.network.plug(self._alb, "back", ALB_BACK)
        return self._alb

    def far_client(self, **wire: Any) -> Client:
        """One more client, on a host of its own whose link is a user-space wire."""
        host = self.network.add_host("far")
        self.network.plug(host, "front", "10.0.0.200")
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

    def faulty(self, routes: dict[str, Route] | None = None, address: str = FAULTY, **options: Any) -> FaultyServer:
        """A server whose routes misbehave; every path it does not name is answered in order."""
        server = FaultyServer(self.backend(address), routes or {}, **options)
        self._stack.callback(server.close)
        return server

    def name_server(self, names: dict[str, tuple[str, ...]]) -> None:
        """A DNS server at 10.0.0.53 that knows these names."""
        host = self.network.add_host("dns")
        self.network.plug(host, "front", NAME_SERVER)
        self._stack.callback(NameServer(host, names).close)

    def resolve(self, name: str) -> list[str]:
        """Ask the DNS server, from the client's host, for the name's addresses."""
        return resolve(self.client_host, NAME_SERVER, name)

    def nginx(self, pools: dict[str, list[str]] | None = None, **options: Any) -> Nginx:
        return self._balance(Nginx, pools, "access.log", options)

    def haproxy(self, pools: dict[str, list[str]] | None = None, **options: Any) -> Haproxy:
        return self._balance(Haproxy, pools, "alb.haproxy.out", options)

    def balance(self, kind: str, **options: Any) -> Balancer:
        """Either load balancer, for scenarios recorded with both."""
        return self.nginx(**options) if kind == "nginx" else self.haproxy(**options)

    def _balance(self, kind: type, pools: dict[str, list[str]] | None, log: str, options: dict[str, Any]) -> Any:
        pools = pools or {"site": [f"{SITE}:{PORT}"], "faulty": [f"{FAULTY}:{PORT}"]}
        listen = options.pop("listen", [f"{ALB_FRONT}:80"])
        balancer = kind(pools=pools, listen=listen, **options)
        program = self.start(self.alb, *balancer.command(self.folder))
        self.wait_for_port(self.alb, int(listen[0].split()[0].rpartition(":")[2]), program)
        self.balancer, self._balancer_log = balancer, self.folder / log
        return balancer

    # Traffic

    def client(self, target: tuple[str, int] = (ALB_FRONT, 80), **options: Any) -> Client:
        client = Client(self.client_host, target, **options)
        self.clients.append(client)
        return client

    @contextlib.contextmanager
    def healthy_traffic(self, requests: int = 24, pause_s: float = 0.1, paths: tuple[str, ...] = ()) -> Iterator[None]:
        """Beside whatever happens inside, other clients use the site; each of their requests must succeed."""
        client = self.client()
        paths = paths or ("/", "/style.css", "/api/items", "/empty")

        def browse(source: str, share: int) -> None:
            connection = client.connect(source=source)
            for n in range(share):
                connection.request(paths[n % len(paths)], note="healthy")
                time.sleep(pause_s)
            connection.close()

        threads = [threading.Thread(target=browse, args=(s, requests // 2)) for s in ("10.0.0.3", "10.0.0.4")]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            for thread in threads:
                thread.join()
        bad = [o for o in client.outcomes if not o.ok]
        if bad or len(client.outcomes) != requests // 2 * 2:
            raise RuntimeError(f"healthy traffic failed: {bad[:3]}")

    def at_once(self, count: int, request: Callable[[], Any]) -> None:
        """Make this request several times in parallel, and wait for all."""
        threads = [threading.Thread(target=request) for _ in range(count)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    @contextlib.contextmanager
    def in_background(self, work: Callable[[], Any]) -> Iterator[None]:
        """Do the work while the block runs; both have ended when it has."""
        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            thread.join()

    @contextlib.contextmanager
    def health_checks(self, period_s: float = 0.5) -> Iterator[list[Client]]:
        """Probes as Alibaba's ALB makes them: HEAD, the backend's IP as Host, a short connection, a steady period."""
        stop = threading.Event()
        probers = [Client(self.alb, (address, PORT), host_header=address) for address in self._backends]

        def probe() -> None:
            while not stop.wait(period_s):
                for prober in probers:
                    prober.once(build_request("/health", "HEAD", b"", prober.host_header))

        with self.in_background(probe):
            yield probers
            stop.set()

    # Recording

    @contextlib.contextmanager
    def recording(self, options: tuple[str, ...] = (), any_interface: bool = False) -> Iterator[None]:
        """Capture on every host this scenario is seen from, while the block runs."""
        hosts = {"alb": self.alb, "client": self.client_host, "backend": self._backends.get(FAULTY)}
        for vantage in self.scenario.vantages:
            # Each host's files carry its role, so all may lie in one folder.
            self._recordings[vantage] = Recording(hosts[vantage], self.folder, options, any_interface)
        yield
        for vantage, recording in self._recordings.items():
            recording.stop(self.recorded(vantage))

    def recorded(self, vantage: str) -> Path:
        """The vantage's capture, before it is kept."""
        return self.folder / f"{vantage}{self.scenario.suffix}"

    # What it must show

    def expect(
        self, cause: str, count: int, at: str = "", severity: str | None = None, count_within: int = 0,
        **facts: Any,
    ) -> None:  # fmt: skip
        """The capture, seen from these vantages (the first when not said), has this many exchanges failed by this cause.

        A fact is a value, or a (value, tolerance) pair. ``count_within`` is for causes such as loss, where
        the client's log cannot tell every exchange that was touched.
        """
        if count < 1:
            raise RuntimeError(f"the fault did not happen: {cause} counted {count}")
        finding: dict[str, Any] = {"cause": cause, "count": count}
        if severity:
            finding["severity"] = severity
        if count_within:
            finding["count_within"] = count_within
        finding["facts"] = {
            name: {"value": fact[0], "within": fact[1]} if isinstance(fact, tuple) else fact
            for name, fact in facts.items()
        }
        for vantage in at.split() or self.scenario.vantages[:1]:
            self.expected[vantage].append(finding)

    def note(self, sentence: str) -> None:
        """One more sentence for the expectation's ``how``."""
        self.notes.append(sentence)

    def check(self, display_filter: str, at_least: int = 1, at_most: int | None = None, at: str = "") -> None:
        """tshark must match this many packets of the recording."""
        self._checks.append((display_filter, at_least, at_most, at or self.scenario.vantages[0]))

    def never(self, display_filter: str, at: str = "") -> None:
        self.check(display_filter, 0, 0, at)

    def outcomes(self, status: int | None = None, error: str | None = None, note: str | None = None) -> list[Outcome]:
        """The clients' outcomes with this status, error or note."""
        return [
            o
            for client in self.clients
            for o in client.outcomes
            if (status is None or o.status == status)
            and (error is None or o.error == error)
            and (note is None or o.note == note)
        ]

    def count(self, status: int | None = None, error: str | None = None, note: str | None = None) -> int:
        return len(self.outcomes(status, error, note))

    # Keeping it

    def verify(self) -> None:
        """Ask tshark whether the recording shows the fault, and no accident beside it."""
        checks = list(self._checks)
        if not self.scenario.retransmits:
            checks += [(ACCIDENTS, 0, 0, vantage) for vantage in self.scenario.vantages]
        for display_filter, at_least, at_most, vantage in checks:
            found = count_packets(self.recorded(vantage), display_filter)
            if found < at_least or (at_most is not None and found > at_most):
                raise RuntimeError(f"{vantage}: {found} packets match {display_filter!r}, not {at_least}..{at_most}")

    def keep(self) -> None:
        """Move the recording into place with its expectation and logs."""
        for vantage in self.scenario.vantages:
            target = self.scenario.file(vantage)
            target.parent.mkdir(exist_ok=True)
            recorded = self.recorded(vantage)
            if recorded.stat().st_size > MAX_BYTES:
                raise RuntimeError(f"{target.name} is {recorded.stat().st_size} bytes, over {MAX_BYTES}")
            shutil.copyfile(recorded, target)
            self._write_expectation(vantage, target)
        stem = CAPTURES / self.scenario.cause / self.scenario.case
        if self.balancer is not None:
            shutil.copyfile(self._balancer_log, stem.with_name(stem.name + ".access.log"))
        merged = Client(self.client_host, (ALB_FRONT, 80))
        merged.outcomes = sorted((o for c in self.clients for o in c.outcomes), key=lambda o: o.time)
        merged.write_log(stem.with_name(stem.name + ".client.log"))

    def _write_expectation(self, vantage: str, target: Path) -> None:
        where = {"alb": "the ALB's host (both legs)", "client": "the client's host", "backend": "the backend's host"}
        expectation: dict[str, Any] = {
            "findings": self.expected[vantage],
            "shows": self.scenario.shows,
            "how": " ".join([self.scenario.how, *self.notes, f"Recorded on {where[vantage]}."]),
            "load_balancer": self.balancer.name if self.balancer else "none",
            **self.extra,
        }
        if vantage != "alb":
            # One leg alone does not tell which of its ends is the load balancer.
            expectation.setdefault("alb", [ALB_FRONT if vantage == "client" else ALB_BACK])
        target.with_suffix(".expected.json").write_text(json.dumps(expectation, indent=2) + "\n")

    def close(self) -> None:
        for recording in self._recordings.values():
            recording.abandon()
        self._stack.close()
        self.network.close()
        shutil.rmtree(self.folder, ignore_errors=True)


def _end(program: subprocess.Popen[bytes]) -> None:
    program.terminate()
    try:
        program.wait(3)
    except subprocess.TimeoutExpired:
        program.kill()
        program.wait()


def record(found: Scenario) -> None:
    """Run one scenario; its captures are replaced only when the recording holds what it must."""
    lab = Lab(found)
    try:
        found.run(lab)
        lab.verify()
        lab.keep()
    finally:
        lab.close()
