"""Varnish as the load balancer: it caches, or passes every request on."""

from dataclasses import dataclass, field
from pathlib import Path

from captures.lab.balancer import Balancer

LOG = (
    '{"time":"%{%Y-%m-%dT%H:%M:%S%z}t","client_ip":"%h","request":"%r","status":%s,'
    '"handling":"%{Varnish:handling}x","request_time_us":%D,"body_bytes_sent":%O}'
)


@dataclass
class Varnish(Balancer):
    """Varnish: 503 of its own for whatever fails behind it, and a pause before it tries that server again."""

    caches: bool = False
    name: str = field(default="varnish", init=False)

    def command(self, folder: Path) -> list[str]:
        servers = {
            pool: [(f"{pool}{n}", *server.rsplit(":", 1)) for n, server in enumerate(members)]
            for pool, members in self.pools.items()
        }
        directors = "\n".join(
            f"  new {pool} = directors.round_robin();\n"
            + "\n".join(f"  {pool}.add_backend({name});" for name, _, _ in members)
            for pool, members in servers.items()
        )
        rules = "\n".join(
            f'  if (req.url ~ "^/{pool}") {{ set req.backend_hint = {pool}.backend(); }}'
            for pool in servers
            if pool != "site"
        )
        path = folder / "balance.vcl"
        path.write_text(
            "vcl 4.1;\nimport directors;\n"
            + "\n".join(
                f'backend {name} {{ .host = "{host}"; .port = "{port}"; }}'
                for members in servers.values()
                for name, host, port in members
            )
            + f"\nsub vcl_init {{\n{directors}\n}}\n"
            + f"sub vcl_recv {{\n  set req.backend_hint = site.backend();\n{rules}\n"
            + ("" if self.caches else "  return (pass);\n")
            + "}\n"
        )
        listens = [part for address in self.listen for part in ("-a", address)]
        limits = {
            "timeout_idle": self.idle_s,
            "connect_timeout": self.connect_timeout_s,
            "first_byte_timeout": self.response_timeout_s,
            "between_bytes_timeout": self.response_timeout_s,
            "thread_pools": 1,
            "thread_pool_min": 20,
        }
        parameters = [part for key, value in limits.items() for part in ("-p", f"{key}={value}")]
        return [
            "varnishd", "-F", "-j", "none", "-T", "none", "-n", str(folder / "varnish"), "-s", "malloc,16m",
            "-f", str(path), *listens, *parameters,
        ]  # fmt: skip

    def logger(self, folder: Path) -> list[str]:
        """Varnish leaves its log in memory; this program writes it down."""
        return ["varnishncsa", "-n", str(folder / "varnish"), "-w", str(folder / "access.log"), "-F", LOG]
