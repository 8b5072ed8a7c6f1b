"""Checks that each stage of a graph gets what it takes, in every packet."""

from collections.abc import Callable
from typing import Any

from framegraph.errors import GraphError
from framegraph.graph.model import Graph, StageSpec
from framegraph.graph.registry import find_stage, known_types
from framegraph.stage import Stage


def check_caps(graph: Graph) -> None:
    """Refuse a stage unless what it takes is given by an earlier stage, and completed if some packets do not
    have it."""
    for source in graph.of_kind("source"):
        _check_payload(graph, source)
        for name in graph.reachable(source.name):
            _check_marks(graph, source.name, graph.stages[name])
        _walk(graph, source, (), {}, {})


def _check_payload(graph: Graph, source: StageSpec) -> None:
    given = source.stage.payload
    for stage in map(graph.stages.__getitem__, graph.reachable(source.name)):
        taken = stage.stage.payload
        if given and taken and taken != given:
            raise GraphError(
                f"{stage.place}: stage '{stage.name}' ({stage.type_name}) takes payloads of '{taken}', "
                f"and source '{source.name}' gives '{given}'; link it to another source"
            )


def _check_marks(graph: Graph, source: str, stage: StageSpec) -> None:
    before = [name for name in graph.reachable(source) if stage.name in graph.reachable(name)[1:]]
    given = {mark for name in before for mark in graph.stages[name].stage.marks}
    for mark in stage.stage.required_marks(stage.options):
        if mark not in given:
            remedy = _stage_that(graph, "marks payloads as", mark, lambda other: other.marks)
            raise GraphError(
                f"{stage.place}: stage '{stage.name}' ({stage.type_name}) requires payloads marked "
                f"'{mark}', and no stage between source '{source}' and it gives this mark; "
                f"put {remedy} between them"
            )


def _walk(
    graph: Graph,
    stage: StageSpec,
    given: tuple[str, ...],
    partial: dict[str, StageSpec],
    givers: dict[str, StageSpec],
) -> None:
    """Check one stage. `given`: words of earlier stages; `partial`: those not in every packet, with the
    stage that gives them; `givers`: the last stage to give each word."""
    missing = [word for word in stage.stage.takes if word not in given]
    if missing:
        remedy = _stage_that(graph, "gives", missing[0], lambda other: other.gives)
        raise GraphError(
            f"{stage.place}: stage '{stage.name}' ({stage.type_name}) takes '{missing[0]}', "
            f"which no stage before it gives; put {remedy} before it"
        )
    _check_forms(stage, givers)
    partial = {word: giver for word, giver in partial.items() if word not in stage.stage.completes}
    for word, giver in partial.items():
        if stage.ends_a_chain or any(taken.partition("/")[0] == word for taken in stage.stage.takes):
            remedy = _stage_that(graph, "completes", word, lambda other: other.completes)
            reason = giver.stage.gives_in_some(giver.options)[word]
            raise GraphError(
                f"{giver.place}: stage '{giver.name}' gives '{word}' in some frames only ({reason}), "
                f"and '{stage.name}' would take the others for empty; put {remedy} between them"
            )
    partial |= dict.fromkeys(stage.stage.gives_in_some(stage.options), stage)
    for down in graph.downstream(stage.name):
        givers_now = givers | dict.fromkeys(stage.stage.gives, stage)
        _walk(graph, graph.stages[down], given + stage.stage.gives, partial, givers_now)


def _check_forms(stage: StageSpec, givers: dict[str, StageSpec]) -> None:
    forms = stage.stage.forms(stage.options)
    for word in stage.stage.takes:
        giver = givers[word]
        form = giver.stage.forms(giver.options).get(word)
        if word in forms and form is not None and form != forms[word]:
            raise GraphError(
                f"{stage.place}: stage '{stage.name}' ({stage.type_name}) takes '{word}' as {forms[word]}, "
                f"but '{giver.name}' gives it as {form}; set both alike, e.g. the same model"
            )


def _stage_that(
    graph: Graph, does: str, word: str, words_of: Callable[[type[Stage[Any]]], tuple[str, ...]]
) -> str:
    """Return a stage of the graph that gives or completes a word, else a type that does, else a
    description."""
    found = next((other.name for other in graph.stages.values() if word in words_of(other.stage)), "")
    if found:
        return f"'{found}'"
    type_ = next((name for name in known_types() if word in words_of(find_stage(name, graph.folder))), "")
    return f"a stage of type {type_}" if type_ else f"a stage that {does} '{word}'"
