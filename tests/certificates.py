"""Certificates that nobody but themselves has signed, as cameras and brokers at home have them."""

import subprocess
from pathlib import Path

from tests.debian import needs


def make_certificate(folder: Path, name: str, subject_name: str = "") -> Path:
    """Write NAME.pem, with NAME.key beside it, and return the former. `subject_name` as "IP:127.0.0.1"."""
    needs("openssl")
    made = folder / f"{name}.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "2",
        "-subj",
        f"/CN={name}",
    ]
    command += ["-addext", f"subjectAltName={subject_name}"] if subject_name else []
    command += ["-keyout", str(folder / f"{name}.key"), "-out", str(made)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    return made
