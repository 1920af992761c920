"""The backend itself answered with an error, and the load balancer passed it on."""

from captures.lab.backends import answers
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

ERRORS = ("500 Internal Server Error", "503 Service Unavailable", "502 Bad Gateway")
COMPLAINTS = ("400 Bad Request", "405 Method Not Allowed", "413 Content Too Large")
ORDINARY = ("401 Unauthorized", "403 Forbidden", "404 Not Found", "409 Conflict", "429 Too Many Requests")


def _ask(lab: Lab, balancer: str, statuses: tuple[str, ...], times: int = 2) -> None:
    lab.site()
    lab.faulty(
        {f"/faulty/{status[:3]}": answers(status, b"the application says so\n") for status in statuses}
    )
    lab.balance(balancer)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for status in statuses * times:
            client.get(f"/faulty/{status[:3]}", note="fault")
            client.get("/faulty/works")
    for status in statuses:
        if lab.count(status=int(status[:3])) != times:
            raise RuntimeError(f"the load balancer changed a {status}")


def _expect_5xx(lab: Lab) -> None:
    failed = len([o for o in lab.outcomes() if (o.status or 0) >= 500])
    lab.expect("backend-error-status", failed, at=" ".join(lab.scenario.vantages))


@scenario("500, 502 and 503 made by the backend (its Server header is in the answer)", "alb client backend")
def haproxy_5xx(lab: Lab) -> None:
    """Each status twice; count: 5xx in the client's log."""
    _ask(lab, "haproxy", ERRORS)
    _expect_5xx(lab)


@scenario("500, 502 and 503 made by the backend, through nginx", "alb backend")
def nginx_5xx(lab: Lab) -> None:
    """Each status twice; count: 5xx in the client's log."""
    _ask(lab, "nginx", ERRORS)
    _expect_5xx(lab)


@scenario("400, 405 and 413 made by the backend: warnings, for the request may be at fault")
def haproxy_4xx(lab: Lab) -> None:
    """Each status twice; count: 4xx in the client's log."""
    _ask(lab, "haproxy", COMPLAINTS)
    failed = len([o for o in lab.outcomes() if (o.status or 0) >= 400])
    lab.expect("backend-error-status", failed, severity="warning")


@scenario("401, 403, 404, 409 and 429: the application's ordinary answers, information at most")
def near_miss_ordinary_4xx(lab: Lab) -> None:
    """Each status twice, made by the backend."""
    _ask(lab, "haproxy", ORDINARY)
