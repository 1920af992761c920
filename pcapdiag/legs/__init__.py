"""Who is client, load balancer and backend, and which backend exchange carried which frontend exchange."""

from __future__ import annotations

from pcapdiag.legs.find import find_legs, networks

__all__ = ["find_legs", "networks"]
