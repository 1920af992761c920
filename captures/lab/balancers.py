"""The load balancers: nginx set up as Alibaba's ALB, HAProxy set up as AWS's, with timeouts scaled down.

Apache and Varnish, as they come, stand in modules of their own.
"""

from dataclasses import dataclass, field
from pathlib import Path

from captures.lab.apache import Apache
from captures.lab.balancer import Balancer, TimesRequests
from captures.lab.varnish import Varnish

ALIBABA_LOG = (
    '{"time":"$time_iso8601","client_ip":"$remote_addr","client_port":$remote_port,"request":"$request",'
    '"status":$status,"upstream_status":"$upstream_status","upstream_addr":"$upstream_addr",'
    '"request_time":$request_time,"upstream_connect_time":"$upstream_connect_time",'
    '"upstream_response_time":"$upstream_response_time","request_length":$request_length,'
    '"body_bytes_sent":$body_bytes_sent,"tcpinfo_rtt":$tcpinfo_rtt}'
)

NGINX = """
daemon off; master_process off; worker_processes 1; pid {folder}/pid; error_log {folder}/error.log info;
events {{ worker_connections 512; }}
http {{
  log_format alb escape=json '{log_format}';
  access_log {folder}/access.log alb;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  server_tokens off; keepalive_timeout {idle_ms}ms; client_header_timeout {request_timeout_ms}ms;
  client_body_timeout {request_timeout_ms}ms;
  {http}
{upstreams}
  server {{
{listens}
    proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host;
    {forwarding}
    proxy_pass_header Server; proxy_connect_timeout {connect_timeout_ms}ms;
    proxy_read_timeout {response_timeout_ms}ms; proxy_send_timeout {response_timeout_ms}ms;
    proxy_next_upstream {retry};
    {server}
{locations}
  }}
}}
"""

NGINX_FORWARDING = (
    "proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for; proxy_set_header X-Forwarded-Proto $scheme;"
)


@dataclass
class Nginx(TimesRequests):
    """nginx as Alibaba Cloud's ALB: its log fields, 499, 408, 414, and 400 for HTTP on the TLS port."""

    retry: str = "off"
    http: str = ""
    server: str = ""
    pool_options: dict[str, str] = field(default_factory=dict)
    scheme: str = "http"
    # Whether requests are marked as forwarded.
    forwards: bool = True
    name: str = field(default="nginx", init=False)

    def command(self, folder: Path) -> list[str]:
        upstreams = "\n".join(
            f"  upstream {pool} {{ {' '.join(f'server {s} max_fails=0;' for s in servers)} "
            f"{self.pool_options.get(pool, 'keepalive 16;')} }}"
            for pool, servers in self.pools.items()
        )
        locations = "\n".join(
            f"    location {'/' if pool == 'site' else f'/{pool}'} {{ proxy_pass {self.scheme}://{pool}; }}"
            for pool in self.pools
        )
        config = NGINX.format(
            folder=folder, log_format=ALIBABA_LOG, upstreams=upstreams, retry=self.retry, http=self.http,
            listens="\n".join(f"    listen {address};" for address in self.listen), locations=locations,
            server=self.server, forwarding=NGINX_FORWARDING if self.forwards else "",
            **self.limits_ms(),
        )  # fmt: skip
        path = folder / "nginx.conf"
        path.write_text(config)
        return ["nginx", "-p", str(folder), "-c", str(path), "-e", str(folder / "start.log")]


HAPROXY = """
global
  log stdout format raw local0
  {tuning}
defaults
  mode http
  log global
  option httplog
  option http-ignore-probes
  timeout connect {connect_timeout_ms}ms
  timeout server {response_timeout_ms}ms
  timeout client {idle_ms}ms
  timeout http-request {request_timeout_ms}ms
  timeout http-keep-alive {idle_ms}ms
  retries {retries}
  http-reuse {reuse}
{errorfiles}
frontend alb
{listens}
  {forwarding}
  {frontend}
{rules}
  default_backend site
{backends}
"""
HAPROXY_FORWARDING = """option forwardfor
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Port %[dst_port]
  http-request set-header X-Amzn-Trace-Id Root=1-%[date,hex,bytes(8,8)]-%[uuid,regsub(-,,g),bytes(0,24)]
"""
AWS_PAGES = {
    400: "400 Bad Request",
    403: "403 Forbidden",
    405: "405 Not Allowed",
    408: "408 Request Timeout",
    413: "413 Request Entity Too Large",
    501: "501 Not Implemented",
    502: "502 Bad Gateway",
    503: "503 Service Temporarily Unavailable",
    504: "504 Gateway Time-out",
}


@dataclass
class Haproxy(TimesRequests):
    """HAProxy as AWS's ALB: its Server header and pages on answers of its own, its headers to the backend."""

    # HAProxy says 503 when it cannot connect; AWS says 502 when refused and 504 when nothing answers.
    connect_failure: int = 502
    retries: int = 0
    reuse: str = "safe"
    frontend: str = ""
    backend: str = ""
    tuning: str = ""
    server_options: str = ""
    # Whether requests are marked as forwarded.
    forwards: bool = True
    name: str = field(default="haproxy", init=False)
    log: str = field(default="balancer.out", init=False)  # it logs to its standard output

    def command(self, folder: Path) -> list[str]:
        rules = "\n".join(
            f"  use_backend {pool} if {{ path_beg /{pool} }}" for pool in self.pools if pool != "site"
        )
        backends = "\n".join(
            f"backend {pool}\n  {self.backend}\n"
            + "\n".join(f"  server {pool}{n} {s} {self.server_options}" for n, s in enumerate(servers))
            for pool, servers in self.pools.items()
        )
        config = HAPROXY.format(
            tuning=self.tuning, retries=self.retries, reuse=self.reuse, frontend=self.frontend, rules=rules,
            forwarding=HAPROXY_FORWARDING if self.forwards else "",
            backends=backends, listens="\n".join(f"  bind {address}" for address in self.listen),
            **self.limits_ms(),
            errorfiles="\n".join(f"  errorfile {c} {folder}/{self._page(c)}.http" for c in AWS_PAGES),
        )  # fmt: skip
        for code, reason in AWS_PAGES.items():
            (folder / f"{code}.http").write_bytes(aws_page(reason))
        path = folder / "haproxy.cfg"
        path.write_text(config)
        return ["haproxy", "-db", "-f", str(path)]

    def _page(self, code: int) -> int:
        return self.connect_failure if code == 503 else code


def aws_page(reason: str) -> bytes:
    """An error page as AWS's ALB sends it."""
    body = (
        f"<html>\r\n<head><title>{reason}</title></head>\r\n<body>\r\n"
        f"<center><h1>{reason}</h1></center>\r\n</body>\r\n</html>\r\n"
    )
    fields = f"Server: awselb/2.0\r\nContent-Type: text/html\r\nContent-Length: {len(body)}\r\n"
    return f"HTTP/1.1 {reason}\r\n{fields}Connection: close\r\n\r\n{body}".encode()


BALANCERS: dict[str, type[Balancer]] = {
    "nginx": Nginx,
    "haproxy": Haproxy,
    "apache": Apache,
    "varnish": Varnish,
}
