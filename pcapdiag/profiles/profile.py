"""What a load balancer documents about itself: its limits, its timeouts, its marks on the wire.

Every number a cloud sets, and every threshold above which something is worth a warning, is a field here
and a line with its source in a TOML file beside this module; no detector writes one down. ``None`` means
that no limit is documented, so nothing can be judged by it.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Profile:
    """The limits and timeouts of one kind of load balancer."""

    name: str  # "aws": what --profile takes
    title: str  # "AWS Application Load Balancer"

    # Time
    frontend_idle_timeout_s: float | None  # it closes a client connection idle this long
    request_timeout_s: float | None  # it answers 408 when a request stays unfinished this long
    backend_idle_timeout_s: float | None  # it keeps an idle backend connection this long
    backend_connect_timeout_s: float | None  # it gives a backend's handshake up after this
    backend_response_timeout_s: float | None  # it answers 504 when a backend is silent this long
    backend_tls_timeout_s: float | None  # it gives the TLS handshake with a backend up after this
    connection_lifetime_s: float | None  # it closes a client connection this old

    # Size
    max_uri_bytes: int | None  # longer request targets are answered 414
    max_request_line_bytes: int | None
    max_header_field_bytes: int | None  # of one request header field
    max_header_block_bytes: int | None  # of a request's start line and header fields together
    max_response_header_bytes: int | None  # of a backend's whole response header
    max_request_body_bytes: int | None

    # Number
    max_requests_per_connection: int | None  # it closes a client connection after so many requests
    max_forwarding_hops: int | None  # entries of its forwarding header before it answers 463

    # Marks on the wire
    client_closed_status: int  # what its log says when the client left before the response
    backend_closed_status: int  # what the client gets when a backend's FIN came before its response
    own_server_names: tuple[str, ...]  # Server header fields of the answers it makes itself
    own_statuses: tuple[int, ...]  # statuses that only it makes, never a backend

    # Thresholds of this tool
    loss_rate_warning: float  # retransmitted share of the data segments that is worth a warning
    loss_min_segments: int  # fewer retransmitted segments than this say nothing
    slow_backend_s: float  # slower than this is slow whatever the backend's median
    slow_backend_factor: float  # so many times its own median is slow for a backend
    slow_backend_floor_s: float  # faster than this is never slow, whatever the median
    long_poll_marks: tuple[str, ...]  # words of a target whose answers wait on purpose
    frontend_rtt_budget_ms: float  # round trips between clients and the load balancer above this are high
    backend_rtt_budget_ms: float  # the same between the load balancer and its backends
    rtt_factor: float  # so many times a peer's own smallest round trip is high
    bandwidth_min_bytes: int  # a smaller transfer ends before it has filled a line
    bandwidth_queue_ms: float  # round trips this much over the empty path's are a queue
    zero_window_s: float  # a receive window closed this long at a stretch is worth a warning

    def rtt_budget_ms(self, leg: str) -> float:
        """The round-trip budget of "frontend" or "backend"."""
        return self.backend_rtt_budget_ms if leg == "backend" else self.frontend_rtt_budget_ms
