"""Changed copies of a graph for attach, detach, scale and set. Each is checked and frozen."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from framegraph.errors import GraphError
from framegraph.graph.check import check_graph, refuse_batch
from framegraph.graph.common import COMMON, meant_property
from framegraph.graph.model import Graph, StageSpec
from framegraph.graph.reader import STAGE_NAME, read_stage
from framegraph.graph.yaml_text import Node
from framegraph.properties import brief, field_names, nearest, prop_help, read_property

MAX_REPLICAS = 64


def with_source(graph: Graph, name: str, values: Mapping[str, Any], to: Sequence[str]) -> Graph:
    """Add a source linked to the stages `to`; by default its type and links are those of the graph's first
    source."""
    place = f"attach {name}"
    if not STAGE_NAME.fullmatch(name):
        raise GraphError(f"{place}: a name is a letter, then letters, digits, - or _, 32 at most")
    if name in graph.stages:
        raise GraphError(f"{place}: there is a stage of this name in the graph; choose another name")
    first = graph.of_kind("source")[0]
    for target in to:
        _stage_of(graph, target, place)
    nodes = {word: (Node(word, place), _node(value, place)) for word, value in values.items()}
    nodes.setdefault("type", (Node("type", place), Node(first.type_name, place)))
    spec = read_stage(name, Node(name, place), nodes, graph.folder)
    if spec.kind != "source":
        raise GraphError(f"{place}: type '{spec.type_name}' is a {spec.kind}; only a source can be attached")
    refuse_batch(spec)
    links = tuple((name, target) for target in dict.fromkeys(to or graph.downstream(first.name)))
    changed = dataclasses.replace(
        graph, stages={**graph.stages, name: spec}, links=(*graph.links, *links), ledger=_ledger(graph)
    )
    check_graph(changed, dict.fromkeys(changed.links, place))
    return changed


def without_source(graph: Graph, name: str) -> Graph:
    """Remove a source and its links."""
    return dataclasses.replace(
        graph,
        stages={other: spec for other, spec in graph.stages.items() if other != name},
        links=tuple(link for link in graph.links if link[0] != name),
        ledger=_ledger(graph),
    )


def with_replicas(graph: Graph, name: str, replicas: int) -> Graph:
    """Set a worker's number of replicas, and the sources' windows to match, as far as their pixel pools
    allow: these keep the size they were made with."""
    place = f"scale {name} {replicas}"
    spec = _stage_of(graph, name, place)
    if spec.kind == "ordered":
        raise GraphError(
            f"{place}: '{name}' keeps a memory per source, so its replicas deal sources; set "
            f"{name}.replicas in the graph and start anew"
        )
    if spec.kind != "worker":
        raise GraphError(
            f"{place}: '{name}' is a {spec.kind}, which is one process; only workers have replicas"
        )
    if not 1 <= replicas <= MAX_REPLICAS:
        raise GraphError(f"{place}: a stage has 1 to {MAX_REPLICAS} replicas")
    changed = _with_common(graph, name, replicas=replicas)
    for source in graph.of_kind("source"):
        frame_store = graph.slots_of(source.name)
        most = frame_store - source.common.max_size_buffers - 1
        natural = source.values.get("window") or _natural_window(changed, source.name)
        changed = _with_common(changed, source.name, frame_store=frame_store, window=min(natural, most))
    return changed


def short_windows(graph: Graph, stage: str) -> dict[str, int]:
    """Return {source: suitable window} for sources whose pool is too small to feed all replicas."""
    return {
        source: _natural_window(graph, source)
        for source in graph.sources_of(stage)
        if not graph.stages[source].values.get("window")
        and graph.window_of(source) < _natural_window(graph, source)
    }


def with_property(graph: Graph, name: str, word: str, value: Any) -> Graph:
    """Return the graph with one property set that may be set while it runs."""
    place = f"set {name}.{word}"
    spec = _stage_of(graph, name, place)
    own, common = field_names(spec.stage.Options), field_names(COMMON[spec.kind])
    owner = spec.stage.Options if word in own else COMMON[spec.kind]
    known = {**common, **own}
    if word not in known:
        raise GraphError(f"{place}: unknown property '{word}'{meant_property(word, known)}")
    if not prop_help(owner, known[word]).while_running:
        raise GraphError(
            f"{place}: '{word}' cannot be set while the graph runs; {_remedy(spec, word, value)}"
        )
    try:
        read = read_property(owner, known[word], value)
    except ValueError as error:
        raise GraphError(f"{place}: {error}, got {brief(value)}") from None
    if word in own:
        options = dataclasses.replace(spec.options, **{known[word]: read})
        spec.stage.check(options)
        spec = dataclasses.replace(spec, options=options, values={**spec.values, word: value})
        return dataclasses.replace(graph, stages={**graph.stages, name: spec})
    return _with_common(graph, name, **{known[word]: read})


def _remedy(spec: StageSpec, word: str, value: Any) -> str:
    if word == "replicas" and spec.kind == "worker":
        return f"use: scale {spec.name} {value}"
    if spec.kind == "source":
        return f"detach {spec.name}, then attach it with --set {word}={value}"
    settable = [
        key
        for options in (spec.stage.Options, COMMON[spec.kind])
        for key, field in field_names(options).items()
        if prop_help(options, field).while_running
    ]
    return f"start anew with --set {spec.name}.{word}={value}; what can be set now: {', '.join(settable)}"


def _stage_of(graph: Graph, name: str, place: str) -> StageSpec:
    if name not in graph.stages:
        raise GraphError(f"{place}: there is no stage '{name}'{nearest(name, graph.stages)}")
    return graph.stages[name]


def _with_common(graph: Graph, name: str, **values: Any) -> Graph:
    spec = graph.stages[name]
    spec = dataclasses.replace(spec, common=dataclasses.replace(spec.common, **values))
    return dataclasses.replace(graph, stages={**graph.stages, name: spec})


def _natural_window(graph: Graph, source: str) -> int:
    return _with_common(graph, source, window=0).window_of(source)


def _ledger(graph: Graph) -> str | None:
    """Keep the ledger where it is, whichever output comes first from now on."""
    return str(graph.ledger_path) if graph.ledger_path is not None else None


def _node(value: Any, place: str) -> Node:
    if isinstance(value, list):
        return Node([_node(item, place) for item in value], place)
    if isinstance(value, dict):
        return Node({key: (Node(key, place), _node(item, place)) for key, item in value.items()}, place)
    return Node(value, place)
