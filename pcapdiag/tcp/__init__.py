"""Packets -> TCP connections, their analysis flags, and each direction's bytes in order, exactly once."""

from pcapdiag.tcp.track import Tracker

__all__ = ["Tracker"]
