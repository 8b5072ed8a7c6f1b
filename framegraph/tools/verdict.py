"""The verdict of a drill: the outputs of its run compared with the ledger."""

import dataclasses
import json
import statistics
from typing import Any

from framegraph.graph.model import Graph
from framegraph.graph.registry import writes_file
from framegraph.stage import FileSink


@dataclasses.dataclass
class Verdict:
    """The result of a drill. Times in seconds from a fault to the next committed frame."""

    seed: int
    faults: list[str] = dataclasses.field(default_factory=list)
    recoveries_s: list[float] = dataclasses.field(default_factory=list)
    by_stage: dict[str, list[tuple[float, float]]] = dataclasses.field(default_factory=dict)
    """For kills of one named process, per stage: (seconds from the kill to the first frame committed after
    its successor was ready, seconds that the successor took to be ready)."""
    lost: int = 0
    doubled: int = 0
    problems: list[str] = dataclasses.field(default_factory=list)

    @property
    def passed(self) -> bool:
        return not self.problems and not self.lost and not self.doubled

    def describe(self) -> str:
        times = "no frame after the last fault"
        if self.recoveries_s:
            median_s, worst_s = statistics.median(self.recoveries_s), max(self.recoveries_s)
            times = f"recovery median {median_s:.2f} s, worst {worst_s:.2f} s"
        beyond = [recovery - start for times in self.by_stage.values() for recovery, start in times]
        if beyond:
            median_s, worst_s = statistics.median(beyond), max(beyond)
            times += f" (beyond the start of the stage {median_s:.2f} s, worst {worst_s:.2f} s)"
        verdict = "passed" if self.passed else "FAILED: " + "; ".join(self.problems)
        return f"{len(self.faults)} faults, {self.lost} lost, {self.doubled} doubled, {times}: {verdict}"


def judge(graph: Graph, verdict: Verdict) -> None:
    """Compare the outputs of a run that has ended with its ledger."""
    path = graph.ledger_path
    if path is None or not path.exists():
        verdict.problems.append("there is no ledger")
        return
    ledger: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    if not ledger["balanced"]:
        verdict.problems.append("the ledger is not balanced")
    for (sink, source), location in graph.locations().items():
        stage = graph.stages[sink].stage
        if not (writes_file(stage) and issubclass(stage, FileSink)):
            continue
        sums = ledger["sources"][source]
        if not sums["captured"] and not location.exists():
            continue  # nothing came, and nothing was written
        if sums["in_flight"]:
            verdict.problems.append(f"{sums['in_flight']} frames of {source} are in flight at the end")
        try:
            count = stage.count(location)
        except (ValueError, OSError) as error:
            verdict.problems.append(str(error))
            continue
        if count is None:
            continue
        lost, doubled = lost_and_doubled(sums, count)
        verdict.lost += lost
        verdict.doubled += doubled


def lost_and_doubled(sums: dict[str, Any], count: int) -> tuple[int, int]:
    """Return the numbers of missing and of surplus frames in an output of `count` frames of a source with
    the ledger `sums`."""
    dropped = sums["dropped"]
    most = sums["captured"] - sum(dropped.get(word, 0) for word in ("leaky", "late", "undecodable"))
    # Of the frames that a stop flushed, those that had been sent are in the output, the others are not.
    least = most - dropped.get("flushed", 0)
    return max(0, least - count), max(0, count - most)
