"""Forecasts of what a graph reaches, and what to set, from the costs of its stages: arithmetic only."""

import dataclasses
import math

from framegraph.graph.model import Graph
from framegraph.tools.plan.measure import Cost

HOP_CPU_S = 150e-6
"""CPU seconds per packet in a worker's process besides its stage: the bar that docs/benchmarks.md holds it
to."""
SOURCE_CPU_S = 400e-6
"""CPU seconds per frame for frame store, dispatch and commits in the source's process, besides decoding."""
SPARE = 0.1
"""Share of the machine that must be left free for live sources: they do not wait."""
MAX_REPLICAS = 64


@dataclasses.dataclass(frozen=True, kw_only=True)
class Advice:
    """The advice for one stage, and the frames a second that it can then do."""

    replicas: int
    threads: int
    fps: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Forecast:
    """The forecast for a graph. `fps_as_set` with its own replicas, `fps` with the advice, both over all
    sources.

    `limit_fps`: what the cores allow. `bottleneck`: the stage that holds back what is set, "" for the cores.
    `memory_bytes`: of all processes; `pool_bytes`: of the pixel pools, in /dev/shm.
    """

    cores: int
    limit_fps: float
    fps_as_set: float
    fps: float
    bottleneck: str
    advice: dict[str, Advice]
    memory_bytes: int
    pool_bytes: int


def forecast(graph: Graph, costs: dict[str, Cost], cores: int) -> Forecast:
    """Return what a graph reaches with `cores` cores, from the costs of its stages."""
    cpu_s = sum(cost.cpu_s + _overhead_s(graph, name) for name, cost in costs.items())
    limit_fps = cores / cpu_s
    advice = {name: _advice(graph, name, cost, limit_fps, cores) for name, cost in costs.items()}
    as_set = {
        name: graph.stages[name].replicas / _service_s(graph, name, cost) for name, cost in costs.items()
    }
    slowest = min(as_set, key=lambda name: as_set[name])
    pools = sum(
        graph.slots_of(source.name) * costs[source.name].frame_bytes
        for source in graph.of_kind("source")
        if source.name in costs
    )
    return Forecast(
        cores=cores,
        limit_fps=limit_fps,
        fps_as_set=min(limit_fps, as_set[slowest]),
        fps=min(limit_fps, *(one.fps for one in advice.values())),
        bottleneck=slowest if as_set[slowest] < limit_fps else "",
        advice=advice,
        memory_bytes=sum(cost.pss_bytes * advice[name].replicas for name, cost in costs.items()),
        pool_bytes=pools,
    )


def holds(forecast_: Forecast, sources: int, fps: float) -> bool:
    """Return whether this many sources at this frame rate are analysed completely, with some room left."""
    return sources * fps <= (1 - SPARE) * forecast_.fps


def _overhead_s(graph: Graph, name: str) -> float:
    return SOURCE_CPU_S if graph.stages[name].kind == "source" else HOP_CPU_S


def _service_s(graph: Graph, name: str, cost: Cost) -> float:
    return cost.wall_s + _overhead_s(graph, name)


def _advice(graph: Graph, name: str, cost: Cost, limit_fps: float, cores: int) -> Advice:
    """As many replicas as keep up with what the cores allow: no more, for each takes memory and a window."""
    service_s = _service_s(graph, name, cost)
    replicas = 1
    if graph.stages[name].kind == "worker":
        replicas = min(MAX_REPLICAS, max(1, math.ceil(limit_fps * service_s)))
    # What is not worth a second process is not worth a second thread; what is, has one each.
    threads = max(1, min(int(graph.stages[name].common.threads), cores // replicas))
    return Advice(replicas=replicas, threads=threads, fps=replicas / service_s)
