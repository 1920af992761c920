"""One scenario's run: its recording, what the recording must show, and the files that are kept."""

import contextlib
import json
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from captures.lab.bench import ALB_BACK, ALB_FRONT, FAULTY, Bench
from captures.lab.client import Outcome, write_log
from captures.lab.logged import disagreement
from captures.lab.network import Host
from captures.lab.recorder import Recording, count_packets

if TYPE_CHECKING:
    from captures.lab.scenario import Scenario

MAX_BYTES = 300_000
ACCIDENTS = "tcp.analysis.retransmission"
PLACES = {
    "alb": "the ALB's host (both legs)",
    "client": "the client's host",
    "backend": "the backend's host",
    "switch": "the switch between all hosts",
}


class Lab(Bench):
    """A bench with a recorder, and the expectations of its scenario.

    A scenario sets up servers and a load balancer, records, makes requests, and says with ``expect`` what
    must be found in the capture. Its counts come from the client's log, a server's log or its own script,
    never from pcapdiag.
    """

    def __init__(self, scenario: "Scenario") -> None:
        super().__init__(probes=scenario.retransmits)
        self.scenario = scenario
        self.expected: dict[str, list[dict[str, Any]]] = {vantage: [] for vantage in scenario.vantages}
        self.extra: dict[str, Any] = {}
        # tshark gives up on a damaged file, so it cannot check one.
        self.unreadable = False
        # The recording is meant to hold less than the client's log: that is its case.
        self.partial = False
        # The vantage analysed together with the first, when its file alone is not the case.
        self.partner: str | None = None
        # Nor need the load balancer be named then: the two files together show it.
        self.partner_tells = False
        self._notes: list[str] = []
        self._beside: dict[str, Path] = {}
        self._began = 0.0
        self._recordings: dict[str, Recording] = {}
        self._checks: list[tuple[str, int, int | None, str]] = []

    # Recording

    @contextlib.contextmanager
    def recording(self, *options: str, any_interface: bool = False, lossy: bool = False) -> Iterator[None]:
        """Capture on every host this scenario is seen from, while the block runs.

        The options are tcpdump's; ``lossy`` says that it is meant to lose packets.
        """
        for vantage in self.scenario.vantages:
            # Each host's files carry its role, so all may lie in one folder.
            host = self._host(vantage)
            self._recordings[vantage] = Recording(host, self.folder, options, any_interface, lossy)
        self._began = time.time()
        self.partial |= lossy
        yield
        for vantage, recording in self._recordings.items():
            recording.stop(self.recorded(vantage))

    def _host(self, vantage: str) -> Host:
        if vantage == "alb":
            return self.alb
        if vantage == "client":
            return self.client_host
        return self.backend(FAULTY) if vantage == "backend" else self.network.switch

    def pause_capture(self, seconds: float) -> None:
        for recording in self._recordings.values():
            recording.pause(seconds)

    @property
    def dropped(self) -> int:
        """How many packets tcpdump said the kernel had dropped."""
        return sum(recording.dropped for recording in self._recordings.values())

    def recorded(self, vantage: str) -> Path:
        """The vantage's capture, before it is kept."""
        return self.folder / f"{vantage}{self.scenario.suffix}"

    # What it must show

    def expect(
        self,
        cause: str,
        count: int | None,
        at: str = "",
        severity: str | None = None,
        count_within: int = 0,
        **facts: Any,
    ) -> None:
        """So many exchanges failed by this cause, as seen from these vantages (the first when not said).

        A fact is a value, or a (value, tolerance) pair. ``count_within`` is for causes such as loss, where
        the client's log cannot tell every exchange that was touched. No count: nothing failed, as with what
        is wrong with the capture itself.
        """
        if count is not None and count < 1:
            raise RuntimeError(f"the fault did not happen: {cause} counted {count}")
        finding: dict[str, Any] = {"cause": cause}
        if count is not None:
            finding["count"] = count
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
        self._notes.append(sentence)

    def keep_beside(self, path: Path) -> str:
        """Keep this file beside the captures, too; the name it will have."""
        name = f"{self.scenario.case}.{path.name}"
        self._beside[name] = path
        return name

    def check(self, display_filter: str, at_least: int = 1, at_most: int | None = None, at: str = "") -> None:
        """tshark must match this many packets of the recording."""
        self._checks.append((display_filter, at_least, at_most, at or self.scenario.vantages[0]))

    def never(self, display_filter: str, at: str = "") -> None:
        self.check(display_filter, 0, 0, at)

    def outcomes(
        self, status: int | None = None, error: str | None = None, note: str | None = None
    ) -> list[Outcome]:
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
        if self.unreadable:
            return
        checks = list(self._checks)
        if not self.scenario.retransmits:
            checks += [(ACCIDENTS, 0, 0, vantage) for vantage in self.scenario.vantages]
        for display_filter, at_least, at_most, vantage in checks:
            found = count_packets(self.recorded(vantage), display_filter)
            if found < at_least or (at_most is not None and found > at_most):
                raise RuntimeError(
                    f"{vantage}: {found} packets match {display_filter!r}, not {at_least}..{at_most}"
                )
        if not self.partial:
            self._compare_with_log()

    def _compare_with_log(self) -> None:
        """Wherever clients' packets were recorded, the answers they logged must be."""
        opened = {name for c in self.clients for name, seen in c.opened.items() if seen >= self._began}
        for vantage in self.scenario.vantages:
            if vantage == "backend":
                continue
            if why := disagreement(self.recorded(vantage), self.outcomes(), opened):
                raise RuntimeError(f"{vantage}: {why}")

    def keep(self) -> None:
        """Move the recording into place with its expectation and logs: all of it, or nothing."""
        folder, case = self.scenario.folder, self.scenario.case
        for vantage in self.scenario.vantages:
            size = self.recorded(vantage).stat().st_size
            if size > MAX_BYTES:
                raise RuntimeError(f"{self.scenario.file(vantage).name} is {size} bytes, over {MAX_BYTES}")
        folder.mkdir(exist_ok=True)
        for vantage in self.scenario.vantages:
            target = self.scenario.file(vantage)
            shutil.copyfile(self.recorded(vantage), target)
            self._write_expectation(vantage, target)
        for name, path in self._beside.items():
            shutil.copyfile(path, folder / name)
        if self.balancer is not None:
            shutil.copyfile(self.balancer_log, folder / f"{case}.access.log")
        write_log(sorted(self.outcomes(), key=lambda o: o.time), folder / f"{case}.client.log")

    def _write_expectation(self, vantage: str, target: Path) -> None:
        expectation: dict[str, Any] = {
            "findings": self.expected[vantage],
            "shows": self.scenario.shows,
            "how": " ".join([self.scenario.how, *self._notes, f"Recorded on {PLACES[vantage]}."]),
            "load_balancer": self.balancer.name if self.balancer else "none",
            **self.extra,
        }
        if self.partner and vantage == self.scenario.vantages[0]:
            expectation["with"] = [self.scenario.file(self.partner).name]
        failed = Counter(str(o.status) for o in self.outcomes(note="fault") if o.status in (502, 504))
        if vantage == "client" and failed and not self.expected[vantage] and not self.partner:
            # Made by the load balancer for a reason that only its other leg shows.
            expectation["unexplained"] = dict(failed)
        together = self.partner_tells and vantage == self.scenario.vantages[0]
        if vantage in ("client", "backend") and not together:
            # One leg alone does not tell which of its ends is the load balancer.
            expectation.setdefault("alb", [ALB_FRONT if vantage == "client" else ALB_BACK])
        expected = target.with_name(target.name.removesuffix(self.scenario.suffix) + ".expected.json")
        expected.write_text(json.dumps(expectation, indent=2) + "\n")

    def close(self) -> None:
        for recording in self._recordings.values():
            recording.abandon()
        super().close()
