"""The load balancer answered by rule, without asking a backend."""

from captures.lab.backends import answers
from captures.lab.lab import Lab
from captures.lab.scenario import scenario

RULES = """http-request return status 200 content-type text/plain string soon if { path /soon }
  http-request redirect location https://shop.example.com/ code 301 if { path /old }
  http-request deny deny_status 403 if { path_beg /admin }"""


@scenario("a fixed page, a redirect, and 403 by a firewall rule, all made by the balancer", "alb client")
def haproxy_rules(lab: Lab) -> None:
    """Information only; count: redirects and 403s in the client's log (a fixed page looks like any other)."""
    lab.site()
    lab.haproxy(frontend=RULES)
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for path in ("/soon", "/old", "/admin") * 2:
            client.get(path, note="rule")
    lab.expect(
        "alb-policy-response", lab.count(301, note="rule") + lab.count(403, note="rule"), severity="info"
    )


@scenario("401 by the balancer's authentication rule")
def nginx_authentication(lab: Lab) -> None:
    """Information only; count: 401s in the client's log."""
    lab.site()
    users = lab.folder / "users"
    users.write_text("admin:{PLAIN}secret\n")
    private = f'auth_basic "shop"; auth_basic_user_file {users}; proxy_pass http://site;'
    lab.nginx(server=f"location /api/private {{ {private} }}")
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(3):
            client.get("/api/private", note="rule")
    lab.expect("alb-policy-response", lab.count(status=401, note="rule"), severity="info")


@scenario("403 made by the backend")
def near_miss_backend_403(lab: Lab) -> None:
    """The application's own answer."""
    lab.site()
    lab.faulty({"/faulty/admin": answers("403 Forbidden", b"no\n")})
    lab.haproxy()
    client = lab.client()
    with lab.recording(), lab.healthy_traffic():
        for _ in range(3):
            client.get("/faulty/admin")
