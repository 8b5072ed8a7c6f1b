"""A real browser without a window: Debian's chromium."""

import subprocess
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt

from tests.debian import needs


def screenshot(url: str, folder: Path) -> npt.NDArray[np.uint8]:
    """Return the page as it looks once it is loaded: uint8 HxWx3 BGR."""
    path = folder / "page.png"
    said = _chromium(url, folder, "--window-size=900,700", f"--screenshot={path}")
    picture = cv2.imread(str(path)) if path.exists() else None
    assert picture is not None, f"chromium made no picture\n{said}"
    return np.asarray(picture, np.uint8)


def dom(url: str, folder: Path, *, after_ms: int = 2000) -> str:
    """Return the document as it stands after `after_ms` of the page's own time."""
    return _chromium(url, folder, f"--virtual-time-budget={after_ms}", "--dump-dom")


def _chromium(url: str, folder: Path, *what: str) -> str:
    needs("chromium")
    command = [
        "/usr/bin/chromium",
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-dev-shm-usage",
        "--no-first-run",
        "--hide-scrollbars",
        f"--user-data-dir={folder / 'browser'}",
        *what,
        url,
    ]
    return subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, timeout=120, check=False
    ).stdout
