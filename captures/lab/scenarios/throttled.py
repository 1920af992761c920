"""The load balancer refuses requests over its rate: 503 with ALB-QPS-Limited."""

from captures.lab.backends import answers
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

ZONE = "limit_req_zone $http_x_bulk zone=qps:1m rate=1r/s;"
LIMIT = (
    "limit_req zone=qps; limit_req_status 503; error_page 503 @limited;\n"
    "    location @limited { internal; add_header ALB-QPS-Limited Limited always; return 503; }"
)


@scenario("a burst over the rate: 503 with the header ALB-QPS-Limited, and no backend attempt", "alb client")
def nginx_burst(lab: Lab) -> None:
    """limit_req on requests that carry X-Bulk; count: 503s in the client's log."""
    lab.site()
    lab.nginx(http=ZONE, server=LIMIT)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(6):
            client.get("/api/items", note="fault", X_Bulk="import")
    lab.extra["profile"] = "alibaba"
    lab.expect("throttled", lab.count(status=503, note="fault"), at="alb client")
    lab.check('http.response.line contains "ALB-QPS-Limited"', 4)


@scenario("429 and 503 made by the backend for the same reason: its own limit, not the balancer's")
def near_miss_backend_limit(lab: Lab) -> None:
    """The server answers 503 with Retry-After; count: 503s in the client's log."""
    lab.site()
    lab.faulty(
        {
            "/faulty/busy": answers("503 Service Unavailable", b"busy\n", "Retry-After: 5"),
            "/faulty/many": answers("429 Too Many Requests", b"slow down\n"),
        }
    )
    lab.nginx()
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for path in ("/faulty/busy", "/faulty/many") * 3:
            client.get(path, note="fault")
    lab.expect("backend-error-status", lab.count(status=503, note="fault"))
