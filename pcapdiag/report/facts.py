"""A finding's facts in words: ``backend_idle_timeout_s: 5.0`` -> ``backend idle timeout 5 s``."""

from __future__ import annotations

_UNITS = {
    "s": "s", "ms": "ms", "us": "µs", "ns": "ns", "bytes": "bytes", "percent": "%", "mbps": "Mbit/s",
    "hours": "h", "minutes": "min",
}  # fmt: skip
_LISTED = 6


def fact_name(name: str) -> str:
    """A fact's name without its unit, in words."""
    words = name.split("_")
    if len(words) > 1 and words[-1] in _UNITS:
        words.pop()
    return " ".join(words)


def fact_value(name: str, value: object) -> str:
    """A fact's value with its unit."""
    unit = _UNITS.get(name.rpartition("_")[2], "") if "_" in name else ""
    return f"{number(value)} {unit}" if unit and value not in (None, "", []) else number(value)


def number(value: object) -> str:
    """A value with as many digits as it is good for."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:.3g}" if abs(value) < 1000 else f"{value:,.0f}"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return ", ".join(number(item) for item in value[:_LISTED]) + (", ..." if len(value) > _LISTED else "")
    return "none" if value is None else str(value)
