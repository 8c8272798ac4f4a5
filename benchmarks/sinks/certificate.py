"""A certificate for the loopback address."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_KEY = "key.pem"


def server_context(certificate: Path) -> ssl.SSLContext:
    """
    TLS with a certificate of our own, which is made when there is none.

    Raises:
        RuntimeError: OpenSSL's program, which makes it, is not installed.
    """
    key = certificate.with_name(_KEY)
    if not certificate.is_file():
        if not shutil.which("openssl"):
            raise RuntimeError("openssl is not installed: no certificate for a collector with TLS")
        certificate.parent.mkdir(parents=True, exist_ok=True)
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650"]
        command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"]
        command += ["-keyout", str(key), "-out", str(certificate)]
        subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context
