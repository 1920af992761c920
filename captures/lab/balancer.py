"""What the lab's load balancers have in common: whom they serve, and timeouts scaled down."""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path


@dataclass
class Balancer(ABC):
    """A load balancer that listens at some addresses, for pools of servers by name."""

    pools: dict[str, list[str]]
    listen: list[str]
    idle_s: float = 15
    connect_timeout_s: float = 2.5
    response_timeout_s: float = 3
    name: str = field(default="", init=False)
    log: str = field(default="access.log", init=False)

    @abstractmethod
    def command(self, folder: Path) -> list[str]:
        """The program that balances, its configuration written to the folder."""

    def logger(self, _folder: Path) -> list[str]:
        """The program that writes its log, where it does not do that itself."""
        return []


@dataclass
class TimesRequests(Balancer):
    """One that gives up waiting for the rest of a request, too."""

    request_timeout_s: float = 10

    def limits_ms(self) -> dict[str, int]:
        """The timeouts in whole milliseconds: their configurations know no fractions of a second."""
        limits_s = {
            "idle_ms": self.idle_s,
            "request_timeout_ms": self.request_timeout_s,
            "connect_timeout_ms": self.connect_timeout_s,
            "response_timeout_ms": self.response_timeout_s,
        }
        return {name: round(limit_s * 1000) for name, limit_s in limits_s.items()}
