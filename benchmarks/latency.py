"""Row 5: how long after its capture a frame is committed, at half of what the graph reaches.

The sum of service times: what detect, crop, classify and the film sink work on the frame, in the same run.
What is above it is waiting and transport. Frames of the first seconds wait until the stages have loaded and
what was captured meanwhile is worked off: they are left out, for they say how long a start takes (row 6).
"""

from typing import Any

import numpy as np

from benchmarks.graphs import run
from benchmarks.settings import Result, Settings, median, shown

TITLE = "Latency at half load"
BAR_MS = 15.0
START_S = 5.0
"""Frames captured within this time after the first are not counted."""
WORK = ("detect", "crop", "classify", "film")


def graph(film: str, fps: float, replicas: int) -> dict[str, Any]:
    return {
        "stages": {
            "camera": {"type": "benchmarks.cheap.Paced", "uri": film, "fps": fps},
            "detect": {"type": "detect", "replicas": replicas},
            "crop": {"type": "crop", "model": "v2_da"},
            "classify": {"type": "classify", "model": "v2_da"},
            "film": {"type": "benchmarks.cheap.TimedFilm", "location": "out/film.mp4"},
        },
        "links": ["camera ! detect ! crop ! classify ! film"],
    }


def measure(settings: Settings) -> Result:
    film, replicas = str(settings.film), 2
    full = [run(graph(film, 10_000.0, replicas)).fps for _turn in range(1 if settings.is_quick else 3)]
    fps = median(full)["median"] / 2
    found: dict[str, list[float]] = {}
    for _turn in range(settings.repeats):
        outcome = run(graph(film, fps, replicas))
        captured_s, latencies_ms = np.array(outcome.others["film"]).T
        latencies_ms = latencies_ms[captured_s > captured_s[0] + START_S]
        for percent in (50, 95, 99):
            found.setdefault(f"p{percent}", []).append(float(np.percentile(latencies_ms, percent)))
        found.setdefault("service", []).append(sum(outcome.busy_ms(stage) for stage in WORK))
        found.setdefault("over", []).append(found["p95"][-1] - found["service"][-1])
    return {"fps": fps, "replicas": replicas, **{name: median(values) for name, values in found.items()}}


def describe(result: Result) -> list[str]:
    return [
        f"pipeline-classic's film branch, detect.replicas {result['replicas']}, a camera of "
        f"{result['fps']:.1f} frames/s (half of what it reaches); milliseconds from capture to commit, "
        f"without the first {START_S:g} s of each run, in which stages load.",
        "",
        "| p50 | p95 | p99 | sum of service times | p95 less that |",
        "| ---: | ---: | ---: | ---: | ---: |",
        f"| {shown(result['p50'])} | {shown(result['p95'])} | {shown(result['p99'])} | "
        f"{shown(result['service'])} | {shown(result['over'])}, bar {BAR_MS:g} |",
    ]


def plot(result: Result, axes: object) -> None:
    names = ("service", "p50", "p95", "p99")
    axes.bar(names, [result[name]["median"] for name in names])  # type: ignore[attr-defined]
    axes.set_ylabel("ms")  # type: ignore[attr-defined]
