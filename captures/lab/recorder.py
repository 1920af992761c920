"""tcpdump on a host's interfaces, stopped so that nothing is lost, and tshark to ask what was recorded."""

import re
import signal
import subprocess
import time
from pathlib import Path

from captures.lab.network import Host, run

FLUSH_S = 0.4


class Recording:
    """One host's capture: one tcpdump per interface, merged in time order when it is stopped."""

    def __init__(self, host: Host, folder: Path, options: tuple[str, ...] = (), any_interface: bool = False) -> None:
        self.host, self.folder = host, folder
        self._dumps: list[tuple[subprocess.Popen[bytes], Path, Path]] = []
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
            wait_for(lambda log=log: b"listening on" in log.read_bytes(), f"{log} to say it listens", dump)

    def stop(self, target: Path) -> None:
        """End the capture and write it to the target; a packet the kernel dropped is an error."""
        time.sleep(FLUSH_S)
        for dump, _, log in self._dumps:
            dump.send_signal(signal.SIGINT)
            dump.wait(10)
            dropped = re.search(r"(\d+) packets? dropped by kernel", log.read_text())
            if dropped is None or int(dropped[1]):
                raise RuntimeError(f"tcpdump on {self.host.role} lost packets: {log.read_text()}")
        parts = [str(part) for _, part, _ in self._dumps]
        if len(parts) == 1:
            Path(parts[0]).rename(target)
        else:
            kind = "pcapng" if target.suffix == ".pcapng" else "pcap"
            run("mergecap", "-F", kind, "-w", str(target), *parts)

    def abandon(self) -> None:
        for dump, _, _ in self._dumps:
            if dump.poll() is None:
                dump.kill()
                dump.wait()


def count_packets(capture: Path, display_filter: str) -> int:
    """How many packets of the capture tshark's display filter matches."""
    listing = run("tshark", "-r", str(capture), "-Y", display_filter, "-T", "fields", "-e", "frame.number")
    return len(listing.split())


def wait_for(ready, what: str, program: subprocess.Popen[bytes] | None = None, limit_s: float = 10.0) -> None:  # noqa: ANN001
    """Poll until ready() holds; a program that ended, or too long a wait, is an error."""
    give_up = time.monotonic() + limit_s
    while not ready():
        if program is not None and program.poll() is not None:
            raise RuntimeError(f"the program ended while waiting for {what}")
        if time.monotonic() > give_up:
            raise RuntimeError(f"waited {limit_s:g} s for {what}")
        time.sleep(0.02)
