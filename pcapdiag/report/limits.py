"""Which of a profile's numbers a cause's detector judges by, so that a finding can state them.

Detectors hold no numbers: each is read as ``profile.<name>``. So the names that a detector's code uses, in
its own module and in the functions of ``pcapdiag.causes`` that it calls, tell its limits, without a list that
somebody could forget to keep.
"""

from __future__ import annotations

import dataclasses
import functools
from types import CodeType, FunctionType, ModuleType

from pcapdiag.profiles import Profile
from pcapdiag.report.facts import fact_name, fact_value

#: Fields whose name alone does not read well.
_WORDS = {
    "frontend_idle_timeout_s": "ALB idle timeout to clients",
    "request_timeout_s": "ALB waits for a whole request",
    "backend_idle_timeout_s": "ALB idle timeout to backends",
    "backend_connect_timeout_s": "ALB waits for a backend's handshake",
    "backend_response_timeout_s": "ALB waits for a backend's response",
    "backend_tls_timeout_s": "ALB waits for a backend's TLS handshake",
    "connection_lifetime_s": "ALB closes a client connection after",
    "max_uri_bytes": "longest request target",
    "max_request_line_bytes": "longest request line",
    "max_header_field_bytes": "longest request header field",
    "max_header_block_bytes": "longest request header in all",
    "max_response_header_bytes": "longest response header in all",
    "max_request_body_bytes": "longest request body",
    "max_requests_per_connection": "most requests on a client connection",
    "max_forwarding_hops": "most hops in the forwarding header",
    "client_closed_status": "status logged when the client left",
    "backend_closed_status": "status when the backend closed early",
    "loss_rate_warning": "loss worth a warning, from",
    "loss_min_segments": "lost segments worth a warning, from",
    "slow_backend_s": "always slow, from",
    "slow_backend_factor": "slow, from so many times the median",
    "slow_backend_floor_s": "never slow, below",
    "frontend_rtt_budget_ms": "round trip to clients is high, from",
    "backend_rtt_budget_ms": "round trip to backends is high, from",
    "rtt_factor": "round trip is high, from so many times the shortest",
    "bandwidth_min_bytes": "smallest transfer judged",
    "bandwidth_queue_ms": "round trip over the empty path's is a queue, from",
    "zero_window_s": "zero window worth a warning, from",
}
_FIELDS = frozenset(field.name for field in dataclasses.fields(Profile))
_CAUSES = "pcapdiag.causes"


def limits(profile: Profile, names: frozenset[str] | None = None) -> list[tuple[str, str]]:
    """Some of the profile's numbers, or all of them, in words."""
    return [
        (_WORDS.get(field.name) or fact_name(field.name), fact_value(field.name, value))
        for field in dataclasses.fields(profile)
        if (names is None or field.name in names)
        and isinstance(value := getattr(profile, field.name), int | float)
    ]


def used_by(detector: ModuleType, leg: str) -> frozenset[str]:
    """The fields of the profile that a cause's detector reads, without those of the other leg."""
    found = _fields_read(detector.find)
    other = {"frontend": "backend_", "backend": "frontend_"}.get(leg)
    own = frozenset(name for name in found if not (other and name.startswith(other)))
    return own or found


@functools.cache
def _fields_read(function: FunctionType) -> frozenset[str]:
    """The fields named in a function and in all it calls inside ``pcapdiag.causes``."""
    read: set[str] = set()
    seen: set[FunctionType] = set()
    waiting = [function]
    while waiting:
        function = waiting.pop()
        if function in seen:
            continue
        seen.add(function)
        names = _names(function.__code__)
        read |= names & _FIELDS
        known = [function.__globals__.get(name) for name in names]
        modules = [one for one in known if isinstance(one, ModuleType) and one.__name__.startswith(_CAUSES)]
        called = known + [getattr(module, name, None) for module in modules for name in names]
        called += [getattr(Profile, name, None) for name in names]
        waiting += [one for one in called if isinstance(one, FunctionType) and _ours(one)]
    return frozenset(read)


def _ours(function: FunctionType) -> bool:
    return function.__module__.startswith(_CAUSES) or function.__module__ == Profile.__module__


def _names(code: CodeType) -> set[str]:
    """The globals and attributes that a piece of code names, with those of what is defined inside it."""
    names = set(code.co_names)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            names |= _names(constant)
    return names
