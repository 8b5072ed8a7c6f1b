"""What a run looks like at one moment: rows for the live table, made from counters, never from frames."""

import dataclasses
import time

from runtime.custody.ledger import Ledger
from runtime.launch.ledgers import Ledgers
from runtime.launch.run import Run

RATE_WINDOW_S = 2.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class StageRow:
    """One stage: `state` of its replicas, frames answered, rate, service time, packets that wait."""

    name: str
    state: str
    frames: int
    fps: float
    ms_per_frame: float
    waiting: int


@dataclasses.dataclass(frozen=True, kw_only=True)
class SourceRow:
    """One source: its ledger, how far it is (0..1) and how long it will take, where that is known."""

    name: str
    state: str
    ledger: Ledger
    progress: float | None
    left_s: float | None


class Observer:
    """Turns a run into rows; keeps a little history for rates."""

    def __init__(self, ledgers: Ledgers) -> None:
        self._ledgers = ledgers
        self._history: dict[str, list[tuple[float, float]]] = {}

    def stages(self, run: Run) -> list[StageRow]:
        rows = []
        for stage in run.graph.stages.values():
            children = [child for child in run.children.values() if child.stage == stage.name]
            frames = sum(child.total("frames") for child in children)
            busy_s = sum(child.total("busy_s") for child in children)
            rows.append(
                StageRow(
                    name=stage.name,
                    state=" ".join(child.state for child in children),
                    frames=int(frames),
                    fps=self._rate(stage.name, frames),
                    ms_per_frame=1000 * busy_s / frames if frames else 0.0,
                    waiting=int(sum(child.statistics.get("waiting") or 0 for child in children)),
                )
            )
        return rows

    def sources(self, run: Run) -> list[SourceRow]:
        rows = []
        for source in run.graph.of_kind("source"):
            child = run.children[source.name, 0]
            ledger = self._ledgers.read(source.name)
            length = child.statistics.get("length")
            done = ledger.captured - ledger.in_flight
            rate = self._rate(f"source {source.name}", done)
            rows.append(
                SourceRow(
                    name=source.name,
                    state="eos" if source.name in run.ended_sources else child.state,
                    ledger=ledger,
                    progress=min(1.0, done / length) if length else None,
                    left_s=max(0, length - done) / rate if length and rate else None,
                )
            )
        return rows

    def _rate(self, name: str, count: float) -> float:
        now_s = time.monotonic()
        history = self._history.setdefault(name, [])
        history.append((now_s, count))
        while len(history) > 2 and history[0][0] < now_s - RATE_WINDOW_S:
            del history[0]
        elapsed_s = now_s - history[0][0]
        return max(0.0, (count - history[0][1]) / elapsed_s) if elapsed_s > 0 else 0.0
