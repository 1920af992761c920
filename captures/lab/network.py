"""Hosts as network namespaces, joined by veth pairs to two bridges: the client's subnet and the backends'.

All hosts hang off one more namespace, the *switch*. What the network itself does to packets (losing them,
delaying them) happens there, so that a capture on a host shows what that host sent and what reached it.
A host's own firewall is that host's.
"""

import contextlib
import ctypes
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from captures.lab.wire import Wire

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)
OFFLOADS = ("tso", "gso", "gro", "tx")


def run(*command: str, input_text: str | None = None) -> str:
    """Run a command to its end; its output, or an error that says what the command said."""
    done = subprocess.run(command, input=input_text, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


class Namespace:
    """One network namespace, deleted by ``close``."""

    def __init__(self, name: str) -> None:
        self.name = name
        run("ip", "netns", "add", name)
        self.run("ip", "link", "set", "lo", "up")

    def run(self, *command: str, input_text: str | None = None) -> str:
        return run("ip", "netns", "exec", self.name, *command, input_text=input_text)

    def sysctl(self, **values: object) -> None:
        """Set ``net.*`` values; ``__`` in a name stands for the dot."""
        self.run("sysctl", "-q", "-w", *(f"net.{k.replace('__', '.')}={v}" for k, v in values.items()))

    def nft(self, ruleset: str) -> None:
        self.run("nft", "-f", "-", input_text=ruleset)

    def popen(self, *command: str, **options: Any) -> subprocess.Popen[bytes]:
        # A session of its own: Ctrl-C reaches the lab only, which then stops its programs in order.
        return subprocess.Popen(
            ("ip", "netns", "exec", self.name, *command), start_new_session=True, **options
        )

    @contextlib.contextmanager
    def inside(self) -> Iterator[None]:
        """This thread's new sockets belong to the namespace; a socket keeps it for life."""
        with Path("/proc/thread-self/ns/net").open() as home, Path("/run/netns", self.name).open() as there:
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(home.fileno())

    def socket(
        self, family: int = socket.AF_INET, kind: int = socket.SOCK_STREAM, proto: int = 0
    ) -> socket.socket:
        with self.inside():
            return socket.socket(family, kind, proto)

    def close(self) -> None:
        subprocess.run(["ip", "netns", "del", self.name], check=False, capture_output=True)


def _enter(namespace_fd: int) -> None:
    if _libc.setns(namespace_fd, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), "setns")


class Host(Namespace):
    """A machine: ``eth0`` and, for the load balancer and routers, ``eth1``."""

    def __init__(self, prefix: str, role: str) -> None:
        super().__init__(f"{prefix}-{role}")
        self.role = role
        self.addresses: dict[str, list[str]] = {}
        self.sysctl(ipv6__conf__all__disable_ipv6=1, ipv6__conf__default__disable_ipv6=1)

    @property
    def address(self) -> str:
        return self.addresses["eth0"][0]

    def firewall(self, hook: str, *rules: str) -> None:
        """This host's own packet filter on ``input`` or ``output``."""
        body = "\n".join(rules)
        chain = f"chain wall {{ type filter hook {hook} priority 0;\n{body}\n}}"
        self.nft(f"table inet {hook}wall {{\n{chain}\n}}\n")


class Network:
    """The switch and every host on it.

    Without ``probes`` no host sends tail-loss probes: on a path of microseconds and a busy machine, one goes
    out whenever an ACK is delayed, and that retransmission would be an accident beside the fault.
    """

    def __init__(self, probes: bool = True) -> None:
        self.prefix, self.probes = f"lab{os.getpid()}", probes
        self.hosts: list[Host] = []
        self.wires: list[Wire] = []
        self.switch = Host(self.prefix, "switch")

    def add_host(self, role: str) -> Host:
        host = Host(self.prefix, role)
        self.hosts.append(host)
        if not self.probes:
            host.sysctl(ipv4__tcp_early_retrans=0)
        return host

    def plug(self, host: Host, bridge: str, *addresses: str, mtu: int = 1500) -> None:
        """Give the host its next interface, plugged into the bridge."""
        interface, port = f"eth{len(host.addresses)}", f"{host.role}-{bridge}"[:15]
        host.addresses[interface] = list(addresses)
        if bridge not in self._bridges():
            self.switch.run("ip", "link", "add", bridge, "type", "bridge", "forward_delay", "0")
            self.switch.run("ip", "link", "set", bridge, "up", "mtu", str(mtu))
        self.switch.run(
            "ip", "link", "add", port, "mtu", str(mtu), "type", "veth",
            "peer", "name", interface, "mtu", str(mtu), "netns", host.name,
        )  # fmt: skip
        self.switch.run("ip", "link", "set", port, "master", bridge, "up")
        for address in addresses:
            host.run("ip", "addr", "add", f"{address}/24", "dev", interface)
        host.run("ip", "link", "set", interface, "up")
        self.offload(host, False)

    def _bridges(self) -> set[str]:
        listing = self.switch.run("ip", "-br", "link", "show", "type", "bridge")
        return {line.split()[0] for line in listing.splitlines()}

    def ports(self, host: Host) -> list[str]:
        """The switch's end of the host's interfaces."""
        listing = self.switch.run("ip", "-br", "link", "show", "type", "veth")
        names = [line.split("@")[0] for line in listing.splitlines()]
        return [name for name in names if name.startswith(f"{host.role}-")]

    def offload(self, host: Host, on: bool) -> None:
        """Segmentation and checksum offload; off, a captured packet is what a wire would carry."""
        switches = [word for name in OFFLOADS for word in (name, "on" if on else "off")]
        for interface in host.addresses:
            host.run("ethtool", "-K", interface, *switches)
        for port in self.ports(host):
            self.switch.run("ethtool", "-K", port, *switches)

    def drop_from(self, host: Host, *matches: str) -> None:
        """Lose, in the network, the host's packets that match."""
        self._drop(host, "ingress", matches)

    def drop_to(self, host: Host, *matches: str) -> None:
        """Lose, in the network, packets on their way to the host that match."""
        self._drop(host, "egress", matches)

    def heal(self) -> None:
        """The network loses nothing any more."""
        self.switch.nft("flush ruleset\n")

    def _drop(self, host: Host, hook: str, matches: tuple[str, ...]) -> None:
        for port in self.ports(host):
            rules = "\n".join(f"{match} drop" for match in matches)
            table = f"{hook}-{port}".replace("-", "_")
            self.switch.nft(
                f"table netdev {table} {{ chain loss {{\n"
                f'type filter hook {hook} device "{port}" priority 0;\n{rules}\n}}\n}}\n'
            )

    def shape(self, host: Host, **behaviour: Any) -> Wire:
        """Pass the host's first link through a user-space wire that delays, limits or reorders."""
        port = self.ports(host)[0]
        bridge = self.switch.run("cat", f"/sys/class/net/{port}/brport/bridge/uevent")
        bridge = next(line.split("=")[1] for line in bridge.splitlines() if line.startswith("INTERFACE="))
        near, far = f"w{len(self.wires)}near", f"w{len(self.wires)}far"
        self.switch.run("ip", "link", "add", near, "type", "veth", "peer", "name", far)
        self.switch.run("ip", "link", "set", port, "nomaster")
        self.switch.run("ip", "link", "set", near, "up")
        self.switch.run("ip", "link", "set", far, "master", bridge, "up")
        with self.switch.inside():
            wire = Wire(port, near, **behaviour)
        self.wires.append(wire)
        return wire

    def close(self) -> None:
        for wire in self.wires:
            wire.close()
        for host in self.hosts:
            host.close()
        self.switch.close()
