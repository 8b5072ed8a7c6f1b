"""Row 4: the graph itself, with a detector that sleeps instead of computing: 640x360, nothing written.

Efficiency: frames a second against replicas / sleep. Streams: each of its own process, at a fixed pace of the
detector; all share 32 replicas.
"""

from typing import Any

from benchmarks.graphs import run
from benchmarks.settings import Result, Settings

TITLE = "Scaling, with sleeping detectors"
SLEEP_MS = 20.0
REPLICAS = (1, 2, 3, 4, 8, 16, 32)
STREAMS = (1, 2, 4, 8, 16, 32)
SHARED_REPLICAS = 16
SECONDS = 6.0
BAR_EFFICIENCY, BAR_FPS = 0.9, 1000


def graph(replicas: int, streams: int, seconds: float, sleep_ms: float = SLEEP_MS) -> dict[str, Any]:
    sources = [f"blank{number}" for number in range(streams)]
    blank = {"type": "benchmarks.cheap.Blank", "frames": 10**6, "seconds": seconds}
    return {
        "stages": {
            **dict.fromkeys(sources, blank),
            "sleep": {"type": "benchmarks.cheap.Sleep", "replicas": replicas, "sleep-ms": sleep_ms},
            "nowhere": {"type": "benchmarks.cheap.Nowhere"},
        },
        "links": [*(f"{name} ! sleep" for name in sources), "sleep ! nowhere"],
    }


def measure(settings: Settings) -> Result:
    seconds = 2.0 if settings.is_quick else SECONDS
    replicas, streams = (1, 4) if settings.is_quick else REPLICAS, (1, 4) if settings.is_quick else STREAMS
    by_replicas = {}
    for count in replicas:
        outcome = run(graph(count, 1, seconds))
        by_replicas[str(count)] = {
            "fps": outcome.fps,
            "efficiency": outcome.fps / (1000 / SLEEP_MS * count),
            "cpu_us": {stage: outcome.cpu_us(stage) for stage in ("blank0", "sleep", "nowhere")},
        }
    by_streams = {}
    for count in streams:
        outcome = run(graph(SHARED_REPLICAS, count, seconds))
        by_streams[str(count)] = {
            "fps": outcome.fps,
            "efficiency": outcome.fps / (1000 / SLEEP_MS * SHARED_REPLICAS),
        }
    # No pause at all: what stops it then is the graph.
    fastest = max(run(graph(count, 1, seconds, 0.0)).fps for count in (1, 2))
    return {"replicas": by_replicas, "streams": by_streams, "fastest_fps": fastest}


def describe(result: Result) -> list[str]:
    lines = [
        f"Each packet sleeps {SLEEP_MS:g} ms; efficiency is against replicas x {1000 / SLEEP_MS:g} frames/s.",
        "",
        "| replicas | frames/s | efficiency | CPU µs a frame: source, replica, sink |",
        "| ---: | ---: | ---: | --- |",
    ]
    for count, found in result["replicas"].items():
        cpu = ", ".join(f"{value:.0f}" for value in found["cpu_us"].values())
        lines.append(f"| {count} | {found['fps']:.0f} | {found['efficiency']:.1%} | {cpu} |")
    lines += [
        "",
        f"| streams into {SHARED_REPLICAS} replicas | frames/s in all | efficiency |",
        "| ---: | ---: | ---: |",
    ]
    lines += [
        f"| {count} | {found['fps']:.0f} | {found['efficiency']:.1%} |"
        for count, found in result["streams"].items()
    ]
    lines += [
        "",
        f"Without any pause: {result['fastest_fps']:.0f} frames/s. Bars: {BAR_EFFICIENCY:.0%} at 16 "
        f"replicas, {BAR_FPS} frames/s.",
    ]
    return lines


def plot(result: Result, axes: object) -> None:
    counts = [int(count) for count in result["replicas"]]
    fps = [found["fps"] for found in result["replicas"].values()]
    axes.plot(counts, fps, marker="o", label="measured")  # type: ignore[attr-defined]
    axes.plot(counts, [1000 / SLEEP_MS * n for n in counts], "--", label="ideal")  # type: ignore[attr-defined]
    axes.set_xlabel("replicas")  # type: ignore[attr-defined]
    axes.set_ylabel("frames/s")  # type: ignore[attr-defined]
    axes.legend()  # type: ignore[attr-defined]
