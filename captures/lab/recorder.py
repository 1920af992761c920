"""tcpdump on a host's interfaces, stopped so that nothing is lost, and tshark to ask what was recorded."""

import re
import signal
import subprocess
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from captures.lab.network import Host, run

FLUSH_S = 0.4


class Recording:
    """One host's capture: one tcpdump per interface, merged in time order when it is stopped."""

    def __init__(
        self,
        host: Host,
        folder: Path,
        options: tuple[str, ...] = (),
        any_interface: bool = False,
        lossy: bool = False,
    ) -> None:
        self.host, self.options, self.lossy = host, options, lossy
        self.dropped = 0
        self._dumps: list[tuple[subprocess.Popen[bytes], Path, Path]] = []
        if any_interface:
            # Without an interface's MTU to go by, the kernel's buffer has slots of the snap length each.
            options = ("-s", "2048", *options)
        for interface in ["any"] if any_interface else host.addresses:
            part = folder / f"{host.role}-{interface}.part"
            log = part.with_suffix(".log")
            with log.open("wb") as stderr:
                # -Z root: tcpdump would otherwise become a user who may not write here.
                dump = host.popen(
                    "tcpdump", "-i", interface, "-w", str(part), "-U", "-n", "-Z", "root", "-B", "8192",
                    "--immediate-mode", *options, stderr=stderr,
                )  # fmt: skip
            self._dumps.append((dump, part, log))
        for dump, _, log in self._dumps:
            wait_for(partial(_listens, log), f"{log} to say it listens", dump)

    def stop(self, target: Path) -> None:
        """End the capture and write it to the target; a packet the kernel dropped is an error."""
        time.sleep(FLUSH_S)
        for dump, _, log in self._dumps:
            dump.send_signal(signal.SIGINT)
            dump.wait(10)
            counted = re.search(r"(\d+) packets? dropped by kernel", log.read_text())
            if counted is None:
                raise RuntimeError(f"tcpdump on {self.host.role} did not end well: {log.read_text()}")
            self.dropped += int(counted[1])
        if bool(self.dropped) != self.lossy:
            raise RuntimeError(f"tcpdump on {self.host.role} lost {self.dropped} packets")
        parts = [part for _, part, _ in self._dumps]
        if len(parts) == 1 and target.suffix == ".pcap":
            parts[0].rename(target)
        else:
            merge(parts, target, nanoseconds="nano" in " ".join(self.options))

    def pause(self, seconds: float) -> None:
        """Let tcpdump sleep, so that the kernel's buffer overflows."""
        self._signal(signal.SIGSTOP)
        time.sleep(seconds)
        self._signal(signal.SIGCONT)

    def _signal(self, signum: signal.Signals) -> None:
        for dump, _, _ in self._dumps:
            dump.send_signal(signum)

    def abandon(self) -> None:
        for dump, _, _ in self._dumps:
            if dump.poll() is None:
                dump.kill()
                dump.wait()


def _listens(log: Path) -> bool:
    return b"listening on" in log.read_bytes()


def merge(parts: list[Path], target: Path, nanoseconds: bool = False) -> None:
    """Write the packets of several captures into one, in time order."""
    kind = "pcapng" if target.suffix == ".pcapng" else "nsecpcap" if nanoseconds else "pcap"
    run(
        "mergecap",
        *(["-I", "none"] if kind == "pcapng" else []),
        "-F",
        kind,
        "-w",
        str(target),
        *map(str, parts),
    )


def count_packets(capture: Path, display_filter: str) -> int:
    """How many packets of the capture tshark's display filter matches."""
    listing = run("tshark", "-r", str(capture), "-Y", display_filter, "-T", "fields", "-e", "frame.number")
    return len(listing.split())


def wait_for(
    ready: Callable[[], Any], what: str, program: subprocess.Popen[bytes] | None = None, limit_s: float = 10.0
) -> None:
    """Poll until ready() holds; a program that ended, or too long a wait, is an error."""
    give_up = time.monotonic() + limit_s
    while not ready():
        if program is not None and program.poll() is not None:
            raise RuntimeError(f"the program ended while waiting for {what}")
        if time.monotonic() > give_up:
            raise RuntimeError(f"waited {limit_s:g} s for {what}")
        time.sleep(0.02)
