"""A certificate for a server on the loopback interface, signed by itself."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Certificate:
    """Files in PEM form: the certificate, which is its own authority, and it behind its key."""

    certificate: Path
    key: Path
    key_and_certificate: Path


def make_certificate(directory: Path) -> Certificate:
    """Make one; the test is skipped where openssl is missing."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is missing")
    made = Certificate(directory / "server.crt", directory / "server.key", directory / "server.pem")
    names = "subjectAltName=IP:127.0.0.1,DNS:localhost"
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    files = ["-addext", names, "-keyout", str(made.key), "-out", str(made.certificate)]
    subprocess.run([*new, *files], check=True, capture_output=True)
    made.key_and_certificate.write_text(made.key.read_text() + made.certificate.read_text())
    return made
