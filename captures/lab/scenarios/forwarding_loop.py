"""A request that passed the load balancer before, or too many proxies."""

from captures.lab.lab import Lab
from captures.lab.scenario import scenario

HASHES = [f"{n:016x}" for n in range(0x3F9A0C, 0x3F9A0C + 20)]
REPEATED = ", ".join([*HASHES[:2], HASHES[0]])
PROXIES = [f"203.0.113.{n}" for n in range(1, 40)]
ALIBABA_RULE = 'if ($http_alicloud_alb_trace ~ "([0-9a-f]{16}).*\\1") { return 463; }\n    if ($http_alicloud_alb_trace ~ "([0-9a-f]{16}.*){17}") { return 463; }'  # noqa: E501
AWS_RULE = "http-request return status 463 content-type text/html hdr Server awselb/2.0 if { req.hdr_cnt(X-Forwarded-For) gt 30 }"  # noqa: E501


@scenario("ALICLOUD-ALB-TRACE with a hash twice, and with 18 hashes: 463", "alb client")
def nginx_trace_header(lab: Lab) -> None:
    """Rules of nginx that do as Alibaba documents; count: 463s in the client's log."""
    lab.site()
    lab.nginx(server=ALIBABA_RULE)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for trace in (REPEATED, ", ".join(HASHES[:18])) * 2:
            client.get("/api/items", note="fault", ALICLOUD_ALB_TRACE=trace)
            client.get("/api/items", ALICLOUD_ALB_TRACE=HASHES[0])
    lab.extra["profile"] = "alibaba"
    lab.expect("forwarding-loop", lab.count(status=463, note="fault"), at="alb client")


@scenario("X-Forwarded-For with 33 addresses: 463")
def haproxy_forwarded_for(lab: Lab) -> None:
    """A rule of HAProxy that does as AWS documents; count: 463s in the client's log."""
    lab.site()
    lab.haproxy(frontend=AWS_RULE)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(3):
            client.get("/api/items", note="fault", X_Forwarded_For=", ".join(PROXIES[:33]))
            client.get("/api/items", X_Forwarded_For=", ".join(PROXIES[:3]))
    lab.extra["profile"] = "aws"
    lab.expect("forwarding-loop", lab.count(status=463, note="fault"))


@scenario("many proxies, within the limits: 16 hashes, and 28 addresses")
def near_miss_long_way(lab: Lab) -> None:
    """All are answered 200."""
    lab.site()
    lab.nginx(server=ALIBABA_RULE)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        client.get("/api/items", ALICLOUD_ALB_TRACE=", ".join(HASHES[:16]))
        client.get("/api/items", X_Forwarded_For=", ".join(PROXIES[:28]))
    lab.extra["profile"] = "alibaba"
    if bad := [o for o in lab.outcomes() if not o.ok]:
        raise RuntimeError(f"a request within the limits failed: {bad}")
