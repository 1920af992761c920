"""The report as one HTML file that opens offline, asks no network and runs no code but its own.

Style and script stand in the page and are named by their hashes in its content security policy, so nothing
that a capture smuggles into the page could run even if it were not escaped. What Jinja writes is escaped by
Jinja; what the script writes is text nodes; data is JSON in which no ``<`` stands.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import hashlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pcapdiag.report.printable import printable

if TYPE_CHECKING:
    from jinja2 import BytecodeCache, Template

    from pcapdiag.analysis import Analysis
    from pcapdiag.redact import Redactor

_HERE = Path(__file__).parent
STYLES = ("uPlot.min.css", "report.css")
SCRIPTS = (
    "uPlot.iife.min.js", "dom.js", "chart.js", "copy.js", "map.js", "timeline.js", "ladder.js", "sequence.js",
    "times.js", "table.js", "tables.js", "main.js",
)  # fmt: skip


def html_report(analysis: Analysis, redactor: Redactor | None = None) -> str:
    """The whole page; with a redactor, one that names no address and no secret."""
    from pcapdiag.report.summary import leg_summaries
    from pcapdiag.report.view import view

    legs = leg_summaries(analysis.traffic)
    drawn = view(analysis)
    if redactor is not None:
        drawn, analysis = redactor.value(drawn), redactor.analysis(analysis)
    view_json = embeddable(drawn)
    del drawn  # the largest there is, and what is to come needs room
    from markupsafe import Markup

    from pcapdiag.report.json import document
    from pcapdiag.report.page import page

    style, script = joined(STYLES), joined(SCRIPTS)
    return page_template().render(
        page(analysis, legs, redacted=redactor is not None),
        style=Markup(style),
        script=Markup(script),
        policy=policy(style, script),
        report_json=Markup(embeddable(document(analysis, legs))),
        view_json=Markup(view_json),
    )


@functools.cache
def page_template() -> Template:
    from jinja2 import Environment, FileSystemLoader

    environment = Environment(
        loader=FileSystemLoader(_HERE / "templates"),
        bytecode_cache=compiled_templates(_HERE / "templates" / "__pycache__"),
        auto_reload=False,
        autoescape=True,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("report.html.j2")


def compiled_templates(folder: Path) -> BytecodeCache:
    """Jinja's code, kept beside the template as Python keeps its own, where that can be written."""
    from jinja2.bccache import Bucket, FileSystemBytecodeCache

    class Beside(FileSystemBytecodeCache):
        def dump_bytecode(self, bucket: Bucket) -> None:
            if sys.dont_write_bytecode:
                return
            with contextlib.suppress(OSError):
                folder.mkdir(exist_ok=True)
                super().dump_bytecode(bucket)

    return Beside(str(folder), f"%s.{sys.implementation.cache_tag}")


def visible(value: Any) -> Any:
    """Text with its control and bidirectional characters spelled out; our own markup as it is."""
    return printable(value) if isinstance(value, str) and not hasattr(value, "__html__") else value


@functools.cache
def joined(names: tuple[str, ...]) -> str:
    """These files as one; each of our scripts is a function body, sharing the object `pcapdiag`."""
    return "\n".join((_HERE / "static" / name).read_text("utf-8") for name in names)


@functools.cache
def policy(style: str, script: str) -> str:
    """The content security policy: our style, our script, and nothing else."""
    return (
        f"default-src 'none'; style-src 'sha256-{digest(style)}'; script-src 'sha256-{digest(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )


def digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def embeddable(data: Any) -> str:
    """JSON that can stand in a script element: ASCII, and without what could end or open markup."""
    from pcapdiag.report.json import plain

    text = json.dumps(data, separators=(",", ":"), default=plain)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
