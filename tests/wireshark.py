"""Agreement with tshark: the same TCP packets, and the same tcp.analysis flags on them.

``python -m tests.wireshark [CAPTURE...]`` prints the table for the captures of the repository.
"""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from pathlib import Path

from pcapdiag import tables as t
from pcapdiag.analysis import packet_rows

ROOT = Path(__file__).resolve().parent.parent

#: Wireshark 4.0's field for each of our flags (capture_duplicate is ours alone).
FIELDS = {
    "tcp.analysis.retransmission": t.RETRANSMISSION,
    "tcp.analysis.fast_retransmission": t.FAST_RETRANSMISSION,
    "tcp.analysis.spurious_retransmission": t.SPURIOUS_RETRANSMISSION,
    "tcp.analysis.out_of_order": t.OUT_OF_ORDER,
    "tcp.analysis.lost_segment": t.LOST_SEGMENT,
    "tcp.analysis.ack_lost_segment": t.ACK_LOST_SEGMENT,
    "tcp.analysis.duplicate_ack": t.DUPLICATE_ACK,
    "tcp.analysis.keep_alive": t.KEEP_ALIVE,
    "tcp.analysis.keep_alive_ack": t.KEEP_ALIVE_ACK,
    "tcp.analysis.zero_window": t.ZERO_WINDOW,
    "tcp.analysis.zero_window_probe": t.ZERO_WINDOW_PROBE,
    "tcp.analysis.zero_window_probe_ack": t.ZERO_WINDOW_PROBE_ACK,
    "tcp.analysis.window_update": t.WINDOW_UPDATE,
    "tcp.analysis.window_full": t.WINDOW_FULL,
    "tcp.analysis.reused_ports": t.REUSED_PORTS,
}


def of_tshark(path: Path) -> dict[int, int]:
    """frame -> flags of every packet tshark takes for TCP. A retransmission that is also fast or spurious
    carries tshark's plain flag too; ours name the kind alone."""
    fields = [part for name in FIELDS for part in ("-e", name)]
    command = [
        "tshark",
        "-n",
        "-r",
        str(path),
        "-Y",
        "tcp && !icmp && !icmpv6",
        "-T",
        "fields",
        "-e",
        "frame.number",
        *fields,
    ]
    out = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    flags: dict[int, int] = {}
    for line in out.splitlines():
        frame, *cells = line.split("\t")
        value = sum(flag for cell, flag in zip(cells, FIELDS.values(), strict=False) if cell)
        if value & (t.FAST_RETRANSMISSION | t.SPURIOUS_RETRANSMISSION):
            value &= ~t.RETRANSMISSION
        flags[int(frame)] = value
    return flags


def of_pcapdiag(path: Path) -> dict[int, int]:
    """frame -> flags of every TCP packet we see."""
    flags: dict[int, int] = {}
    for _file, _batch, packets, analysis in packet_rows(path):
        tcp = packets["kind"] == t.KIND_TCP
        flags.update(zip(packets["frame"][tcp].tolist(), analysis[tcp].tolist(), strict=True))
    return flags


def names(flags: int) -> str:
    if flags < 0:
        return "absent"
    return ",".join(name for name, bit in t.ANALYSIS_FLAGS.items() if flags & bit) or "-"


def differences(path: Path, theirs: dict[int, int] | None = None) -> tuple[int, list[tuple[int, int, int]]]:
    """(packets compared, [(frame, tshark's flags, ours)] where they differ); -1 stands for a packet not seen.
    `theirs` is what ``of_tshark`` said of this capture before, to spare asking again.

    A packet captured twice is left out: we count it once, on purpose.
    """
    if theirs is None:
        theirs = of_tshark(path)
    ours = of_pcapdiag(path)
    differing = []
    for frame in sorted(theirs.keys() | ours.keys()):
        a, b = theirs.get(frame, -1), ours.get(frame, -1)
        if a != b and not (b > 0 and b & t.CAPTURE_DUPLICATE):
            differing.append((frame, a, b))
    return len(theirs), differing


def main(paths: list[str]) -> None:
    captures = [Path(p) for p in paths] or sorted(p for p in (ROOT / "captures").rglob("*.pcap*"))
    packets = differ = 0
    kinds: Counter[tuple[str, str]] = Counter()
    for path in captures:
        count, differing = differences(path)
        packets += count
        differ += len(differing)
        kinds.update(
            (names(a) if a >= 0 else "absent", names(b) if b >= 0 else "absent") for _, a, b in differing
        )
        if differing:
            frames = " ".join(f"{frame}:{names(a)}/{names(b)}" for frame, a, b in differing[:6])
            print(f"{path.name}: {len(differing)} of {count}: {frames}")
    for (a, b), n in kinds.most_common():
        print(f"{n:6}  tshark {a:40} pcapdiag {b}")
    if packets:
        print(f"{packets} packets in {len(captures)} captures, {100 * (1 - differ / packets):.3f} % the same")


if __name__ == "__main__":
    main(sys.argv[1:])
