"""`python -m tests.drills.soak`: the default graph on the looped film, a kill now and then, and what grows.

Memory (RssAnon: a process's own) and descriptors of every process are sampled; a process that was started again
begins a new series. The slope of each series, after its first minute, is fitted by least squares.
"""

import argparse
import dataclasses
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

from framegraph.graph.reader import read_graph
from framegraph.view.observed import children_of

PROJECT = Path(__file__).resolve().parents[2]
SAMPLE_S = 2.0
SETTLE_S = 60.0
"""Libraries fill their caches at first; growth counts from here on."""
MIN_SERIES_S = 180.0
MAX_SLOPE_MB_PER_H = 20.0
"""Below this, 100 MB take five hours: a leak of a frame (1.3 MB) in 250 would show as twice as much."""


@dataclasses.dataclass
class Series:
    """One process over its life: (seconds, MB, descriptors)."""

    name: str
    samples: list[tuple[float, float, int]] = dataclasses.field(default_factory=list)

    @property
    def settled(self) -> np.ndarray:
        if not self.samples:
            return np.zeros((0, 3))
        samples = np.array(self.samples)
        return np.asarray(samples[samples[:, 0] >= samples[0, 0] + SETTLE_S])

    @property
    def length_s(self) -> float:
        return float(self.settled[-1, 0] - self.settled[0, 0]) if len(self.settled) else 0.0

    def slopes_per_h(self) -> tuple[float, float]:
        """Return growth an hour: MB, descriptors."""
        samples = self.settled
        hours = samples[:, 0] / 3600
        return float(np.polyfit(hours, samples[:, 1], 1)[0]), float(np.polyfit(hours, samples[:, 2], 1)[0])


def sample(pid: int) -> tuple[float, int] | None:
    """Return (MB of its own, descriptors) of a process, or None when it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
        descriptors = len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return None
    kilobytes = next((int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon:")), 0)
    return kilobytes / 1000, descriptors


def soak(minutes: float, kill_every_s: float, seed: int, victims: list[str], folder: Path) -> int:
    overrides = [
        f"camera.uri={PROJECT / 'samples/plaza.mp4'}",
        "camera.loop=true",
        f"film.location={folder / 'film.mp4'}",
        "film.preset=ultrafast",
        f"results.location={folder / 'results.jsonl'}",
    ]
    graph = read_graph(PROJECT / "pipeline.yaml", overrides)
    words = [word for override in overrides for word in ("--set", override)]
    launcher = subprocess.Popen(
        [sys.executable, str(PROJECT / "launcher.py"), str(PROJECT / "pipeline.yaml"), *words, "--quiet"]
    )
    chooser = random.Random(seed)
    series: dict[int, Series] = defaultdict(lambda: Series("launcher"))
    kills, start_s = 0, time.monotonic()
    next_kill_s = start_s + kill_every_s
    try:
        while (now_s := time.monotonic()) < start_s + 60 * minutes and launcher.poll() is None:
            alive = {pid: name for pid, name, _folder in children_of(launcher.pid)}
            for pid in [launcher.pid, *alive]:
                if pid not in series:
                    series[pid] = Series(alive.get(pid, "launcher"))
                found = sample(pid)
                if found is not None:
                    series[pid].samples.append((now_s - start_s, *found))
            if now_s >= next_kill_s:
                next_kill_s += kill_every_s
                targets = [pid for pid, name in alive.items() if name.split(".")[0] in victims]
                if targets:
                    os.kill(chooser.choice(sorted(targets)), signal.SIGKILL)
                    kills += 1
            time.sleep(SAMPLE_S)
        launcher.send_signal(signal.SIGINT)
        status = launcher.wait(300)
    finally:
        launcher.kill()
    return judge(list(series.values()), kills, status, graph.ledger_path)


def judge(series: list[Series], kills: int, status: int, ledger_path: Path | None) -> int:
    problems = [] if status == 130 else [f"exit status {status}"]
    print(
        "| process | minutes | MB | MB an hour | descriptors | an hour |\n| --- | --- | --- | --- | --- | --- |"
    )
    for one in series:
        if one.length_s < MIN_SERIES_S:
            continue
        memory, descriptors = one.slopes_per_h()
        last = one.settled[-1]
        print(
            f"| {one.name} | {one.length_s / 60:.1f} | {last[1]:.0f} | {memory:+.1f} | "
            f"{last[2]:.0f} | {descriptors:+.1f} |"
        )
        if memory > MAX_SLOPE_MB_PER_H:
            problems.append(f"{one.name} grows by {memory:.1f} MB an hour")
        if descriptors > 1:
            problems.append(f"{one.name} opens {descriptors:.1f} descriptors an hour")
    ledger = (
        json.loads(ledger_path.read_text()) if ledger_path and ledger_path.exists() else {"balanced": False}
    )
    if not ledger["balanced"]:
        problems.append("the ledger is not balanced")
    print(f"{kills} kills; ledger {ledger.get('sources')}; {'; '.join(problems) or 'flat and balanced'}")
    return 1 if problems else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--kill-every", type=float, default=20, help="seconds")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--victims",
        nargs="+",
        default=["crop", "results"],
        help="stages to kill; the others live long enough for their growth to be seen",
    )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soak-") as folder:
        return soak(options.minutes, options.kill_every, options.seed, options.victims, Path(folder))


if __name__ == "__main__":
    sys.exit(main())
