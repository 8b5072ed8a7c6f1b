"""`replicas: auto`: the number that a plan advises, measured once for a machine and a graph, then kept."""

import dataclasses
import hashlib
import importlib.metadata
import json
import os
import platform
from collections.abc import Callable
from pathlib import Path

from framegraph.graph.model import Graph
from framegraph.support.whole_files import write_whole
from framegraph.tools.plan.forecast import forecast
from framegraph.tools.plan.measure import Cost, cores, measure_graph

SECONDS = 1.0
"""For each stage, loading left out: the default graph then takes about ten seconds, once."""


def resolve_auto(graph: Graph, words: list[str], say: Callable[[str], None]) -> Graph:
    """Return the graph with a number for each `replicas: auto`."""
    auto = [stage.name for stage in graph.stages.values() if stage.has_auto_replicas]
    if not auto:
        return graph
    costs = known_costs(graph)
    if costs is None:
        say(f"replicas: auto ({', '.join(auto)}): measuring this graph on this machine, once")
        costs = measure_graph(graph, words, seconds=SECONDS)
        remember(graph, costs)
    found = forecast(graph, costs, cores())
    stages = dict(graph.stages)
    for name in auto:
        replicas = found.advice[name].replicas
        common = dataclasses.replace(stages[name].common, replicas=replicas)
        stages[name] = dataclasses.replace(stages[name], common=common)
        say(f"replicas: auto: {name} gets {replicas}")
    return dataclasses.replace(graph, stages=stages)


def known_costs(graph: Graph) -> dict[str, Cost] | None:
    """Return what was measured earlier for this graph on this machine, or None."""
    try:
        plain = json.loads(_path(graph).read_text())
        return {name: Cost(**cost) for name, cost in plain.items()}
    except (OSError, ValueError, TypeError):
        # Never measured, or by another version: measured again.
        return None


def remember(graph: Graph, costs: dict[str, Cost]) -> None:
    path = _path(graph)
    path.parent.mkdir(parents=True, exist_ok=True)
    plain = json.dumps({name: dataclasses.asdict(cost) for name, cost in costs.items()})
    write_whole(path, plain.encode(), writer=str(os.getpid()))


def _path(graph: Graph) -> Path:
    folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    told = json.dumps([graph.digest, _machine()])
    return folder / "framegraph" / f"plan-{hashlib.sha256(told.encode()).hexdigest()[:32]}.json"


def _machine() -> list[str]:
    """Return what makes a new measurement necessary when it changes: processor, cores, installed versions."""
    model = ""
    with open("/proc/cpuinfo", encoding="utf-8") as lines:
        model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    versions = sorted(f"{found.name} {found.version}" for found in importlib.metadata.distributions())
    return [model, platform.machine(), str(cores()), *versions]
