"""Certificates that live as long as one scenario."""

import ssl
from pathlib import Path

from captures.lab.network import run

VERSIONS = (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_2)


def make(folder: Path, name: str) -> Path:
    """A self-signed certificate and its key in one file."""
    key, certificate, both = (folder / f"{name}.{kind}" for kind in ("key", "crt", "pem"))
    run(
        "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
        "-days", "30", "-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}",
        "-keyout", str(key), "-out", str(certificate),
    )  # fmt: skip
    both.write_text(certificate.read_text() + key.read_text())
    return both


def for_nginx(certificate: Path, protocols: str = "TLSv1.2 TLSv1.3") -> str:
    """nginx's directives that use it."""
    return f"ssl_certificate {certificate}; ssl_certificate_key {certificate}; ssl_protocols {protocols};"


def trusting(
    folder: Path, version: ssl.TLSVersion | None = None, name: str = "shop.example.com"
) -> ssl.SSLContext:
    """A client context that trusts the certificate made for this name."""
    context = ssl.create_default_context(cafile=str(folder / f"{name}.crt"))
    if version is not None:
        context.minimum_version = context.maximum_version = version
    return context
