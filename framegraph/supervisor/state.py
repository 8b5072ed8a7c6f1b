"""The state of a run: its graph, its processes, what has ended and what has failed.

Data and queries. Nothing is started, sent or decided here.
"""

import itertools
from collections import Counter, defaultdict
from typing import Any

from framegraph.graph.model import Graph
from framegraph.supervisor.configs import RunIdentity, threads_for
from framegraph.supervisor.replica import Child
from framegraph.support.own_process import process_started_at
from framegraph.support.report import Report
from framegraph.wire.config import RunPaths

Replica = tuple[str, int]

RUNNING, DRAINING, STOPPING = "running", "draining", "stopping"
"""Phases: running; the sources have been told to end; everything has been told to stop."""


class RunState:
    """The state of a run, shared by the parts of the launcher."""

    def __init__(self, graph: Graph, paths: RunPaths, identity: RunIdentity, report: Report) -> None:
        self.graph = graph
        self.paths = paths
        self.identity = identity
        self.report = report
        self.started_at = process_started_at()
        self.phase = RUNNING
        self.version = 0
        self.signal: int | None = None
        self.failure = ""
        self.is_unfinished = False
        """Whether it was stopped while sinks had no room for their files."""
        self.children: dict[Replica, Child] = {}
        self.streams: dict[str, int] = {}
        self.ended_sources: dict[str, dict[str, Any]] = {}
        self.outputs: dict[tuple[str, str], dict[str, Any]] = {}
        self.lost_acknowledgers: set[tuple[str, str]] = set()
        self.attached: set[str] = set()
        """Sources that came while the graph ran."""
        self.detaching: set[str] = set()
        self.source_failures: dict[str, str] = {}
        self.leaving: set[Replica] = set()
        """Replicas that finish what they hold and are not restarted."""
        self.on_trial: set[Replica] = set()
        """New replicas of a scale command that have not yet run: if they cannot start, the graph stays as it
        was."""
        self.past_skipped: dict[str, dict[str, int]] = {}
        self._incarnations: dict[Replica, int] = {}
        self._past_counts: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self._next_stream = itertools.count()
        for stage in graph.stages.values():
            if stage.kind == "source":
                self.number(stage.name)
            for replica in range(stage.replicas):
                self.add(stage.name, replica)

    def change(self, graph: Graph) -> None:
        """Apply a changed graph, which must be sent to every process."""
        self.graph = graph
        self.version += 1

    def number(self, source: str) -> None:
        """Give a source its number in the run, one that was never used before."""
        self.streams[source] = next(self._next_stream)

    def add(self, stage: str, replica: int) -> Child:
        """Add a replica; its incarnations count on from an earlier one of the same name."""
        spec = self.graph.stages[stage]
        incarnation = self._incarnations.get((stage, replica), -1)
        threads, is_live = threads_for(spec), spec.is_live
        child = Child(stage, replica, incarnation, threads=threads, is_live=is_live)
        self.children[stage, replica] = child
        return child

    def remove(self, child: Child) -> None:
        """Forget a process that will not come back, but not what it counted."""
        key = (child.stage, child.replica)
        self._incarnations[key] = child.incarnation
        del self.children[key]
        child.keep_counts()
        if self.graph.stages.get(child.stage):
            self._past_counts[child.stage].update(child.earlier)
        self.leaving.discard(key)
        self.on_trial.discard(key)
        child.close()

    def replicas(self, stage: str) -> list[Child]:
        return [child for child in self.children.values() if child.stage == stage]

    def total(self, stage: str, name: str) -> float:
        """Return a count over all processes that a stage has had."""
        return sum(child.total(name) for child in self.replicas(stage)) + self._past_counts[stage][name]

    @property
    def sources(self) -> list[str]:
        return [source.name for source in self.graph.of_kind("source")]

    @property
    def is_linked(self) -> bool:
        """Whether every process has confirmed the current graph."""
        return all(child.linked >= self.version for child in self.children.values() if child.is_alive)

    def may_fail_alone(self, stage: str) -> bool:
        """Return whether a failure of this source concerns it alone: others continue without it, or it was
        attached to, or is leaving, a running graph."""
        if stage not in self.sources:
            return False
        others = set(self.sources) - {stage} - set(self.ended_sources) - set(self.source_failures)
        return bool(others) or stage in self.attached or stage in self.detaching
