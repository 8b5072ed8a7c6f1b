"""Snapshots of a run: rows for the live table and `list`, made from counters, never from frames. Every
figure of a process is as old as its last report; an old one is not shown as if it were new."""

import dataclasses
import time
from typing import Any

from framegraph.frames.ledger import Ledger
from framegraph.run_files.ledgers import Ledgers
from framegraph.supervisor.replica import Child
from framegraph.supervisor.state import RUNNING, RunState
from framegraph.support.histogram import Histogram
from framegraph.support.texts import in_one_line

RATE_WINDOW_S = 2.0
STALE_AFTER_S = 2.0
"""A process reports twice a second; after this its rates are unknown."""
STARVED_AFTER_S = 3.0
"""A source that captures, but has no frame done for this long, is starved by other sources or by stages."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class StageRow:
    """One stage: `state` of its replicas, frames answered, rate, service time, packets that wait."""

    name: str
    state: str
    frames: int
    fps: float | None
    ms_per_frame: float
    waiting: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class ReplicaRow:
    """One process. `age_s` is the age of its figures; `fps` is None when they are too old."""

    name: str
    kind: str
    pid: int
    state: str
    frames: int
    fps: float | None
    waiting: int
    memory_bytes: int
    age_s: float | None


@dataclasses.dataclass(frozen=True, kw_only=True)
class SourceRow:
    """One source: its ledger, rates of capture and delivery, its progress (0..1) and time left, where known.
    `starved_s` is how long none of its frames was done, once that is too long."""

    name: str
    state: str
    priority: int
    ledger: Ledger
    captured_fps: float | None
    delivered_fps: float
    starved_s: float | None
    progress: float | None
    left_s: float | None
    age_s: float | None
    p95_ms: float | None
    """From capture to commit, at the slowest of its sinks."""

    @property
    def state_words(self) -> str:
        return f"{self.state}, starved {self.starved_s:.0f} s" if self.starved_s is not None else self.state


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunSnapshot:
    """All rows of one moment."""

    stages: list[StageRow]
    replicas: list[ReplicaRow]
    sources: list[SourceRow]


def health(run: RunState, source: str) -> dict[str, Any]:
    """Return a live source's last health (see stage.Health); {} for a file, and at first."""
    said = [run.ended_sources.get(source, {}), *(child.statistics for child in run.replicas(source))]
    return next((one["health"] for one in said if one.get("health")), {})


class Observer:
    """A maker of rows from a run, with a little history for rates."""

    def __init__(self, ledgers: Ledgers) -> None:
        self.last = RunSnapshot(stages=[], replicas=[], sources=[])
        self._ledgers = ledgers
        self._history: dict[str, list[tuple[float, float]]] = {}
        self._moved: dict[str, tuple[int, float]] = {}
        self._seen: set[str] = set()

    def look(self, run: RunState) -> RunSnapshot:
        """Return the current snapshot of a run; call it a few times a second."""
        self._seen = set()
        self.last = RunSnapshot(
            stages=self._stages(run), replicas=self._replicas(run), sources=self._sources(run)
        )
        for name in self._history.keys() - self._seen:
            del self._history[name]
        for name in self._moved.keys() - self._seen:
            del self._moved[name]
        return self.last

    def _stages(self, run: RunState) -> list[StageRow]:
        rows = []
        for stage in run.graph.stages.values():
            children = run.replicas(stage.name)
            frames = run.total(stage.name, "frames")
            busy_s = run.total(stage.name, "busy_s")
            rate = self._rate(stage.name, frames)
            rows.append(
                StageRow(
                    name=stage.name,
                    state=" ".join(_state(run, child) for child in children),
                    frames=int(frames),
                    fps=None if children and all(_is_stale(child) for child in children) else rate,
                    ms_per_frame=1000 * busy_s / frames if frames else 0.0,
                    waiting=int(sum(child.statistics.get("waiting") or 0 for child in children)),
                )
            )
        return rows

    def _replicas(self, run: RunState) -> list[ReplicaRow]:
        rows = []
        for child in run.children.values():
            frames = child.total("frames")
            rate = self._rate(f"replica {child.name}", frames)
            rows.append(
                ReplicaRow(
                    name=child.name,
                    kind=run.graph.stages[child.stage].kind if child.stage in run.graph.stages else "",
                    pid=child.pid,
                    state=_state(run, child),
                    frames=int(frames),
                    fps=None if _is_stale(child) else rate,
                    waiting=int(child.statistics.get("waiting") or 0),
                    memory_bytes=child.memory_bytes(),
                    age_s=_age_s(child),
                )
            )
        return rows

    def _sources(self, run: RunState) -> list[SourceRow]:
        rows = []
        for source in run.graph.of_kind("source"):
            child = next(iter(run.replicas(source.name)), None)
            if child is None:
                continue
            ledger = self._ledgers.read(source.name)
            length = child.statistics.get("length")
            done = ledger.captured - ledger.in_flight
            rate = self._rate(f"source {source.name}", done)
            captured_fps = self._rate(f"capture {source.name}", ledger.captured)
            has_ended = source.name in run.ended_sources
            starved_s = self._starved_s(source.name, ledger)
            rows.append(
                SourceRow(
                    name=source.name,
                    state="eos" if has_ended else _source_state(run, child),
                    priority=source.common.priority,
                    ledger=ledger,
                    captured_fps=None if _is_stale(child) else captured_fps,
                    delivered_fps=self._rate(f"delivered {source.name}", ledger.delivered),
                    starved_s=None if has_ended or run.phase != RUNNING else starved_s,
                    progress=min(1.0, done / length) if length else None,
                    left_s=max(0, length - done) / rate if length and rate else None,
                    age_s=_age_s(child),
                    p95_ms=_p95_ms(run, source.name),
                )
            )
        return rows

    def _starved_s(self, name: str, ledger: Ledger) -> float | None:
        """Return how long no frame was delivered or failed while some were captured; dropping is not
        progress."""
        key, now_s = f"source {name}", time.monotonic()
        done = ledger.delivered + sum(ledger.failed.values())
        known, since_s = self._moved.get(key, (-1, now_s))
        if done != known or not ledger.in_flight:
            self._moved[key] = (done, now_s)
            return None
        return now_s - since_s if now_s - since_s > STARVED_AFTER_S else None

    def _rate(self, name: str, count: float) -> float:
        now_s = time.monotonic()
        self._seen.add(name)
        history = self._history.setdefault(name, [])
        history.append((now_s, count))
        while len(history) > 2 and history[0][0] < now_s - RATE_WINDOW_S:
            del history[0]
        elapsed_s = now_s - history[0][0]
        return max(0.0, (count - history[0][1]) / elapsed_s) if elapsed_s > 0 else 0.0


def _state(run: RunState, child: Child) -> str:
    if (child.stage, child.replica) in run.leaving:
        return "leaving"
    return "detaching" if child.stage in run.detaching else child.state


def _source_state(run: RunState, child: Child) -> str:
    """Return the state of a source's process or, while that runs, of its connection."""
    state, said = _state(run, child), health(run, child.stage)
    if state != "running" or not said:
        return state
    next_try = f", next try in {said['next_try_s']:.0f} s" if said["next_try_s"] else ""
    cause = f" ({in_one_line(said['cause'])}{next_try})" if said["cause"] else ""
    return f"{said['state']}{cause}"


def _p95_ms(run: RunState, source: str) -> float | None:
    tallies = [child.statistics.get("tallies") or {} for child in run.children.values()]
    found = [
        Histogram(tally[source]["committed_after"]).quantile_ms(0.95) for tally in tallies if source in tally
    ]
    return max((value for value in found if value is not None), default=None)


def _age_s(child: Child) -> float | None:
    return time.monotonic() - child.heard_s if child.heard_s else None


def _is_stale(child: Child) -> bool:
    age_s = _age_s(child)
    return age_s is None or age_s > STALE_AFTER_S
