"""The fault drills on the sample film: `make drill`, and `make drill-long`, which goes on where it stopped.

Each scenario is a `launcher.py drill` of the default graph on the looped film, with a seed of its own. What
they have come to is kept outside the tree and written as the table of docs/guarantees.md.
"""

import argparse
import dataclasses
import json
import os
import platform
import statistics
import sys
import tempfile
import time
from pathlib import Path

from framegraph.graph.reader import read_graph
from framegraph.support.whole_files import write_whole
from framegraph.tools.drill import Drill
from framegraph.tools.verdict import Verdict

PROJECT = Path(__file__).resolve().parents[2]
STATE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "fashion-pipeline" / "drills.json"
LONG_KILLS = 1000
BEGIN, END = "<!-- drills -->", "<!-- end of drills -->"


@dataclasses.dataclass(frozen=True)
class Scenario:
    """A row of the table: which faults, how many in one run, and properties that make them quick to show."""

    name: str
    faults: tuple[str, ...]
    times: int
    max_pause_s: float = 0.8
    properties: tuple[str, ...] = ()
    is_long: bool = False


SHORT_HEARTBEATS = tuple(
    f"{stage}.heartbeat=1"
    for stage in ("camera", "detect", "track", "crop", "classify", "settle", "film", "results")
)
SCENARIOS = (
    Scenario("kill the source", ("kill:camera",), 14),
    Scenario(
        "kill a detector of two", ("kill:detect.0", "kill:detect.1"), 14, properties=("detect.replicas=2",)
    ),
    Scenario("kill the only detector", ("kill:detect",), 14),
    Scenario("kill track", ("kill:track",), 14),
    Scenario("kill crop", ("kill:crop",), 14),
    Scenario("kill classify", ("kill:classify",), 14),
    Scenario("kill settle", ("kill:settle",), 14),
    Scenario("kill the film sink", ("kill:film",), 14),
    Scenario("kill the results sink", ("kill:results",), 14),
    Scenario("kill two at once", ("kill:any+any",), 12),
    Scenario("kill one, and its successor as it starts", ("again:detect", "again:film", "again:camera"), 9),
    Scenario("kill any, close together", ("kill:any",), 40, max_pause_s=0.3),
    Scenario("kill any, 200 times in one run", ("kill:any",), 200, max_pause_s=0.5, is_long=True),
    Scenario("stop any (a hang)", ("stop:any",), 8, properties=SHORT_HEARTBEATS),
)


def run_scenario(scenario: Scenario, seed: int) -> Verdict:
    """Carry out one scenario in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="drill-") as folder:
        out = Path(folder)
        overrides = [
            f"camera.uri={PROJECT / 'samples/plaza.mp4'}",
            "camera.loop=true",
            f"film.location={out / 'film.mp4'}",
            "film.preset=ultrafast",
            f"results.location={out / 'results.jsonl'}",
            *scenario.properties,
        ]
        graph = read_graph(PROJECT / "pipeline.yaml", overrides)
        words = [word for override in overrides for word in ("--set", override)]
        drill = Drill(
            graph,
            [sys.executable, str(PROJECT / "launcher.py"), str(PROJECT / "pipeline.yaml"), *words],
            list(scenario.faults),
            times=scenario.times,
            seed=seed,
        )
        return drill.go(max_pause_s=scenario.max_pause_s, stop_at_end=True)


def load() -> dict[str, list[dict]]:
    return json.loads(STATE.read_text()) if STATE.exists() else {}


def save(state: dict[str, list[dict]]) -> None:
    STATE.parent.mkdir(parents=True, exist_ok=True)
    write_whole(STATE, json.dumps(state).encode())


def kills(state: dict[str, list[dict]]) -> int:
    return sum(
        not fault.startswith("stop") for runs in state.values() for run in runs for fault in run["faults"]
    )


def table(state: dict[str, list[dict]]) -> str:
    """Return the table of all runs so far, as Markdown."""
    rows = [
        "| drill | runs | faults | lost | doubled | recovery median | worst |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for name, runs in state.items():
        times = [time_s for run in runs for time_s in run["recoveries_s"]]
        recovery = f"{statistics.median(times):.2f} s | {max(times):.2f} s" if times else "- | -"
        sums = " | ".join(
            str(count)
            for count in (
                len(runs),
                sum(len(run["faults"]) for run in runs),
                sum(run["lost"] for run in runs),
                sum(run["doubled"] for run in runs),
            )
        )
        rows.append(f"| {name} | {sums} | {recovery} |")
    rows += ["", *recovery_table(state)]
    machine = f"{os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}"
    rows.append(f"\n{kills(state)} kills in all; {machine}; {time.strftime('%Y-%m-%d')}.")
    return "\n".join(rows)


def recovery_table(state: dict[str, list[dict]]) -> list[str]:
    """Return, per stage, how long it takes to start and how much longer a recovery takes than that."""
    by_stage: dict[str, list[tuple[float, float]]] = {}
    for runs in state.values():
        for run in runs:
            for stage, times in run.get("by_stage", {}).items():
                by_stage.setdefault(stage, []).extend(times)
    if not by_stage:
        return []
    rows = [
        "| stage | kills | its start, median | worst | recovery beyond its start, median | worst |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for stage, times in by_stage.items():
        starts = [start_s for _recovery_s, start_s in times]
        beyond = [recovery_s - start_s for recovery_s, start_s in times]
        numbers = (statistics.median(starts), max(starts), statistics.median(beyond), max(beyond))
        rows.append(f"| {stage} | {len(times)} | " + " | ".join(f"{value:.2f} s" for value in numbers) + " |")
    return rows


def write_table(state: dict[str, list[dict]], path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    before, _begin, rest = text.partition(BEGIN)
    _old, _end, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n{table(state)}\n{END}{after}", encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--long", action="store_true", help=f"go on until {LONG_KILLS} kills are reached in all"
    )
    parser.add_argument(
        "--seed", type=int, default=int(time.time()) % 100_000, help="seed of the first scenario"
    )
    parser.add_argument("--only", help="a word of the name of the scenarios to run")
    options = parser.parse_args()
    state = load() if options.long else {}
    seed, failed = options.seed, 0
    while True:
        for scenario in SCENARIOS:
            if scenario.is_long and not options.long:
                continue
            if options.only and options.only not in scenario.name:
                continue
            verdict = run_scenario(scenario, seed)
            print(f"{scenario.name}, seed {seed}: {verdict.describe()}", flush=True)
            failed += not verdict.passed
            state.setdefault(scenario.name, []).append(dataclasses.asdict(verdict))
            if options.long:
                save(state)
            seed += 1
        if not options.long or kills(state) >= LONG_KILLS:
            break
    print(table(state))
    if options.long:
        write_table(state, PROJECT / "docs" / "guarantees.md")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
