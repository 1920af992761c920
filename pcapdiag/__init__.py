"""pcapdiag: names the wire-level cause of load-balancer errors in a tcpdump capture.

    import pcapdiag
    for finding in pcapdiag.analyze("capture.pcap").findings:
        print(finding.severity.word, finding.cause.name, finding.title)

Names are imported on first use, so that ``pcapdiag --version`` does not pay for NumPy.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pcapdiag.analysis import Analysis, analyze
    from pcapdiag.causes.account import Account, Unexplained
    from pcapdiag.causes.cause import Cause, Evidence, Finding, Severity
    from pcapdiag.errors import CaptureError, PcapdiagError
    from pcapdiag.traffic import FileInfo, Traffic
    from pcapdiag.wire import Wire, WirePacket

__version__ = "0.1.0"

__all__ = [
    "Account",
    "Analysis",
    "CaptureError",
    "Cause",
    "Evidence",
    "FileInfo",
    "Finding",
    "PcapdiagError",
    "Severity",
    "Traffic",
    "Unexplained",
    "Wire",
    "WirePacket",
    "analyze",
]

_HOMES = {
    "pcapdiag.analysis": ("Analysis", "analyze"),
    "pcapdiag.causes.account": ("Account", "Unexplained"),
    "pcapdiag.causes.cause": ("Cause", "Evidence", "Finding", "Severity"),
    "pcapdiag.errors": ("CaptureError", "PcapdiagError"),
    "pcapdiag.traffic": ("FileInfo", "Traffic"),
    "pcapdiag.wire": ("Wire", "WirePacket"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            value = getattr(importlib.import_module(home), name)
            globals()[name] = value
            return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
