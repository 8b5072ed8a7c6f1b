"""Figures from sampled frames: where frames spend their time by stage, and which frames were sampled."""

import dataclasses
import math
import statistics
from collections import defaultdict
from typing import Any

from framegraph.errors import GraphError
from framegraph.traces.timeline import spans_of

COLUMNS = {
    "transport": "transport",
    "waiting": "waiting",
    "service": "service",
    "waiting for the window": "held back",
    "waiting for credit": "held back",
}
"""{kind of span: column of the table}; held back: done here, but the stages after it have no room."""

MAX_ROWS = 12
"""Limit of the table; a graph with more stages shows those where frames spend the most time."""


@dataclasses.dataclass(frozen=True)
class Times:
    """Times that frames spent in one way at one stage, in milliseconds; quantiles by the nearest rank."""

    n: int
    p50: float
    p95: float

    @classmethod
    def of(cls, took_ms: list[float]) -> "Times":
        took_ms = sorted(took_ms)
        ranks = [took_ms[math.ceil(share * len(took_ms)) - 1] for share in (0.5, 0.95)]
        return cls(len(took_ms), *(round(value, 3) for value in ranks))


def frame_times(trace: dict[str, Any]) -> dict[str, Any]:
    """Return {"every", "frames", "stages": {stage: {"transport", "waiting", "service", "held back": {n, p50,
    p95} in milliseconds}}}, the stages in the order in which frames reach them.

    Frames that were noted only because they were tried again are left out: they are not typical.
    """
    every = int(trace["otherData"]["every"])
    took_ms: defaultdict[str, defaultdict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    after_ms: defaultdict[str, list[float]] = defaultdict(list)
    counted = 0
    for (_source, seq), spans in frames_of(trace).items():
        if not every or seq % every:
            continue
        counted += 1
        start = min(span["ts"] for span in spans)
        for span in spans:
            stage = span["args"]["process"].partition(".")[0]
            took_ms[stage][COLUMNS[span["cat"]]].append(span["dur"] / 1e3)
            after_ms[stage].append(span["ts"] - start)
    order = sorted(took_ms, key=lambda stage: statistics.median(after_ms[stage]))
    stages = {
        stage: {column: dataclasses.asdict(Times.of(values)) for column, values in took_ms[stage].items()}
        for stage in order
    }
    return {"every": every, "frames": counted, "stages": stages}


def describe_times(times: dict[str, Any]) -> list[str]:
    """Return the table of `frame_times`, line by line; nothing when no frame was sampled."""
    stages: dict[str, dict[str, dict[str, float]]] = times["stages"]
    if not stages:
        return []
    heaviest = sorted(stages, key=lambda stage: sum(one["p50"] for one in stages[stage].values()))
    shown = set(heaviest[-MAX_ROWS:])
    width = max(5, *map(len, shown))
    columns = list(dict.fromkeys(COLUMNS.values()))
    lines = [
        f"milliseconds of a frame, p50 and p95 (frames sampled: {times['frames']}):",
        f"  {'stage':{width}s}" + "".join(f" {column:>15s}" for column in columns),
    ]
    for stage, found in stages.items():
        if stage in shown:
            lines.append(
                f"  {stage:{width}s}" + "".join(f" {_cell(found.get(column)):>15s}" for column in columns)
            )
    if len(stages) > len(shown):
        lines.append(f"  and {len(stages) - len(shown)} stages where frames spent less time")
    return lines


def _cell(times: dict[str, float] | None) -> str:
    return f"{times['p50']:.1f} {times['p95']:7.1f}" if times else "-"


def frames_of(trace: dict[str, Any]) -> dict[tuple[str, int], list[dict[str, Any]]]:
    """Return {(source, seq): spans} of a trace."""
    found: defaultdict[tuple[str, int], list[dict[str, Any]]] = defaultdict(list)
    for span in spans_of(trace):
        source, _colon, seq = span["args"]["frame"].rpartition(":")
        found[source, int(seq)].append(span)
    return dict(found)


def newest_frame(trace: dict[str, Any]) -> str:
    """Return the newest frame that reached the end of its path, else the one that came furthest. GraphError
    when there is none."""
    frames = frames_of(trace)
    if not frames:
        raise GraphError("no frame has been sampled yet; try again when the graph has delivered some")
    done: defaultdict[str, set[str]] = defaultdict(set)
    held: defaultdict[str, set[str]] = defaultdict(set)
    for (source, _seq), spans in frames.items():
        for span in spans:
            into = {"service": done, "held back": held}.get(COLUMNS[span["cat"]])
            if into is not None:
                into[source].add(span["args"]["process"].partition(".")[0])

    def rank(key: tuple[str, int]) -> tuple[float, float]:
        # A stage that finishes frames and never sends one on is the end of their path.
        ends = done[key[0]] - held[key[0]]
        reached = {
            span["args"]["process"].partition(".")[0] for span in frames[key] if span["cat"] == "service"
        }
        return len(ends & reached) / max(1, len(ends)), min(span["ts"] for span in frames[key])

    source, seq = max(frames, key=rank)
    return f"{source}:{seq}"


def refuse_unsampled(trace: dict[str, Any], frame: str) -> None:
    """Raise GraphError, listing the samples, when a running graph has no sample of `frame`."""
    frames = frames_of(trace)
    source, _colon, seq = frame.rpartition(":")
    if not (source and seq.isdecimal()):
        raise GraphError(f"--frame {frame}: expected SOURCE:SEQ, e.g. source:25")
    if (source, int(seq)) in frames:
        return
    known = sorted(number for name, number in frames if name == source)
    if not known:
        sources = ", ".join(sorted({name for name, _seq in frames})) or "none yet"
        raise GraphError(f"--frame {frame}: no frame of '{source}' was sampled; of these were: {sources}")
    nearest = min(known, key=lambda number: abs(number - int(seq)))
    raise GraphError(
        f"--frame {frame}: it was not sampled, or has given way to newer ones; of {source} there are "
        f"{len(known)} from {known[0]} to {known[-1]}, the nearest is {source}:{nearest}; "
        "a run with --trace FILE keeps every frame"
    )
