"""Certificates for the loopback interface, each signed by itself and so its own authority."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

LOOPBACK = "IP:127.0.0.1,DNS:localhost"


@dataclass(frozen=True)
class Certificate:
    """Files in PEM form: the certificate, which is its own authority, and it behind its key."""

    certificate: Path
    key: Path
    key_and_certificate: Path


def make_certificate(directory: Path, name: str = "server", holders: str = LOOPBACK) -> Certificate:
    """Make one for *holders* in files called *name*; the test is skipped where openssl is missing."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is missing, which makes the certificates")
    made = Certificate(directory / f"{name}.crt", directory / f"{name}.key", directory / f"{name}.pem")
    new = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", f"/CN={name}"]
    files = ["-addext", f"subjectAltName={holders}", "-keyout", str(made.key), "-out", str(made.certificate)]
    subprocess.run([*new, *files], check=True, capture_output=True)
    made.key_and_certificate.write_text(made.key.read_text() + made.certificate.read_text())
    return made
