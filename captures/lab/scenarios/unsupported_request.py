"""A request in a version or coding that the load balancer does not speak."""

from captures.lab.client import build_request
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
AWS_RULES = """option disable-h2-upgrade
  http-request return status 464 hdr Server awselb/2.0 if { req.hdr(Content-Type) -m beg application/grpc }
  http-request return status 505 hdr Server awselb/2.0 if { method PRI }"""


@scenario("gRPC over HTTP/1.1 (464), for a target group that is not gRPC", "alb client")
def haproxy_grpc(lab: Lab) -> None:
    """A rule of HAProxy that does as AWS documents; count: 464s in the client's log."""
    lab.site()
    lab.haproxy(frontend=AWS_RULES)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(3):
            client.post(
                "/shop.Items/List", b"\0\0\0\0\0", "fault", Content_Type="application/grpc", TE="trailers"
            )
    lab.extra["profile"] = "aws"
    lab.expect("unsupported-request", lab.count(status=464, note="fault"), at="alb client")


@scenario(
    "Transfer-Encoding: gzip (501 by nginx), and an HTTP/2 preface on an HTTP/1.1 port (refused by nginx)"
)
def nginx_coding_and_preface(lab: Lab) -> None:
    """Count: failures in the client's log."""
    # After the preface tshark takes all for HTTP/2, the answer 400 in HTTP/1.1 too.
    lab.partial = True
    lab.site()
    lab.nginx()
    client = lab.client()
    coded = build_request("/api/items", "POST", b"", client.host_header, Transfer_Encoding="gzip, chunked")
    with lab.recording(), lab.healthy_traffic():
        for request in (coded + b"0\r\n\r\n", HTTP2_PREFACE) * 2:
            client.once(request, "fault")
            client.get("/api/items")
    lab.extra["profile"] = "aws"
    lab.expect("unsupported-request", len([o for o in lab.outcomes(note="fault") if not o.ok]))


@scenario("look-alikes: TE: trailers, Accept-Encoding and Content-Encoding: gzip, an h2c upgrade declined")
def near_miss_look_alikes(lab: Lab) -> None:
    """All are answered 200 over HTTP/1.1."""
    lab.site()
    lab.nginx()
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        client.get("/api/items", TE="trailers", Accept_Encoding="gzip")
        client.post("/api/items", b"\x1f\x8b\x08\x00", Content_Encoding="gzip")
        client.get(
            "/api/items",
            Connection="Upgrade, HTTP2-Settings",
            Upgrade="h2c",
            HTTP2_Settings="AAMAAABkAAQAAP__",
        )
    if bad := [o for o in lab.outcomes() if not o.ok]:
        raise RuntimeError(f"an ordinary request failed: {bad}")
