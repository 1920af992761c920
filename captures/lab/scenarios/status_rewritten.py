"""The backend answered with one error code, and the client got another."""

from captures.lab.backends import answers
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

GATEWAY_TIMEOUT = answers("504 Gateway Timeout", b"the application's own upstream was slow\n")


def _ask(lab: Lab) -> None:
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(4):
            client.get("/faulty/report", note="fault")


@scenario("the backend's 504 reaches the client as 502, through HAProxy", "alb client")
def haproxy_504_as_502(lab: Lab) -> None:
    """A rule of HAProxy sets the status; count: 502s in the client's log."""
    lab.site()
    lab.faulty({"/faulty/report": GATEWAY_TIMEOUT})
    lab.haproxy(frontend="http-response return status 502 default-errorfiles if { status 504 }")
    _ask(lab)
    lab.expect("status-rewritten", lab.count(status=502, note="fault"))


@scenario("the backend's 504 reaches the client as 502, through nginx")
def nginx_504_as_502(lab: Lab) -> None:
    """proxy_intercept_errors and error_page; count: 502s in the client's log."""
    lab.site()
    lab.faulty({"/faulty/report": GATEWAY_TIMEOUT})
    lab.nginx(server="proxy_intercept_errors on; error_page 504 =502 @bad; location @bad { return 502; }")
    _ask(lab)
    lab.expect("status-rewritten", lab.count(status=502, note="fault"))


@scenario("the backend's 504 reaches the client as it is")
def near_miss_passed_on(lab: Lab) -> None:
    """Count: 504s in the client's log."""
    lab.site()
    lab.faulty({"/faulty/report": GATEWAY_TIMEOUT})
    lab.haproxy()
    _ask(lab)
    lab.expect("backend-error-status", lab.count(status=504, note="fault"))
