"""inspect tells what the code declares, in the words of gst-inspect."""

from collections.abc import Callable
from pathlib import Path

import pytest

from framegraph.errors import GraphError
from framegraph.graph.reader import read_graph, read_graph_argument
from framegraph.graph.registry import known_types
from framegraph.tools.describe.caps import ANY, carried
from framegraph.tools.describe.facts import all_facts, facts_of
from framegraph.tools.describe.inspect_text import graph_text, list_text, stage_text
from tests.framegraph.graph.conftest import RIGHT


def test_the_list_has_a_line_a_type_with_what_it_is() -> None:
    lines = list_text(all_facts()).splitlines()
    assert sorted(line.split()[0] for line in lines) == known_types()
    assert lines[0].split()[:2] == ["source", "source"]
    assert all(len(line) <= 100 for line in lines)


@pytest.mark.parametrize("type_name", known_types())
def test_a_type_is_told_with_every_property(type_name: str) -> None:
    facts = facts_of(type_name, Path.cwd())
    text = stage_text(facts)
    assert facts.text, f"{type_name} has no docstring; it is its description"
    for each in (*facts.own, *facts.common):
        assert f"  {each.key} " in text
    assert all(len(line) <= 112 for line in text.splitlines())


def test_pads_have_the_caps_that_the_check_goes_by(folder: Path) -> None:
    text = stage_text(facts_of("test_kit.Crop", folder))
    assert f"SINK: 'sink'\n    {ANY}\n    people\n  SRC: 'src'\n    {ANY}\n    people/crops\n" in text
    assert "SINK" not in stage_text(facts_of("source", Path.cwd()))
    assert "SRC" not in stage_text(facts_of("json_sink", Path.cwd()))


def test_a_property_has_type_range_and_default(folder: Path) -> None:
    text = stage_text(facts_of("test_kit.Detect", folder))
    assert "  confidence  : the lowest score\n                number; 0 to 1; default 0.5\n" in text
    assert "text; one of auto, openvino, onnxruntime; default auto" in text
    camera = stage_text(facts_of("test_kit.Camera", folder))
    assert "text; required" in camera
    assert "time or nothing; at least 0 s; default nothing" in camera


def test_a_stage_without_properties_says_so(folder: Path) -> None:
    assert "Properties\n  none\n" in stage_text(facts_of("test_kit.Crop", folder))


def test_an_unknown_type_is_refused_with_the_nearest() -> None:
    with pytest.raises(GraphError, match="unknown stage type 'detekt'; did you mean 'detect'"):
        facts_of("detekt", Path.cwd())


def test_a_graph_is_told_link_by_link(write: Callable[[str], Path]) -> None:
    assert graph_text(read_graph(write(RIGHT))).splitlines() == [
        "test: 5 stages, 4 links",
        f"camera ! detect  {ANY}",
        f"detect ! crop    {ANY}; people",
        f"crop ! film      {ANY}; people; people/crops",
        f"crop ! lines     {ANY}; people; people/crops",
    ]


@pytest.mark.usefixtures("folder")
def test_where_sources_meet_a_link_carries_what_both_have() -> None:
    graph = read_graph_argument(
        "test_kit.Camera uri=a name=a ! test_kit.Detect name=d ! f.  "
        "test_kit.Camera uri=b name=b ! test_kit.Film name=f location={source}"
    )
    assert carried(graph) == {("a", "d"): (), ("d", "f"): ("people",), ("b", "f"): ()}
    both = read_graph_argument(
        "test_kit.Camera uri=a name=a ! test_kit.Detect name=d ! w.  "
        "test_kit.Camera uri=b name=b ! framegraph.stage.Stage name=w ! test_kit.Film name=f location={source}"
    )
    assert carried(both)["w", "f"] == ()
