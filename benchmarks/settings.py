"""Amount of measurement, and the storage of results: each row as soon as it is done."""

import dataclasses
import importlib.metadata
import json
import os
import platform
import statistics
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.graphs import PROJECT
from framegraph.support.whole_files import write_whole

RESULTS = PROJECT / "out" / "bench" / "results.json"
PACKAGES = (
    "av",
    "imagezmq",
    "numpy",
    "onnxruntime",
    "opencv-python",
    "openvino",
    "pyzmq",
    "tensorflow",
    "torch",
)

Result = dict[str, Any]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Settings:
    """`repeats` of what is compared, in turns; `is_quick`: just enough to see that it works."""

    film: Path
    film_frames: int
    repeats: int
    is_quick: bool

    def scaled(self, frames: int) -> int:
        return max(60, frames // 10) if self.is_quick else frames


def median(values: list[float]) -> Result:
    """Return the median and the spread of repeated measurements."""
    return {"median": statistics.median(values), "low": min(values), "high": max(values), "n": len(values)}


def shown(found: Result, form: str = ".1f") -> str:
    """Return "median (low to high)"."""
    if found["n"] == 1:
        return format(found["median"], form)
    return f"{found['median']:{form}} ({found['low']:{form}} to {found['high']:{form}})"


def load(path: Path = RESULTS) -> dict[str, Result]:
    return json.loads(path.read_text()) if path.exists() else {}


def keep(name: str, result: Result, path: Path = RESULTS) -> None:
    """Put one row's result into the file, with the machine it is of."""
    results = load(path)
    results[name] = {**result, "machine": machine()}
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, json.dumps(results, indent=1).encode())


def machine() -> Result:
    """Return what the numbers depend on besides our code."""
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "?")
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    described = subprocess.run(
        ["git", "describe", "--always", "--dirty"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    return {
        "processor": model,
        "cores": len(os.sched_getaffinity(0)),
        "memory_gb": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9),
        "system": f"{platform.system()} {platform.release()}, Python {platform.python_version()}",
        "versions": versions,
        "commit": described.stdout.strip() or "?",
        "at": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "load_before": round(os.getloadavg()[0], 1),
    }
