"""A graph in one line is the graph that the same YAML would be, and its errors name the column."""

from pathlib import Path

import pytest

from framegraph.errors import GraphError
from framegraph.graph.model import Graph
from framegraph.graph.one_line import is_one_line
from framegraph.graph.reader import read_graph_argument

pytestmark = pytest.mark.usefixtures("folder")

CAMERA, DETECT, CROP, FILM = "test_kit.Camera", "test_kit.Detect", "test_kit.Crop", "test_kit.Film"
RIGHT = f"{CAMERA} uri=a.mp4 ! {DETECT} ! {CROP} ! {FILM} location=b.mp4"


def read(text: str, *overrides: str) -> Graph:
    return read_graph_argument(text, overrides)


def error_of(text: str, *overrides: str) -> str:
    with pytest.raises(GraphError) as caught:
        read(text, *overrides)
    return str(caught.value)


def test_a_chain_links_its_elements_in_order() -> None:
    graph = read(RIGHT)
    assert list(graph.stages) == ["camera0", "detect0", "crop0", "film0"]
    assert graph.links == (("camera0", "detect0"), ("detect0", "crop0"), ("crop0", "film0"))
    assert graph.stages["camera0"].options.uri == "a.mp4"
    assert graph.folder == Path.cwd()
    assert graph.name == "one-line"


def test_a_branch_goes_on_from_a_named_element() -> None:
    graph = read(
        f"{CAMERA} uri=a.mp4 ! {DETECT} name=t  t. ! {CROP} ! {FILM} location=b  t. ! {FILM} location=c"
    )
    assert graph.links == (("camera0", "t"), ("t", "crop0"), ("crop0", "film0"), ("t", "film1"))


def test_several_sources_meet_in_a_named_element() -> None:
    graph = read(
        f"{CAMERA} name=a uri=a.mp4 ! d.  {CAMERA} name=b uri=b.mp4 ! "
        f"{DETECT} name=d ! {FILM} location={{source}}.mp4"
    )
    assert graph.links == (("a", "d"), ("b", "d"), ("d", "film0"))
    assert [str(path) for path in graph.locations().values()] == ["a.mp4", "b.mp4"]


def test_a_default_name_that_was_given_away_is_passed_over() -> None:
    graph = read(f"{CAMERA} uri=a name=detect0 ! {DETECT} ! {DETECT} ! {FILM} location=b")
    assert list(graph.stages) == ["detect0", "detect1", "detect2", "film0"]


def test_values_have_the_types_of_yaml_and_quotes_make_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLACE", "out dir")
    graph = read(
        f"{CAMERA} uri=\"my film: 'a'.mp4\" start=500ms ! {DETECT} confidence=0.25 replicas=2 ! "
        f"{FILM} 'location=${{PLACE}}/b\\.mp4'"
    )
    assert graph.stages["camera0"].options.uri == "my film: 'a'.mp4"
    assert graph.stages["camera0"].options.start == 0.5
    assert graph.stages["detect0"].options.confidence == 0.25
    assert graph.stages["detect0"].replicas == 2
    assert graph.stages["film0"].options.location == "out dir/b\\.mp4"
    assert read(f'{CAMERA} uri="5" ! {FILM} location=a\\ b').stages["film0"].options.location == "a b"


def test_properties_can_be_overridden_by_the_default_names() -> None:
    assert read(RIGHT, "detect0.confidence=0.9").stages["detect0"].options.confidence == 0.9


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("graph.yaml", "graph.yaml: no such file; name the graph, for example pipeline.yaml", id="a file, not a graph"),
        pytest.param("a!b", "'a!b' is neither a file nor a graph in one line; write a blank on each side of !", id="no blanks"),
        pytest.param(f"{DETECT} ! {CROP}", "graph: the graph has no source; add a stage of type: source", id="no source"),
        pytest.param("! a ! b", "graph:1:1: no element stands before this !;", id="starts with a link"),
        pytest.param(f"{CAMERA} uri=a ! ! {FILM}", "graph:1:25: no element stands before this !;", id="two links"),
        pytest.param(f"{CAMERA} uri=a ! {FILM} location=b ! ", "graph:1:50: no element stands after this !; end the chain in a sink", id="ends with a link"),
        pytest.param(f"uri=a ! {FILM}", "graph:1:1: the property 'uri' belongs to no element; write it after the element's type", id="property first"),
        pytest.param(f"{CAMERA} uri=a ! location=b", "graph:1:25: the property 'location' belongs to no element", id="property after a link"),
        pytest.param(f"{CAMERA} uri=a name=t ! {FILM} location=b  t. uri=c", "graph:1:61: the property 'uri' belongs to no element", id="property of a reference"),
        pytest.param(f"{CAMERA} uri='a ! {FILM} ! b", "graph:1:21: this quote is not closed; close it with '", id="open quote"),
        pytest.param(f"{CAMERA} uri=a uri=b ! {FILM}", "graph:1:23: 'uri' is given twice; remove one", id="property twice"),
        pytest.param(f"{CAMERA} name=a name=b ! {FILM}", "graph:1:24: 'name' is given twice; remove one", id="name twice"),
        pytest.param(f"{CAMERA} type=a ! {FILM}", "graph:1:17: an element's type is its first word; remove type=", id="type as property"),
        pytest.param(f"{CAMERA} uri=a name=x ! {FILM} location=b name=x", "graph:1:57: two elements are named 'x'; rename one", id="one name twice"),
        pytest.param(f"{CAMERA} uri=a name=9 ! {FILM} location=b", "graph:1:23: stage name '9': use a letter,", id="a bad name"),
        pytest.param(f"{CAMERA} uri=a ! {DETECT} confidence=2 ! {FILM} location=b", "graph:1:41: stage 'detect0', property 'confidence': must be at most 1", id="out of bounds"),
        pytest.param(f"{CAMERA} uri=a ! {DETECT} confidance=1 ! {FILM} location=b", "graph:1:41: stage 'detect0': unknown property 'confidance'; did you mean 'confidence'?", id="unknown property"),
        pytest.param(f"{CAMERA} uri=a ! {DETECT} confidence='0.5' ! {FILM} location=b", "expected a number, got '0.5'", id="text for a number"),
        pytest.param(f"{CAMERA} uri=a ! detekt ! {FILM} location=b", "graph:1:25: stage 'detekt0': unknown stage type 'detekt'; did you mean 'detect'?", id="unknown type"),
        pytest.param(f"{CAMERA} uri=a ! {FILM}", "graph:1:25: stage 'film0': property 'location' is missing; set it", id="missing property"),
        pytest.param(f"{CAMERA} uri=a name=cam ! {FILM} location=b\n cm. ! {FILM} location=c", "graph:2:6: there is no stage 'cm'; did you mean 'cam'?", id="unknown name"),
        pytest.param(f"{CAMERA} uri=a ! {CROP} ! {FILM} location=b", "graph:1:25: stage 'crop0' (test_kit.Crop) takes 'people', which no stage before it gives;", id="wrong order"),
        pytest.param(f"{CAMERA} uri=a name=c ! {FILM} location=b name=f  f. ! c.", "the link f ! c ends at a source", id="into a source"),
        pytest.param(f"{CAMERA} uri=${{NOT_SET_HERE}} ! {FILM} location=b", "graph:1:17: the environment has no NOT_SET_HERE", id="no such variable"),
        pytest.param(f"{CAMERA} uri=a ! {FILM} location=b {FILM} location=c", "graph:1:50: stage 'film1' has no link", id="an element by itself"),
        pytest.param(f"{CAMERA} uri=missing.mp4 ! {FILM} location=b", "graph:1:1: stage 'camera0': missing.mp4: no such film", id="the stage's own check"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_refused_with_its_column(text: str, said: str) -> None:
    assert said in error_of(text)


@pytest.mark.parametrize(
    ("text", "answer"),
    [("a ! b", True), ("a\n! b", True), ("pipeline.yaml", False), ("odd!name.yaml", False), ("", False)],
)
def test_what_is_linked_is_a_graph_and_no_file_name(text: str, answer: bool) -> None:
    assert is_one_line(text) is answer
