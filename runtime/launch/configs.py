"""From the graph to what each process is told."""

import dataclasses
import os
from pathlib import Path
from typing import Any

from runtime.graph.model import Graph, StageSpec
from runtime.hosts.config import ChildConfig, RunPaths
from runtime.wire.outlet import Consumer


def resolve_device(device: str) -> str:
    """Return the device that `auto` means on this machine."""
    if device != "auto":
        return device
    return "cuda:0" if Path("/dev/nvidia0").exists() else "cpu"


def threads_for(stage: StageSpec) -> int:
    """Threads per replica: as given, but never more in all than the machine has cores."""
    cores = len(os.sched_getaffinity(0))
    return max(1, min(int(stage.common.threads), cores // stage.replicas))


def child_config(
    graph: Graph, paths: RunPaths, run: str, name: str, replica: int, incarnation: int, *, is_stopping: bool
) -> ChildConfig:
    """Describe one process's part of the graph."""
    stage = graph.stages[name]
    is_source = stage.kind == "source"
    own = {
        key: value for key, value in stage.values.items() if key.replace("-", "_") in _names(stage.options)
    }
    return ChildConfig(
        stage=name,
        replica=replica,
        incarnation=incarnation,
        run=run,
        digest=graph.digest,
        type=stage.type_name,
        graph_folder=str(graph.folder),
        options=own,
        common=_common(graph, stage),
        device=resolve_device(getattr(stage.common, "device", "cpu")),
        threads=threads_for(stage),
        sources=[source.name for source in graph.of_kind("source")],
        reached_by=graph.sources_of(name),
        upstreams=[
            paths.outlet(up, index)
            for up in graph.upstream(name)
            for index in range(graph.stages[up].replicas)
        ],
        outlet="" if stage.kind == "sink" else paths.outlet(name, replica),
        consumers=[Consumer(down) for down in graph.downstream(name)],
        commits={source: paths.commit(source) for source in graph.sources_of(name)}
        if stage.kind != "worker"
        else {},
        sinks=graph.sinks_of(name) if is_source else [],
        stages=graph.reachable(name)[1:] if is_source else [],
        locations={
            source: str(path.resolve()) for (sink, source), path in graph.locations().items() if sink == name
        },
        is_stopping=is_stopping,
    )


def _names(options: Any) -> set[str]:
    return {field.name for field in dataclasses.fields(options)}


def _common(graph: Graph, stage: StageSpec) -> dict[str, Any]:
    common: dict[str, Any] = dataclasses.asdict(stage.common)
    if stage.kind == "source":
        common["window"] = graph.window_of(stage.name)
        common["custody"] = graph.custody_of(stage.name)
    if stage.kind == "worker":
        common["batch"] = common["batch"] or stage.stage.default_batch
    return common
