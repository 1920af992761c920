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
#: Names that alone do not read well.
_WORDS = {
    "addresses_by_name": "addresses that clients of the name use",
    "alb_limit_hops": "hops the ALB allows",
    "answered_by_syn_ack": "answered by SYN-ACK",
    "budget_ms": "high from",
    "by_icmp": "refused by ICMP",
    "by_reset": "closed by RST",
    "by_rst": "refused by RST",
    "changes": "changed",
    "connections_cut": "connections with cut packets",
    "damage_offset_bytes": "damaged after",
    "empty_rtt_ms": "RTT of the empty path",
    "error_s": "uncertain by",
    "fastest_bps": "fastest transfer",
    "forwarded_for_addresses": "addresses in X-Forwarded-For",
    "frame": "last frame before the damage",
    "healed_requests": "requests healed by a retry",
    "held_down_requests": "requests refused while it was held down",
    "http2_prefaces": "HTTP/2 prefaces",
    "in_body": "ended in the body",
    "in_head": "ended in the head",
    "largest_passed_bytes": "largest segment that passed",
    "lasted_cluster": "lasted alike",
    "median_closed_after_s": "closed after (median)",
    "median_download_s": "download (median)",
    "median_lasted_s": "lasted (median)",
    "median_missing_bytes": "missing (median)",
    "median_reset_after_s": "reset after (median)",
    "median_s": "waited (median)",
    "median_tried_s": "tried for (median)",
    "median_upload_s": "upload (median)",
    "missing_bytes": "bytes missing",
    "next_hop_mtu_bytes": "next-hop MTU",
    "offset_s": "clocks apart by",
    "one_sided_connections": "one-sided connections",
    "others_median_rtt_ms": "median RTT of others",
    "percentile_95_s": "95 % waited at most",
    "period_s": "a check every",
    "queued_rtt_ms": "RTT behind the queue",
    "reason": "waited for",
    "reasons": "what is wrong",
    "repeated_hash": "hash that repeats",
    "silence_s": "silent for",
    "silent_addresses": "addresses that are silent",
    "slowest_bps": "slowest transfer",
    "slowest_s": "waited at most",
    "slow_backend_factor": "slow from so many times the median",
    "slow_backend_s": "always slow from",
    "smallest_lost_bytes": "smallest segment lost",
    "stall_s": "stood still for",
    "syn_schedule_s": "SYNs sent at",
    "unanswered_by_address": "unanswered at each address",
    "usual_median_s": "usual wait (median)",
    "usual_percentile_95_s": "95 % usually wait at most",
    "waits_cluster": "waited alike",
    "waited_s": "waited",
    "ways": "how they failed",
    "with_status": "with a status",
    "without_host": "without Host",
}
_LISTED = 6


def fact_name(name: str) -> str:
    """A fact's name without its unit, in words."""
    if name in _WORDS:
        return _WORDS[name]
    parts = name.split("_")
    if len(parts) > 1 and parts[-1] in _UNITS:
        parts.pop()
    return " ".join(acronym(part) if part in _ACRONYMS else part for part in parts)


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
