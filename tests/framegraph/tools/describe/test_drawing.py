"""A drawn graph shows every stage and link, and no box lies on another."""

import itertools
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import pytest

from framegraph.graph.model import Graph
from framegraph.graph.reader import read_graph
from framegraph.tools.describe.caps import carried
from framegraph.tools.describe.drawing import draw, layout, mermaid, svg
from tests.framegraph.graph.conftest import RIGHT
from tests.launching import PROJECT

GRAPHS = ["pipeline.yaml", "examples/two_cameras.yaml", "examples/two_sinks.yaml"]
SVG = "{http://www.w3.org/2000/svg}"


def read(name: str, monkeypatch: pytest.MonkeyPatch) -> Graph:
    monkeypatch.chdir(PROJECT)
    return read_graph(Path(name))


@pytest.mark.parametrize("name", GRAPHS)
def test_mermaid_names_every_stage_and_link(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = read(name, monkeypatch)
    text = mermaid(graph)
    assert text.startswith("flowchart LR\n")
    assert text.count(" -->") == len(graph.links)
    for stage in graph.stages.values():
        assert f'"{stage.name}<br/>{stage.type_name}"' in text


def test_mermaid_writes_the_caps_on_the_links(write: Callable[[str], Path]) -> None:
    text = mermaid(read_graph(write(RIGHT)))
    assert "    s0 --> s1\n" in text
    assert '    s1 -->|"people"| s2\n' in text
    assert '    s2 -->|"people, people/crops"| s3\n' in text


@pytest.mark.parametrize("name", GRAPHS)
def test_the_svg_has_a_box_a_stage_and_an_arrow_a_link(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = read(name, monkeypatch)
    root = ElementTree.fromstring(svg(graph))
    groups = root.findall(f"{SVG}g")
    titles = {group.findtext(f"{SVG}title") for group in groups}
    assert len(groups) == len(graph.stages) + len(graph.links)
    assert {f"{stage.name}: {stage.type_name}" for stage in graph.stages.values()} <= titles
    links = {f"{up} ! {down}: {', '.join(words) or 'frames'}" for (up, down), words in carried(graph).items()}
    assert links <= titles
    assert draw(graph, "svg") == svg(graph)


@pytest.mark.parametrize("name", GRAPHS)
def test_boxes_do_not_overlap_and_links_lead_to_the_right(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    graph = read(name, monkeypatch)
    places = layout(graph)
    assert places.keys() == graph.stages.keys()
    for one, other in itertools.combinations(places.values(), 2):
        assert one.x != other.x or abs(one.y - other.y) > 54
    assert all(places[up].x < places[down].x for up, down in graph.links)


def test_what_a_user_writes_cannot_break_the_picture(folder: Path, write: Callable[[str], Path]) -> None:
    graph = read_graph(
        write(
            'pipeline: "a < b & \'c\' \\" d"\n'
            "stages:\n"
            "  camera: {type: test_kit.Camera, uri: a.mp4}\n"
            "  a-stage-with-as-many-letters-as: {type: test_kit.Detect, replicas: 12}\n"
            "  film: {type: test_kit.Film, location: a}\n"
            "links: [camera ! a-stage-with-as-many-letters-as ! film]\n"
        )
    )
    root = ElementTree.fromstring(svg(graph))
    assert root.findtext(f"{SVG}title") == "a < b & 'c' \" d"
    assert "a-stage-with-as-many-letters-as: test_kit.Detect x12" in "".join(root.itertext())
