"""``python -m captures.lab [NAME ...]``: record scenarios anew, list them, or write the table of captures."""

import argparse
import os
import shutil
import signal
import sys
import time

from captures.lab import readme
from captures.lab.scenario import Scenario, all_scenarios, record

PROGRAMS = (
    "tcpdump",
    "tshark",
    "mergecap",
    "editcap",
    "nginx",
    "haproxy",
    "apache2",
    "varnishd",
    "varnishncsa",
    "nft",
    "ip",
    "sysctl",
    "ethtool",
    "ss",
    "openssl",
    "curl",
    "node",
)
ATTEMPTS = 3


def chosen(names: list[str]) -> list[Scenario]:
    """The scenarios named: a name is a cause, or cause/case."""
    everything = all_scenarios()
    for name in names:
        if not any(name in (s.name, s.cause) for s in everything):
            raise ValueError(f"no such scenario: {name} (see --list)")
    return [s for s in everything if not names or s.name in names or s.cause in names]


def missing() -> str | None:
    """Why nothing can be recorded here, in one line; None when it can."""
    if os.geteuid() != 0:
        return "the lab needs root: it makes network namespaces"
    absent = [program for program in PROGRAMS if shutil.which(program) is None]
    return f"the lab needs these programs: {', '.join(absent)}" if absent else None


def record_all(wanted: list[Scenario]) -> int:
    """Record each, trying again when a busy machine spoilt one; the number that failed."""
    failed = 0
    for scenario in wanted:
        for attempt in range(1, ATTEMPTS + 1):
            start = time.monotonic()
            try:
                record(scenario)
            except (RuntimeError, OSError) as error:
                print(f"{scenario.name}: attempt {attempt}: {error}", file=sys.stderr)
            else:
                print(f"{scenario.name}: kept ({time.monotonic() - start:.1f} s)", flush=True)
                break
        else:
            failed += 1
    return failed


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m captures.lab", description=__doc__)
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help="a cause, or cause/case; all when none is given"
    )
    parser.add_argument("--list", action="store_true", help="list the scenarios")
    parser.add_argument("--readme", action="store_true", help="write captures/README.md")
    parser.add_argument(
        "--check", action="store_true", help="with --readme: only say whether it is up to date"
    )
    args = parser.parse_args()
    if args.readme:
        return readme.check() if args.check else readme.write()
    try:
        wanted = chosen(args.names)
    except ValueError as error:
        parser.error(str(error))
    if args.list:
        for scenario in wanted:
            print(f"{scenario.name:60} {scenario.shows}")
        return 0
    if reason := missing():
        print(reason, file=sys.stderr)
        return 2
    # A polite kill cleans up as Ctrl-C does.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        failed = record_all(wanted)
    except KeyboardInterrupt:
        print("interrupted; what was being recorded is not kept", file=sys.stderr)
        return 130
    written = readme.write()
    return 1 if failed else written


if __name__ == "__main__":
    sys.exit(main())
