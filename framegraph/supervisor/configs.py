"""The configuration of each process, made from the graph."""

import dataclasses
import os
from pathlib import Path
from secrets import token_hex
from typing import Any

from framegraph.graph.model import Graph, StageSpec
from framegraph.support.secrets import learnt
from framegraph.wire.config import ChildConfig, ProcessCommon, RunPaths
from framegraph.wire.outlet import Consumer, dealt_replica

MAX_WEIGHT = 4
"""Packets of one source that may always be in a worker's inlet: enough for consecutive turns, and few enough
to be fresh."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunIdentity:
    """The identity of a run: a new one, or an earlier one that continues from `starts`."""

    run: str
    digest: str
    nonce: str = dataclasses.field(default_factory=lambda: token_hex(8))
    """See `ChildConfig.nonce`."""
    starts: dict[str, dict[str, Any]] = dataclasses.field(default_factory=dict)
    highest_ids: dict[tuple[str, str], int] = dataclasses.field(default_factory=dict)
    """{(ordered stage, source): highest number in an output of the earlier run}."""


def dealt_device(devices: tuple[str, ...], replica: int) -> str:
    """Return the device of a replica, dealt in turn; `auto` is the CPU on a machine without a GPU."""
    device = devices[replica % len(devices)]
    return "cpu" if device == "auto" and not has_gpu() else device


def has_gpu() -> bool:
    return any(Path("/dev").glob("nvidia[0-9]*"))


def threads_for(stage: StageSpec) -> int:
    """Return the threads per replica: as given, but in total never more than the machine has cores."""
    cores = len(os.sched_getaffinity(0))
    return max(1, min(int(stage.common.threads), cores // stage.replicas))


def child_config(
    graph: Graph,
    paths: RunPaths,
    identity: RunIdentity,
    name: str,
    replica: int,
    incarnation: int,
    *,
    streams: dict[str, int],
    version: int,
    is_stopping: bool,
    lost: set[tuple[str, str]],
    deadly_seq: int = -1,
) -> ChildConfig:
    """Describe one process's part of the graph as it is after `version` changes; `streams` are the numbers of
    its sources, `lost` the (source, acknowledger) pairs that will not come back, `deadly_seq` the frame that
    a source must skip."""
    stage = graph.stages[name]
    is_source = stage.kind == "source"
    own = {
        key: value for key, value in stage.values.items() if key.replace("-", "_") in _names(stage.options)
    }
    return ChildConfig(
        stage=name,
        replica=replica,
        incarnation=incarnation,
        run=identity.run,
        digest=identity.digest,
        type=stage.type_name,
        graph_folder=str(graph.folder),
        options=own,
        common=_common(graph, stage),
        device=dealt_device(stage.devices, replica),
        threads=threads_for(stage),
        sources={source.name: streams[source.name] for source in graph.of_kind("source")},
        **_links(graph, paths, stage, replica),
        **_of_its_sources(graph, paths, identity, stage, replica),
        acknowledgers=[sink for sink in graph.committers_of(name) if (name, sink) not in lost]
        if is_source
        else [],
        stages=graph.reachable(name)[1:] if is_source else [],
        summed={source: _summed(graph, source, name) for source in graph.sources_of(name)}
        if stage.kind == "sink"
        else {},
        locations={
            source: str(path.resolve()) for (sink, source), path in graph.locations().items() if sink == name
        },
        version=version,
        is_stopping=is_stopping,
        start=identity.starts.get(name),
        nonce=identity.nonce,
        secrets=learnt(),
        deadly_seq=deadly_seq,
        quarantine=str(graph.ledger_path.parent / "quarantine") if is_source and graph.ledger_path else "",
        keeps_payloads=not any(_required_marks(graph.stages[each]) for each in graph.reachable(name)),
    )


def _links(graph: Graph, paths: RunPaths, stage: StageSpec, replica: int) -> dict[str, Any]:
    """Return where its packets come from and go to, and how sources that feed it directly share turns."""
    priorities = {source.name: source.common.priority for source in graph.of_kind("source")}
    ups = [graph.stages[up] for up in graph.upstream(stage.name)]
    downs = [graph.stages[down] for down in graph.downstream(stage.name)]
    return {
        "priorities": priorities,
        "upstreams": [paths.outlet(up.name, index) for up in ups for index in range(up.replicas)],
        "weights": {
            paths.outlet(up.name, 0): min(priorities[up.name], MAX_WEIGHT)
            for up in ups
            if up.name in priorities
        },
        "outlet": "" if stage.ends_a_chain else paths.outlet(stage.name, replica),
        "consumers": [
            Consumer(
                down.name,
                down.kind == "ordered",
                down.replicas,
                getattr(down.common, "max_size_buffers", 0),
            )
            for down in downs
        ],
    }


def _of_its_sources(
    graph: Graph, paths: RunPaths, identity: RunIdentity, stage: StageSpec, replica: int
) -> dict[str, Any]:
    """Return the sources whose frames reach it, and the settings for each of them."""
    sources, is_ordered = graph.sources_of(stage.name), stage.kind == "ordered"
    if is_ordered:
        sources = [source for source in sources if dealt_replica(source, stage.replicas) == replica]
    remembered = sources if is_ordered else []
    return {
        "reached_by": sources,
        "acknowledgement_endpoints": {}
        if stage.kind == "worker"
        else {source: paths.acknowledgements(source) for source in sources},
        "keep": {source: graph.slots_of(source) for source in remembered},
        "highest_ids": {source: identity.highest_ids.get((stage.name, source), 0) for source in remembered},
    }


def _summed(graph: Graph, source: str, sink: str) -> list[str]:
    """Return the `summed` words of stages between a source and a sink; without these stages it would count
    missing as 0."""
    before = [name for name in graph.reachable(source) if sink in graph.reachable(name)]
    return list(dict.fromkeys(word for name in before for word in graph.stages[name].stage.summed))


def _required_marks(stage: StageSpec) -> tuple[str, ...]:
    return stage.stage.required_marks(stage.options)


def _names(options: Any) -> set[str]:
    return {field.name for field in dataclasses.fields(options)}


def _common(graph: Graph, stage: StageSpec) -> ProcessCommon:
    """Return the common properties in effect, with those that the graph leaves open worked out."""
    names = _names(ProcessCommon)
    known = {name: value for name, value in dataclasses.asdict(stage.common).items() if name in names}
    if stage.kind == "source":
        known |= {"window": graph.window_of(stage.name), "frame_store": graph.slots_of(stage.name)}
    if stage.kind == "worker":
        known["batch"] = known["batch"] or stage.stage.default_batch
    return ProcessCommon(**known)
