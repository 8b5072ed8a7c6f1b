"""Row 6: memory by process at 1080p (PSS, shared pages counted once in all), and how long starting takes.

The default graph on a film of 1920x1080, with windows of 8 and 32; memory in the middle of the run.
"""

import statistics
import subprocess
import tempfile
import time
from fractions import Fraction
from pathlib import Path

from benchmarks.films import SAMPLE
from benchmarks.graphs import PROJECT, command_of, environment, run
from benchmarks.settings import Result, Settings, median, shown

TITLE = "Memory at 1080p, and starting"
WINDOWS = (0, 8, 32)
SIZE_WH = (1920, 1080)
FRAMES = 48
SAMPLES = 5
LIMIT_S = 180.0
BAR_BYTES, BAR_START_S = 1.2e9, 3.0


def measure(settings: Settings) -> Result:
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        film = enlarged(Path(folder) / "1080p.mp4")
        memory = {str(window): pss_by_process(film, window) for window in WINDOWS}
    commits: list[float] = []
    ready: dict[str, list[float]] = {}
    for _turn in range(settings.repeats):
        outcome = run(PROJECT / "pipeline.yaml", f"camera.uri={SAMPLE}", "camera.duration=2s")
        commits.append(outcome.first_commit_s)
        for stage, said in outcome.ledger["stages"].items():
            ready.setdefault(stage, []).append(said["ready_s"])
    return {
        "pss": memory,
        "first_commit_s": median(commits),
        "ready_s": {stage: median(values) for stage, values in ready.items()},
    }


def enlarged(path: Path) -> Path:
    """Write the first frames of the sample as a film of 1920x1080."""
    import av

    with av.open(str(SAMPLE)) as film, av.open(str(path), "w") as out:
        stream = out.add_stream("libx264", rate=10)
        stream.width, stream.height = SIZE_WH
        stream.pix_fmt, stream.time_base = "yuv420p", Fraction(1, 10)
        stream.options = {"preset": "ultrafast"}
        for number, frame in enumerate(film.decode(video=0)):
            if number == FRAMES:
                break
            bigger = frame.reformat(width=SIZE_WH[0], height=SIZE_WH[1])
            bigger.pts, bigger.time_base = number, Fraction(1, 10)
            out.mux(stream.encode(bigger))
        out.mux(stream.encode(None))
    return path


def pss_by_process(film: Path, window: int) -> Result:
    """Return bytes of PSS by process of a run of the default graph, the median of a few looks."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        overrides = (f"camera.uri={film}", "camera.loop=true", f"camera.window={window}")
        command = command_of(PROJECT / "pipeline.yaml", Path(folder), *overrides)
        launcher = subprocess.Popen(
            command, cwd=folder, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        try:
            results = Path(folder) / "out/results.jsonl"
            deadline_s = time.monotonic() + LIMIT_S
            while not results.exists() or results.read_bytes().count(b"\n") < FRAMES:
                if time.monotonic() > deadline_s or launcher.poll() is not None:
                    raise RuntimeError(f"{' '.join(command)}: no {FRAMES} frames came")
                time.sleep(0.2)
            looks = []
            for _look in range(SAMPLES):
                looks.append(_pss(launcher.pid))
                time.sleep(0.3)
        finally:
            launcher.terminate()
            launcher.wait(60)
    return {name: statistics.median(look.get(name, 0) for look in looks) for name in looks[0]}


def _pss(launcher: int) -> dict[str, int]:
    import psutil

    found = {}
    for process in [psutil.Process(launcher), *psutil.Process(launcher).children()]:
        command = process.cmdline()
        is_host = "framegraph.nodes.process" in command
        name = command[command.index("framegraph.nodes.process") + 1] if is_host else "launcher"
        found[name] = process.memory_full_info().pss
    return found


def describe(result: Result) -> list[str]:
    windows = list(result["pss"])
    heads = ["default" if window == "0" else window for window in windows]
    lines = [
        f"MB of PSS (bar for the default: {BAR_BYTES / 1e6:.0f} in all).",
        "",
        f"| process | {' | '.join(f'window {head}' for head in heads)} |",
        f"| --- |{' ---: |' * len(windows)}",
    ]
    for name in result["pss"][windows[0]]:
        cells = " | ".join(f"{result['pss'][window].get(name, 0) / 1e6:.0f}" for window in windows)
        lines.append(f"| {name} | {cells} |")
    sums = " | ".join(f"**{sum(result['pss'][window].values()) / 1e6:.0f}**" for window in windows)
    parts = ", ".join(f"{stage} {shown(found, '.2f')}" for stage, found in result["ready_s"].items())
    return [
        *lines,
        f"| all | {sums} |",
        "",
        f"First committed frame {shown(result['first_commit_s'], '.2f')} s after the command (bar "
        f"{BAR_START_S:g}). From a process's start until it runs, seconds: {parts}.",
    ]


def plot(result: Result, axes: object) -> None:
    bottom = [0.0] * len(result["pss"])
    windows = ["default" if window == "0" else window for window in result["pss"]]
    for name in next(iter(result["pss"].values())):
        heights = [found.get(name, 0) / 1e6 for found in result["pss"].values()]
        axes.bar(windows, heights, bottom=bottom, label=name)  # type: ignore[attr-defined]
        bottom = [low + height for low, height in zip(bottom, heights, strict=True)]
    axes.set_ylabel("MB of PSS")  # type: ignore[attr-defined]
    axes.set_xlabel("window")  # type: ignore[attr-defined]
    axes.legend(fontsize="small")  # type: ignore[attr-defined]
