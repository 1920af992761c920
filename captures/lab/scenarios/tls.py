"""HTTPS on the frontend: opened by a key log, what happened inside is judged like plain HTTP.

Without keys, and on a load balancer of two arms that marks nothing as forwarded, only time joins its legs.
"""

import shutil
import ssl
import time
from typing import Any

from captures.lab import certificates
from captures.lab.backends import after, answers, resets
from captures.lab.bench import ALB_FRONT, CLIENT
from captures.lab.client import Outcome
from captures.lab.lab import Lab
from captures.lab.network import run
from captures.lab.scenario import scenario

BROKEN = {
    "/faulty/500": answers("500 Internal Server Error"),
    "/faulty/503": answers("503 Service Unavailable"),
}
KEYS = "keys.log"
# What curl writes of each request.
SAYS = "%{local_port} %{http_version} %{http_code} %{time_total} %{url}\\n"


def _serve(lab: Lab, protocols: str = "") -> None:
    """nginx speaks TLS to the clients and plain HTTP to the backends."""
    lab.site()
    lab.faulty(BROKEN)
    certificate = certificates.make(lab.folder, "shop.example.com")
    lab.nginx(listen=[f"{ALB_FRONT}:443 ssl{protocols}"], server=certificates.for_nginx(certificate))


def _trusting(lab: Lab, version: ssl.TLSVersion) -> ssl.SSLContext:
    """A client's context that logs its keys."""
    context = certificates.trusting(lab.folder, version)
    context.keylog_filename = str(lab.folder / KEYS)
    return context


def _browse(lab: Lab) -> None:
    """Both TLS versions; on each connection two requests succeed and two fail."""
    client = lab.client((ALB_FRONT, 443))
    with lab.recording():
        for version in certificates.VERSIONS * 2:
            connection = client.connect(tls=_trusting(lab, version))
            for path in ("/", *BROKEN, "/api/items"):
                connection.request(path, note="fault" if path in BROKEN else "healthy")
            connection.close()
    if any(not o.ok for o in lab.outcomes(note="healthy")):
        raise RuntimeError("the healthy pool failed")


def _keep_keys(lab: Lab) -> None:
    """The key log lies beside the captures, and their expectations name it."""
    lab.extra["tls_keylog"] = lab.keep_beside(lab.folder / KEYS)


@scenario("500 and 503 inside TLS 1.3 and 1.2; the client's key log opens them", "client alb")
def key_log(lab: Lab) -> None:
    """Python clients write a key log; count: 5xx in the client's log."""
    _serve(lab)
    _browse(lab)
    _keep_keys(lab)
    lab.expect("backend-error-status", lab.count(500) + lab.count(503), at="client alb")


@scenario("the same, with the keys inside the pcapng", "client", suffix=".pcapng")
def keys_inside(lab: Lab) -> None:
    """editcap put the clients' key log into the recording; count: 5xx in the client's log."""
    _serve(lab)
    _browse(lab)
    bare, capture = lab.folder / "bare.pcapng", lab.recorded("client")
    shutil.move(capture, bare)
    run("editcap", "--inject-secrets", f"tls,{lab.folder / KEYS}", str(bare), str(capture))
    lab.expect("backend-error-status", lab.count(500) + lab.count(503))


@scenario("500 and 503 on one HTTP/2 connection, among requests that succeed", "client")
def http2_key_log(lab: Lab) -> None:
    """curl writes the key log and asks by HTTP/2, on one connection; count: 5xx in curl's own log."""
    _serve(lab, " http2")
    paths = ["/", *BROKEN, "/api/items", *BROKEN, "/style.css"]
    client = lab.client((ALB_FRONT, 443))
    with lab.recording():
        said = lab.client_host.run(
            "env", f"SSLKEYLOGFILE={lab.folder / KEYS}", "curl", "--http2", "--silent", "--show-error",
            "--cacert", str(lab.folder / "shop.example.com.crt"), "--write-out", SAYS,
            "--connect-to", f"shop.example.com:443:{ALB_FRONT}:443",
            *(part for path in paths for part in ("-o", "/dev/null", f"https://shop.example.com{path}")),
        )  # fmt: skip
    ended = time.time()
    for line in said.splitlines():
        port, version, status, seconds, url = line.split()
        connection, path = f"{CLIENT}:{port} > {ALB_FRONT}:443", url.removeprefix("https://shop.example.com")
        outcome = Outcome(ended, connection, f"GET {path} HTTP/{version}", int(status), None, float(seconds))
        outcome.note = "fault" if path in BROKEN else "healthy"
        client.log(outcome)
    if lab.count(200, note="healthy") != 3 or len({o.connection for o in lab.outcomes()}) != 1:
        raise RuntimeError(f"not one connection with three healthy requests: {said}")
    _keep_keys(lab)
    lab.expect("backend-error-status", lab.count(500) + lab.count(503))


@scenario(
    "clients that close without waiting for HAProxy's close_notify: RST answers it; all were answered",
    "client",
)
def near_miss_unread_goodbye(lab: Lab) -> None:
    """Each client has its whole answers, says close_notify, and closes at once; the key log opens all."""
    lab.site()
    certificate = certificates.make(lab.folder, "shop.example.com")
    lab.haproxy(listen=[f"{ALB_FRONT}:443 ssl crt {certificate}"])
    # So long is the way that the close is there before the answer to the goodbye.
    lab.network.shape(lab.client_host, delay_s=0.01)
    client = lab.client((ALB_FRONT, 443))
    with lab.recording():
        for version in certificates.VERSIONS * 2:
            connection = client.connect(tls=_trusting(lab, version))
            for path in ("/", "/api/items"):
                connection.request(path, note="healthy")
            connection.say_goodbye()
            connection.close()
            time.sleep(0.05)
    if any(not o.ok for o in lab.outcomes()):
        raise RuntimeError("a healthy request failed")
    _keep_keys(lab)
    lab.check(f"tcp.flags.reset == 1 && ip.dst == {ALB_FRONT}", 4)


GIVE_UP_S = 1.5
UNHEALTHY = {
    "/faulty/crash": after(0.05, resets),
    "/faulty/500": answers("500 Internal Server Error"),
    "/faulty/stuck": after(GIVE_UP_S + 1),
}


def _two_armed(lab: Lab, balancer: str, **options: Any) -> dict[str, Any]:
    """TLS to the clients at one address, plain HTTP from another, marked by no header; what clients need."""
    lab.site()
    lab.faulty(UNHEALTHY)
    certificate = certificates.make(lab.folder, "shop.example.com")
    if balancer == "nginx":
        options |= {"server": certificates.for_nginx(certificate), "listen": [f"{ALB_FRONT}:443 ssl"]}
    else:
        options |= {"listen": [f"{ALB_FRONT}:443 ssl crt {certificate}"]}
    lab.balance(balancer, forwards=False, response_timeout_s=GIVE_UP_S, **options)
    return {"target": (ALB_FRONT, 443), "tls": certificates.trusting(lab.folder)}


def _fail(lab: Lab, secure: dict[str, Any]) -> None:
    """Requests that meet each fault, among others that do not."""
    client = lab.client(**secure)
    with lab.recording(), lab.healthy_traffic(**secure):
        for path in ("/faulty/crash", "/faulty/500", "/faulty/stuck") * 2:
            client.get(path, note=path)
            client.get("/faulty/works")
    lab.expect("backend-reset", lab.count(502, note="/faulty/crash"))
    lab.expect("backend-error-status", lab.count(500, note="/faulty/500"))
    waited = (GIVE_UP_S, 0.2)
    lab.expect("backend-response-timeout", lab.count(504, note="/faulty/stuck"), waited_s=waited)


@scenario("TLS to the clients, plain HTTP to the backends from another address; no keys, nothing is wrong")
def two_armed(lab: Lab) -> None:
    """nginx marks no request as forwarded, so that time alone joins its legs."""
    secure = _two_armed(lab, "nginx")
    with lab.recording(), lab.healthy_traffic(**secure):
        pass


@scenario("resets, 500s and silence of a backend behind nginx that speaks TLS to its clients; no keys")
def nginx_two_armed(lab: Lab) -> None:
    """nginx marks no request as forwarded, so that time alone joins its legs; counts: the client's log."""
    _fail(lab, _two_armed(lab, "nginx"))


@scenario("resets, 500s and silence of a backend behind HAProxy that speaks TLS to its clients; no keys")
def haproxy_two_armed(lab: Lab) -> None:
    """HAProxy marks no request as forwarded, so that time alone joins its legs; counts: the client's log."""
    _fail(lab, _two_armed(lab, "haproxy"))
