"""HTTPS on the frontend, with the key log that opens it: what happened inside is judged like plain HTTP."""

import shutil
import ssl

from captures.lab import certificates
from captures.lab.backends import answers
from captures.lab.bench import ALB_FRONT
from captures.lab.lab import Lab
from captures.lab.network import run
from captures.lab.scenario import scenario

BROKEN = {
    "/faulty/500": answers("500 Internal Server Error"),
    "/faulty/503": answers("503 Service Unavailable"),
}
KEYS = "keys.log"


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
    log = lab.scenario.file(lab.scenario.vantages[0]).with_name(f"{lab.scenario.case}.{KEYS}")
    log.parent.mkdir(exist_ok=True)
    shutil.copyfile(lab.folder / KEYS, log)
    lab.extra["tls_keylog"] = log.name


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
    """curl writes the key log and asks by HTTP/2, several requests on one connection; count: its script."""
    _serve(lab, " http2")
    paths = ["/", *BROKEN, "/api/items", *BROKEN, "/style.css"]
    with lab.recording():
        lab.client_host.run(
            "env", f"SSLKEYLOGFILE={lab.folder / KEYS}", "curl", "--http2", "--silent", "--show-error",
            "--cacert", str(lab.folder / "shop.example.com.crt"),
            "--connect-to", f"shop.example.com:443:{ALB_FRONT}:443",
            *(part for path in paths for part in ("-o", "/dev/null", f"https://shop.example.com{path}")),
        )  # fmt: skip
    _keep_keys(lab)
    lab.expect("backend-error-status", sum(path in BROKEN for path in paths))
