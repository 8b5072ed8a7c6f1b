"""The schema takes every graph that we ship and refuses, as the reader does, what is wrong."""

import copy
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from framegraph.errors import GraphError
from framegraph.graph.reader import TOP_KEYS, read_graph
from framegraph.tools.describe.facts import all_facts
from framegraph.tools.describe.schema import pipeline_schema
from tests.launching import PROJECT

GRAPHS = sorted([PROJECT / "pipeline.yaml", *(PROJECT / "examples").rglob("*.yaml")])
SCHEMA = pipeline_schema(all_facts())
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def default_graph() -> dict[str, Any]:
    graph: dict[str, Any] = yaml.safe_load((PROJECT / "pipeline.yaml").read_text())
    return graph


def test_the_schema_is_one_itself() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["properties"].keys() == set(TOP_KEYS)


@pytest.mark.parametrize("path", GRAPHS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_a_shipped_graph_fits(path: Path) -> None:
    VALIDATOR.validate(yaml.safe_load(path.read_text()))


@pytest.mark.parametrize(
    ("stage", "properties"),
    [
        ("camera", {"start": "500ms", "duration": 4, "max-fps": None, "width": 640}),
        ("camera", {"uri": 5}),
        ("detect", {"memory-limit": "2GiB", "timeout": "2min", "replicas": 64}),
        ("detect", {"model": "${MODEL}", "device": "auto"}),
        ("film", {"crf": 18, "preset": "medium", "fsync": "always"}),
        ("film", {"type": "my_stages.Own", "anything": 1}),
    ],
)
def test_what_the_reader_takes_fits(stage: str, properties: dict[str, Any]) -> None:
    graph = default_graph()
    graph["stages"][stage] |= properties
    VALIDATOR.validate(graph)


@pytest.mark.parametrize(
    ("stage", "properties"),
    [
        ("camera", {"uri": None}),
        ("camera", {"loop": "yes please"}),
        ("camera", {"start": "5 parsecs"}),
        ("camera", {"start": -1}),
        ("camera", {"width": 8}),
        ("detect", {"confidence": 2}),
        ("detect", {"confidence": "0.5"}),
        ("detect", {"confidance": 0.5}),
        ("detect", {"replicas": 0}),
        ("detect", {"replicas": 1.5}),
        ("detect", {"engine": "steam"}),
        ("detect", {"device": "gpu"}),
        ("detect", {"type": "detekt"}),
        ("detect", {"type": 5}),
        ("detect", {"memory-limit": "2 cows"}),
        ("film", {"replicas": 2}),
        ("film", {"preset": "slothful"}),
        ("film", {"location": ["a"]}),
    ],
)  # fmt: skip
def test_what_the_reader_refuses_does_not_fit(stage: str, properties: dict[str, Any], tmp_path: Path) -> None:
    graph = default_graph()
    graph["stages"][stage] |= properties
    assert list(VALIDATOR.iter_errors(graph))
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(graph))
    with pytest.raises(GraphError):
        read_graph(tmp_path / "wrong.yaml")


def test_what_is_missing_or_unknown_does_not_fit() -> None:
    right = default_graph()
    wrong = []
    for change in (
        lambda graph: graph.pop("stages"),
        lambda graph: graph.pop("links"),
        lambda graph: graph.update(linkes=[]),
        lambda graph: graph["stages"]["detect"].pop("type"),
        lambda graph: graph["stages"]["camera"].pop("uri"),
        lambda graph: graph["stages"].update({"9": {"type": "detect"}}),
        lambda graph: graph["links"].append("camera"),
        lambda graph: graph["links"].append("camera !! film"),
        lambda graph: graph["links"].append(["camera", "film"]),
    ):
        graph = copy.deepcopy(right)
        change(graph)
        wrong.append(graph)
    assert [index for index, graph in enumerate(wrong) if VALIDATOR.is_valid(graph)] == []


def test_every_property_has_a_description_and_its_default() -> None:
    for facts in all_facts():
        branch = SCHEMA["$defs"][facts.type_name]
        for each in (*facts.common, *facts.own):
            described = branch["properties"][each.key]
            assert described["description"]
            assert ("default" in described) is not each.is_required
            assert (each.key in branch["required"]) is each.is_required
