"""Does a recording hold what the clients logged? tshark reads it; pcapdiag is not asked."""

from collections import defaultdict
from pathlib import Path

from captures.lab.client import Outcome
from captures.lab.network import run

WANTED = "tcp.flags.syn == 1 && tcp.flags.ack == 0 || tls.handshake.type == 1 || http.response"
FIELDS = ("tcp.srcport", "tcp.dstport", "tls.handshake.type", "http.response.code")


def disagreement(capture: Path, outcomes: list[Outcome], opened: set[str]) -> str | None:
    """The first connection, of those opened while recording, that the capture tells otherwise than the log.

    A capture may hold answers that a client never read, and ciphertext tells nothing of answers.
    """
    logged: dict[int, list[int]] = {int(name.split(" > ")[0].rpartition(":")[2]): [] for name in opened}
    for outcome in outcomes:
        if outcome.connection in opened and outcome.status is not None:
            logged[int(outcome.connection.split(" > ")[0].rpartition(":")[2])].append(outcome.status)
    # tshark misses an answer cut in mid body unless it is told not to wait for bodies, and then others.
    whole, heads = _seen(capture, True), _seen(capture, False)
    for port, statuses in logged.items():
        if port not in whole:
            return f"the client's connection from port {port} is not in it"
        answers = [seen[port] for seen in (whole, heads)]
        if None not in answers and not any(_in_order(statuses, seen or []) for seen in answers):
            return f"the client's port {port} logged {statuses}, tshark sees {answers[0]}"
    return None


def _seen(capture: Path, bodies: bool) -> dict[int, list[int] | None]:
    """The statuses that went to each client port, in order; None where TLS hides them."""
    listing = run(
        "tshark", "-r", str(capture), "-Y", WANTED, "-T", "fields",
        "-o", "tcp.reassemble_out_of_order:TRUE", "-o", f"http.desegment_body:{str(bodies).upper()}",
        *(part for field in FIELDS for part in ("-e", field)),
    )  # fmt: skip
    opened: dict[int, list[int] | None] = {}
    answers: dict[int, list[int]] = defaultdict(list)
    for line in listing.splitlines():
        source, target, hello, codes = line.split("\t")
        if codes:
            answers[int(target)] += [int(code) for code in codes.split(",")]
        elif hello:
            opened[int(source)] = None
        else:
            opened.setdefault(int(source), answers[int(source)])
    return opened


def _in_order(wanted: list[int], among: list[int]) -> bool:
    rest = iter(among)
    return all(status in rest for status in wanted)
