"""What tests need of the system, by the names of Debian's packages: requirements/debian.txt says how to see it."""

import glob
import os
from functools import cache
from pathlib import Path

import pytest

TABLE = Path(__file__).resolve().parents[1] / "requirements" / "debian.txt"
WORDS = "needs the Debian package"


@cache
def table() -> dict[str, str]:
    """Return {package: pattern of a file that it brings}."""
    rows = (line.split("|") for line in TABLE.read_text(encoding="utf-8").splitlines())
    return {row[1].strip(): row[2].strip() for row in rows if len(row) > 2 and not row[0].startswith("#")}


def needs(*packages: str) -> None:
    """Skip the test where a package is missing; under CI it fails, for there all have to be installed."""
    missing = [package for package in packages if not glob.glob(table()[package])]
    if missing:
        reason = f"{WORDS}{'s' * (len(missing) > 1)} {' '.join(missing)}"
        if os.environ.get("CI") == "true":
            pytest.fail(reason, pytrace=False)
        pytest.skip(reason)


def packages_in(reason: str) -> list[str]:
    """Return the packages that a reason for a skipped test names, if it is one of ours."""
    _before, ours, after = reason.partition(WORDS)
    return after.removeprefix("s ").split() if ours else []
