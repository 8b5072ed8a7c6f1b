"""For all tests: what was skipped for want of a Debian package stands in the last lines, with the remedy."""

import pytest

from tests.debian import packages_in


@pytest.hookimpl(trylast=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many tests were skipped for want of which packages, and how to install these."""
    reasons = [
        packages_in(str(report.longrepr[2]) if isinstance(report.longrepr, tuple) else "")
        for report in terminalreporter.stats.get("skipped", [])
    ]
    packages = sorted({package for packages in reasons for package in packages})
    if packages:
        count = sum(bool(named) for named in reasons)
        terminalreporter.write_line(
            f"{count} tests were skipped: they need Debian packages that are not here"
        )
        terminalreporter.write_line(f"to run them too: sudo apt-get install {' '.join(packages)}")
