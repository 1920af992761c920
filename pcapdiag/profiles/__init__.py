"""Each cloud's documented limits and timeouts, and which cloud a capture shows."""

from __future__ import annotations

from pcapdiag.profiles.guess import guess_profile
from pcapdiag.profiles.load import NAMES, keep_alive_defaults, load_profile, software_with_idle_timeout
from pcapdiag.profiles.profile import Profile

__all__ = [
    "NAMES",
    "Profile",
    "guess_profile",
    "keep_alive_defaults",
    "load_profile",
    "software_with_idle_timeout",
]
