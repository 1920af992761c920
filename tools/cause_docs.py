"""Write docs/causes/, a page a cause, from the causes' docstrings. `--check` only compares."""

from __future__ import annotations

import pathlib
import sys
import textwrap

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from pcapdiag.causes.catalogue import NOT_THESE, SUMMARY, catalogue, sections  # noqa: E402

FOLDER = ROOT / "docs" / "causes"


def page(name: str) -> str:
    """One cause as Markdown."""
    module = catalogue()[name]
    cause = module.CAUSE
    parts = sections(module)
    legs = " and ".join(leg or "the capture itself" for leg in cause.legs)
    lines = [f"# {name}", "", textwrap.fill(parts[SUMMARY], 110), ""]
    lines += [f"- severity: {cause.severity.word}", f"- leg: {legs}"]
    if cause.statuses:
        lines.append(f"- what clients see: {', '.join(map(str, cause.statuses))}")
    if cause.outranks:
        lines.append("- deeper than: " + ", ".join(f"[{other}]({other}.md)" for other in cause.outranks))
    for heading, text in parts.items():
        if heading != SUMMARY:
            lines += ["", f"## {heading}", "", text]
    if cause.mistaken_for:
        lines += ["", f"## {NOT_THESE}", ""]
        lines += [f"- [{other}]({other}.md): {reason}" for other, reason in cause.mistaken_for]
    folder = ROOT / "captures" / name
    captures = sorted(path.name for path in folder.glob("*.pcap*")) if folder.is_dir() else []
    if captures:
        lines += ["", "## Captures that show it, and near misses", ""]
        lines += [f"- [{file}](../../captures/{name}/{file})" for file in captures]
    return "\n".join(lines) + "\n"


def index() -> str:
    """The list of all causes."""
    lines = ["# The causes", "", "Written from the causes' docstrings by tools/cause_docs.py.", ""]
    lines += ["| cause | severity | clients see | in a line |", "|---|---|---|---|"]
    for name, module in catalogue().items():
        cause = module.CAUSE
        statuses = ", ".join(map(str, cause.statuses)) or "—"
        summary = sections(module)[SUMMARY].replace("|", "\\|").replace("\n", " ")
        lines.append(f"| [{name}]({name}.md) | {cause.severity.word} | {statuses} | {summary} |")
    return "\n".join(lines) + "\n"


def pages() -> dict[pathlib.Path, str]:
    return {FOLDER / "README.md": index(), **{FOLDER / f"{name}.md": page(name) for name in catalogue()}}


def main() -> None:
    wanted = pages()
    stale = [path for path, text in wanted.items() if not path.exists() or path.read_text() != text]
    extra = [path for path in FOLDER.glob("*.md") if path not in wanted] if FOLDER.is_dir() else []
    if "--check" in sys.argv:
        names = ", ".join(path.name for path in [*stale, *extra])
        sys.exit(f"docs/causes is stale ({names}): run python tools/cause_docs.py" if names else 0)
    FOLDER.mkdir(parents=True, exist_ok=True)
    for path in extra:
        path.unlink()
    for path in stale:
        path.write_text(wanted[path])


if __name__ == "__main__":
    main()
