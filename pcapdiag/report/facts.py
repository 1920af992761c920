"""A finding's facts in words: ``alb_idle_timeout_s: 5.0`` -> ``ALB idle timeout 5 s``."""

from __future__ import annotations

from pcapdiag import words

_UNITS = {
    "s": "s", "ms": "ms", "us": "µs", "ns": "ns", "bytes": "bytes", "percent": "%", "mbps": "Mbit/s",
    "hours": "h", "minutes": "min", "bps": "bit/s",
}  # fmt: skip
_SECONDS = {"s": 1.0, "ms": 1e-3, "us": 1e-6, "ns": 1e-9}
_ACRONYMS = frozenset(
    ("acks", "alb", "dns", "http", "icmp", "mss", "mtu", "rst", "rtt", "syn", "syns", "tcp", "tls", "uri")
)
_LISTED = 6


def fact_name(name: str) -> str:
    """A fact's name without its unit, in words."""
    words = name.split("_")
    if len(words) > 1 and words[-1] in _UNITS:
        words.pop()
    return " ".join(acronym(word) if word in _ACRONYMS else word for word in words)


def acronym(word: str) -> str:
    return f"{word[:-1].upper()}s" if word in ("acks", "syns") else word.upper()


def fact_value(name: str, value: object) -> str:
    """A fact's value with its unit."""
    kind = name.rpartition("_")[2] if "_" in name else ""
    if isinstance(value, int | float) and not isinstance(value, bool):
        if kind in _SECONDS:
            return words.seconds(float(value) * _SECONDS[kind])
        if kind == "bps":
            return bit_rate(value)
        if kind == "rate" or "_rate_" in name:
            return f"{number(100 * value)} %"
    unit = _UNITS.get(kind, "")
    return f"{number(value)} {unit}" if unit and value not in (None, "", []) else number(value)


def bit_rate(bits_a_second: float) -> str:
    for unit in ("bit/s", "kbit/s", "Mbit/s"):
        if bits_a_second < 1000:
            return f"{number(float(bits_a_second))} {unit}"
        bits_a_second /= 1000
    return f"{number(bits_a_second)} Gbit/s"


def number(value: object) -> str:
    """A value with as many digits as it is good for."""
    if hasattr(value, "tolist"):
        value = value.tolist()
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return words.three_digits(value)
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, list | tuple):
        return ", ".join(number(item) for item in value[:_LISTED]) + (", ..." if len(value) > _LISTED else "")
    return "none" if value in (None, "") else str(value)
