"""Row 1: frames a second on a film, between the first and the last written frame, side by side.

The variants take turns, so that what else the machine does meets all of them. All use the sample's frames,
the same detector and the same classifier; what differs stands in the table.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.graphs import PROJECT, environment, run
from benchmarks.settings import Result, Settings, median, shown

TITLE = "Throughput"
LIMIT_S = 900
NOT_HERE = 3
GRAPH = "the graph"
LOOPS = {
    "original": (
        "the original's loop",
        "640x480, TensorFlow, torch, one person at a time, medium, all threads",
    ),
    "same_engine": (
        "the same loop, our engine",
        "640x480, OpenVINO on one thread, one person at a time, veryfast",
    ),
    "mp_queue": ("multiprocessing.Queue", "four processes, engine and preset as the graph"),
    "threads": ("threads and queues", "four threads, engine and preset as the graph"),
    "imagezmq_chain": ("imagezmq", "four processes, REQ/REP, engine and preset as the graph"),
    "gstreamer": (
        "GStreamer",
        "its decoder and encoder around appsink and appsrc, engine and preset as the graph",
    ),
}
BARS = {"original": 3.0, "same_engine": 1.6}
IN_BFLOAT16 = "the graph in bfloat16"
"""Not every CPU has it, and its boxes differ slightly: an additional row that no bar applies to."""


def measure(settings: Settings) -> Result:
    fps: dict[str, list[float]] = {name: [] for name in (*LOOPS, GRAPH)}
    people: dict[str, int] = {}
    left_out: dict[str, str] = {}
    for _turn in range(settings.repeats):
        for name in LOOPS:
            if name in left_out:
                continue
            said, reason = run_loop(name, settings.film)
            if said is None:
                left_out[name] = reason
                continue
            check_frames(name, said["frames"], settings.film_frames)
            fps[name].append(said["fps"])
            people[name] = said["people"]
        outcome = run(PROJECT / "pipeline-classic.yaml", *graph_settings(settings.film))
        check_frames(GRAPH, outcome.delivered, settings.film_frames)
        fps[GRAPH].append(outcome.fps)
        people[GRAPH] = outcome.people
        if IN_BFLOAT16 in left_out:
            continue
        try:
            outcome = run(
                PROJECT / "pipeline-classic.yaml",
                *graph_settings(settings.film),
                "detect.precision=bfloat16",
                "classify.precision=bfloat16",
            )
        except RuntimeError as error:
            left_out[IN_BFLOAT16] = str(error).splitlines()[-1]
            continue
        check_frames(IN_BFLOAT16, outcome.delivered, settings.film_frames)
        fps.setdefault(IN_BFLOAT16, []).append(outcome.fps)
        people[IN_BFLOAT16] = outcome.people
    ratios = {
        name: median([ours / theirs for ours, theirs in zip(fps[GRAPH], values, strict=True)])
        for name, values in fps.items()
        if values and name in LOOPS
    }
    return {
        "film": settings.film.name,
        "frames": settings.film_frames,
        "fps": {name: median(values) for name, values in fps.items() if values},
        "ratio": ratios,
        "people": people,
        "left_out": left_out,
    }


def graph_settings(film: Path) -> list[str]:
    """The classic graph on a film, with as many replicas as its plan advises on this machine."""
    return [f"camera.uri={film}", "detect.replicas=auto"]


def run_loop(name: str, film: Path) -> tuple[Result | None, str]:
    """Run a comparator; None and the reason if it cannot run here. RuntimeError if it fails."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        command = [sys.executable, "-m", f"benchmarks.loops.{name}", str(film), f"{folder}/film.mp4"]
        done = subprocess.run(
            command, env=environment(), capture_output=True, text=True, check=False, timeout=LIMIT_S
        )
        if done.returncode == NOT_HERE:
            return None, done.stderr.strip().splitlines()[-1]
        if done.returncode != 0:
            raise RuntimeError(f"{' '.join(command)}: status {done.returncode}\n{done.stderr}")
        said: Result = json.loads(done.stdout.splitlines()[-1])
        return said, ""


def check_frames(name: str, found: int, wanted: int) -> None:
    if found != wanted:
        raise RuntimeError(f"{name} wrote {found} frames, the film has {wanted}")


def describe(result: Result) -> list[str]:
    lines = [
        f"{result['film']}, {result['frames']} frames each; frames a second between the first and the last "
        "frame, median (lowest to highest), and how many times as many the graph makes.",
        "",
        "| way | how | frames/s | graph / it | people found |",
        "| --- | --- | ---: | ---: | ---: |",
    ]
    for name, (title, how) in LOOPS.items():
        if name in result["fps"]:
            bar = f", bar {BARS[name]}" if name in BARS else ""
            lines.append(
                f"| {title} | {how} | {shown(result['fps'][name])} "
                f"| {shown(result['ratio'][name], '.2f')}{bar} | {result['people'][name]} |"
            )
        else:
            lines.append(f"| {title} | not measured: {result['left_out'][name]} | | | |")
    lines.append(
        f"| **the graph** | pipeline-classic.yaml, detect.replicas: auto | {shown(result['fps'][GRAPH])} | | "
        f"{result['people'][GRAPH]} |"
    )
    if IN_BFLOAT16 in result["fps"]:
        times = result["fps"][IN_BFLOAT16]["median"] / result["fps"]["original"]["median"]
        lines.append(
            f"| {IN_BFLOAT16} | the same, with precision: bfloat16 of detect and classify; {times:.2f} times "
            f"the original's loop | {shown(result['fps'][IN_BFLOAT16])} | | {result['people'][IN_BFLOAT16]} |"
        )
    return lines


def plot(result: Result, axes: object) -> None:
    names = [*LOOPS, GRAPH, IN_BFLOAT16]
    shown_names = [name for name in names if name in result["fps"]]
    values = [result["fps"][name]["median"] for name in shown_names]
    titles = [LOOPS[name][0] if name in LOOPS else name for name in shown_names]
    axes.barh(titles, values)  # type: ignore[attr-defined]
    axes.set_xlabel("frames/s")  # type: ignore[attr-defined]
    axes.invert_yaxis()  # type: ignore[attr-defined]
