"""Apache's mod_proxy_balancer as the load balancer, much as it comes."""

from dataclasses import dataclass, field
from pathlib import Path

from captures.lab.balancer import TimesRequests

MODULES = Path("/usr/lib/apache2/modules")
WANTED = "mpm_event authz_core slotmem_shm lbmethod_byrequests proxy proxy_balancer proxy_http reqtimeout"
LOG = (
    r"{\"time\":\"%{%Y-%m-%dT%H:%M:%S%z}t\",\"client_ip\":\"%a\",\"client_port\":%{remote}p,"
    r"\"request\":\"%r\",\"status\":%>s,\"upstream_addr\":\"%{BALANCER_WORKER_NAME}e\","
    r"\"request_time_us\":%D,\"body_bytes_sent\":%B}"
)

HTTPD = """
ServerRoot {folder}
DefaultRuntimeDir {folder}
PidFile {folder}/httpd.pid
ServerName shop.example.com
User nobody
Group #65534
{modules}
StartServers 1
ErrorLog {folder}/error.log
LogFormat "{log}" alb
CustomLog {folder}/access.log alb
{listens}
KeepAliveTimeout {idle_ms}ms
RequestReadTimeout header={request_timeout} body={request_timeout}
ProxyPreserveHost On
{balancers}
"""


@dataclass
class Apache(TimesRequests):
    """Apache's httpd: 503 when it cannot connect, and its own pages. It tries each server anew (retry=0)."""

    name: str = field(default="apache", init=False)

    def command(self, folder: Path) -> list[str]:
        modules = "\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in WANTED.split())
        config = HTTPD.format(
            folder=folder, modules=modules, log=LOG, listens="\n".join(f"Listen {a}" for a in self.listen),
            request_timeout=round(self.request_timeout_s), **self.limits_ms(),
            balancers="\n".join(self._balancer(pool) for pool in sorted(self.pools, key=_last_is_site)),
        )  # fmt: skip
        path = folder / "httpd.conf"
        path.write_text(config)
        return ["apache2", "-DFOREGROUND", "-f", str(path)]

    def _balancer(self, pool: str) -> str:
        options = (
            f"connectiontimeout={self.limits_ms()['connect_timeout_ms']}ms "
            f"timeout={round(self.response_timeout_s)} retry=0 upgrade=websocket"
        )
        members = "\n".join(f"BalancerMember http://{server} {options}" for server in self.pools[pool])
        path = "/" if pool == "site" else f"/{pool}"
        return f"<Proxy balancer://{pool}>\n{members}\n</Proxy>\nProxyPass {path} balancer://{pool}{path}"


def _last_is_site(pool: str) -> bool:
    """The first ProxyPass that fits a path takes it, and the site's fits all."""
    return pool == "site"
