"""What is refused in a graph, and in which words: the file, its stages and links."""

from pathlib import Path

import pytest

from framegraph.graph.reader import read_graph
from tests.framegraph.graph.conftest import RIGHT
from tests.framegraph.graph.wrong_kit import Write, changed, error_of


def test_the_graph_that_these_tests_change_is_right(write: Write) -> None:
    graph = read_graph(write(RIGHT))
    assert graph.name == "test"
    assert list(graph.stages) == ["camera", "detect", "crop", "film", "lines"]


# The file


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("", "g.yaml:1:1: is empty; a graph has 'stages' and 'links'", id="empty"),
        pytest.param(
            b"stages: {a: \xff}", "g.yaml: is not UTF-8 text (byte 12); save it as UTF-8", id="not UTF-8"
        ),
        pytest.param(
            "stages: {a: [}",
            "g.yaml:1:14: is not YAML: expected the node content, but found '}'",
            id="not YAML",
        ),
        pytest.param(
            "a: 1\n\tb: 2",
            "g.yaml:2:1: is not YAML: found character '\\t' that cannot start any token; "
            "indent with spaces, not with tabs",
            id="tab",
        ),
        pytest.param(
            "stages:\n  a: {uri: ${CAMERA}, type: b}",
            "g.yaml:2:13: is not YAML: expected ',' or '}', but got '{'; "
            "put a value with { and } into quotes, e.g. uri: '${ADDRESS}'",
            id="a variable without quotes",
        ),
        pytest.param(
            "a: 1\n---\nb: 2",
            "g.yaml:2:1: is not YAML: but found another document; a graph file holds one, remove the line ---",
            id="two documents",
        ),
        pytest.param(
            "hello", "g.yaml:1:1: the graph must be a map of names to values, found text", id="text"
        ),
        pytest.param(
            "- a\n- b", "g.yaml:1:1: the graph must be a map of names to values, found a list", id="a list"
        ),
        pytest.param(
            "pipeline: x", "g.yaml:1:1: 'stages' is missing; a graph has 'stages' and 'links'", id="no stages"
        ),
        pytest.param(
            "stages: {}\nlinks: []",
            "g.yaml:1:9: 'stages' is empty; a graph has at least a source and a sink",
            id="empty stages",
        ),
        pytest.param(
            "stages: 5\nlinks: []",
            "g.yaml:1:9: 'stages' must be a map of names to values, found a number",
            id="stages a number",
        ),
        pytest.param(
            "stages: {}\nlinks: []\nstages: {}",
            "g.yaml:3:1: 'stages' is given twice; remove one",
            id="key twice",
        ),
        pytest.param(
            "stages: &x {a: *x}\nlinks: []",
            "g.yaml: an anchor refers to itself; write the values out",
            id="an anchor in itself",
        ),
        pytest.param("[" * 3000, "g.yaml: is nested too deeply to be a graph", id="3000 brackets"),
    ],
)
def test_a_file_that_is_no_graph(write: Write, text: str | bytes, said: str) -> None:
    assert error_of(write(text)) == said


def test_a_file_that_is_not_there(folder: Path) -> None:
    assert (
        error_of(Path("nothing.yaml"))
        == "nothing.yaml: no such file; name the graph, for example pipeline.yaml"
    )


def test_a_folder_instead_of_a_file(folder: Path) -> None:
    assert error_of(folder) == f"{folder}: is a folder; name the graph file in it"


# Stages and their properties


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param(
            "pipeline: test", "pipelin: test", "1:1: unknown key 'pipelin'; did you mean 'pipeline'?", id="top key"
        ),
        pytest.param("pipeline: test", "pipeline: 5", "1:11: 'pipeline' must be text", id="name a number"),
        pytest.param(
            "{type: test_kit.Detect}", "{confidence: 0.5}",
            "4:3: stage 'detect' has no 'type'; say what it is, e.g. type: detect", id="no type",
        ),
        pytest.param(
            "test_kit.Detect", "detct", "4:18: stage 'detect': unknown stage type 'detct'; did you mean 'detect'?",
            id="unknown type",
        ),
        pytest.param(
            "test_kit.Detect", "test_kit.Detct",
            "4:18: stage 'detect': stage type 'test_kit.Detct': test_kit has no stage 'Detct'; did you mean 'Detect'?",
            id="unknown class",
        ),
        pytest.param(
            "test_kit.Detect", "test_kit.NotAStage",
            "4:18: stage 'detect': stage type 'test_kit.NotAStage': test_kit has no stage 'NotAStage'; "
            "known are: Camera, Crop, Detect, Film, Follow, Preview, Sparse", id="a class that is no stage",
        ),
        pytest.param(
            "test_kit.Detect", "no_such_kit.Blur",
            "4:18: stage 'detect': stage type 'no_such_kit.Blur': no module no_such_kit.py in {folder} or on the path",
            id="unknown module",
        ),
        pytest.param(
            "test_kit.Detect", ".Blur", "4:18: stage 'detect': stage type '.Blur': expected MODULE.CLASS, e.g. my_stages.Blur",
            id="no module",
        ),
        pytest.param(
            "test_kit.Detect", "[detect]", "4:18: the type of stage 'detect' must be a word, e.g. detect", id="type a list"
        ),
        pytest.param(
            "Detect}", "Detect, confidense: 0.5}",
            "4:35: stage 'detect': unknown property 'confidense'; did you mean 'confidence'?", id="unknown property",
        ),
        pytest.param(
            "Detect}", "Detect, confidence: high}",
            "4:47: stage 'detect', property 'confidence': expected a number, got 'high'", id="a word for a number",
        ),
        pytest.param(
            "Detect}", "Detect, confidence: 1.5}",
            "4:47: stage 'detect', property 'confidence': must be at most 1, got 1.5", id="too large",
        ),
        pytest.param(
            "Detect}", "Detect, confidence: .nan}",
            "4:47: stage 'detect', property 'confidence': expected a finite number, got nan", id="not a number",
        ),
        pytest.param(
            "Detect}", "Detect, engine: opnvino}",
            "4:43: stage 'detect', property 'engine': is not known; did you mean 'openvino'?, got 'opnvino'",
            id="unknown choice",
        ),
        pytest.param(
            "Detect}", "Detect, replicas: 0}",
            "4:45: stage 'detect', property 'replicas': must be at least 1, got 0", id="replicas 0",
        ),
        pytest.param(
            "Detect}", "Detect, replicas: two}",
            "4:45: stage 'detect', property 'replicas': expected a whole number or auto, got 'two'", id="replicas a word",
        ),
        pytest.param(
            "jsonl}", "jsonl, replicas: 2}",
            "7:69: stage 'lines', property 'replicas': must be at most 1, got 2", id="two of a sink",
        ),
        pytest.param(
            "Detect}", "Detect, timeout: 5 fortnights}",
            "4:44: stage 'detect', property 'timeout': expected a time such as 500ms, 5s or 2min, got '5 fortnights'",
            id="no time",
        ),
        pytest.param(
            "Detect}", "Detect, device: gpu}",
            "4:43: stage 'detect', property 'device': must match auto|cpu|cuda:[0-9]+|openvino:[A-Z]+(\\.[0-9]+)?, got 'gpu'", id="no device",
        ),
        pytest.param(
            "Detect}", "Detect, device: 'cuda:7'}",
            "4:3: stage 'detect': there is no device 'cuda:7' on this machine; use device: cpu or auto",
            id="no such device",
        ),
        pytest.param(
            "Detect}", "Detect, type: x}", "4:35: 'type' is given twice; remove one", id="property twice"
        ),
        pytest.param(
            ", uri: a.mp4", "", "3:3: stage 'camera': property 'uri' is missing; set it", id="property missing"
        ),
        pytest.param("a.mp4", "missing.mp4", "3:3: stage 'camera': missing.mp4: no such film", id="the stage's own check"),
        pytest.param(
            "a.mp4", "'${NOT_SET_ANYWHERE}/a.mp4'",
            "3:40: the environment has no NOT_SET_ANYWHERE; set it, e.g. export NOT_SET_ANYWHERE=…",
            id="unknown variable",
        ),
        pytest.param(
            "a.mp4", "2026-99-99", "3:40: YAML reads 2026-99-99 as a date; put text into quotes", id="no date"
        ),
        pytest.param(
            "a.mp4", "!python x",
            "3:40: 'x' cannot be read: could not determine a constructor for the tag '!python'; quote text", id="a tag",
        ),
    ],
)  # fmt: skip
def test_a_stage_that_is_described_wrongly(write: Write, folder: Path, old: str, new: str, said: str) -> None:
    assert error_of(write(changed(old, new))) == "g.yaml:" + said.format(folder=folder)


# Links


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        pytest.param(
            "  - crop ! lines", "  - crop ! line", "10:5: there is no stage 'line'; did you mean 'lines'?", id="unknown stage"
        ),
        pytest.param(
            "  - crop ! lines", "  - lines", "10:5: 'lines' is not a chain; write two or more stages with ! between them",
            id="one stage",
        ),
        pytest.param(
            "  - crop ! lines", "  - crop ! ! lines",
            "10:5: 'crop ! ! lines' is not a chain; write two or more stages with ! between them", id="nothing between",
        ),
        pytest.param(
            "  - crop ! lines", "  - [crop, lines]", "10:5: a link is text such as: source ! work ! sink", id="a list"
        ),
        pytest.param(
            "  - crop ! lines", "  - crop ! film", "10:5: the link crop ! film is given twice; remove one", id="twice"
        ),
        pytest.param(
            "  - crop ! lines\n", "", "7:3: stage 'lines' has no link; add it to a chain or remove it", id="stage without link"
        ),
        pytest.param(
            "crop ! lines", "crop ! lines\n  - detect ! camera",
            "11:5: the link detect ! camera ends at a source; a source takes no packets", id="ends at a source",
        ),
        pytest.param(
            "crop ! lines", "film ! lines",
            "10:5: the link film ! lines starts at a sink; a sink gives no packets", id="starts at a sink",
        ),
        pytest.param(
            "crop ! lines", "crop ! lines\n  - crop ! detect",
            "11:5: the links run in a circle: detect ! crop ! detect", id="a circle",
        ),
        pytest.param(
            "crop ! lines", "crop ! lines\n  - crop ! crop", "11:5: the links run in a circle: crop ! crop", id="itself"
        ),
        pytest.param(
            "crop ! lines", "crop ! lines\n  - detect ! lines",
            "10:5: two paths lead from source 'camera' to stage 'lines' (over 'detect' and over 'crop'); "
            "each frame may come to a stage once", id="two paths",
        ),
        pytest.param(
            "camera ! detect ! crop ! film", "detect ! crop ! film",
            "3:3: stage 'camera' has no link; add it to a chain or remove it", id="a source without link",
        ),
        pytest.param(
            "camera ! detect ! crop ! film\n  - crop ! lines", "camera ! film\n  - detect ! crop ! lines",
            "4:3: no source leads to stage 'detect'; link one to it", id="no source leads there",
        ),
        pytest.param(
            "camera ! detect ! crop ! film\n  - crop ! lines", "camera ! film\n  - camera ! lines\n  - camera ! detect ! crop",
            "5:3: nothing takes the packets of stage 'crop'; end its chain in a sink", id="ends in no sink",
        ),
        pytest.param(
            "camera ! detect ! crop", "camera ! crop ! detect",
            "5:3: stage 'crop' (test_kit.Crop) takes 'people', which no stage before it gives; put 'detect' before it",
            id="wrong order",
        ),
        pytest.param(
            "film: {type: test_kit.Film, location: out/film.mp4}\n  lines: {type: test_kit.Film, location: out/lines.jsonl}",
            "film: {type: test_kit.Preview}\n  lines: {type: test_kit.Preview}",
            "3:3: only leaky sinks take the packets of stage 'camera', and these may miss frames; "
            "link a sink that keeps them behind it too, e.g. a json_sink", id="only leaky sinks",
        ),
        pytest.param(
            "lines: {type: test_kit.Film, location: out/lines.jsonl}\nlinks:\n  - camera ! detect ! crop ! film\n  - crop",
            "lines: {type: test_kit.Preview}\nlinks:\n  - camera ! film\n  - camera ! detect ! crop",
            "4:3: only leaky sinks take the packets of stage 'detect', and these may miss frames; "
            "link a sink that keeps them behind it too, e.g. a json_sink", id="a branch with only a leaky sink",
        ),
        pytest.param(
            "  detect: {type: test_kit.Detect}\n  crop: {type: test_kit.Crop}\n  film: {type: test_kit.Film, location: out/film.mp4}\n"
            "  lines: {type: test_kit.Film, location: out/lines.jsonl}\nlinks:\n  - camera ! detect ! crop ! film\n  - crop ! lines",
            "  show: {type: test_kit.Preview}\n  film: {type: test_kit.Film, location: out/film.mp4}\nlinks:\n  - camera ! film\n"
            "  - camera ! show",
            "4:3: stage 'show' (test_kit.Preview) takes 'people', which no stage before it gives; put a stage of type detect before it",
            id="a known type would give it",
        ),
    ],
)  # fmt: skip
def test_links_that_are_wrong(write: Write, old: str, new: str, said: str) -> None:
    assert error_of(write(changed(old, new))) == "g.yaml:" + said


def test_links_that_are_no_list(write: Write) -> None:
    text = RIGHT[: RIGHT.index("links:")] + "links: camera ! film\n"
    assert (
        error_of(write(text)) == "g.yaml:8:8: 'links' must be a list of chains such as: source ! work ! sink"
    )


def test_a_graph_without_a_source(write: Write) -> None:
    text = "stages:\n  detect: {type: test_kit.Detect}\n  film: {type: test_kit.Film, location: x}\nlinks: [detect ! film]"
    assert error_of(write(text)) == "g.yaml: the graph has no source; add a stage of type: source"


def test_payloads_of_a_format_that_a_stage_does_not_take(
    write: Write, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(RIGHT)
    graph = read_graph(path, [])
    monkeypatch.setattr(graph.stages["camera"].stage, "payload", "lines", raising=False)
    monkeypatch.setattr(graph.stages["crop"].stage, "payload", "pictures", raising=False)
    assert error_of(path) == (
        "g.yaml:5:3: stage 'crop' (test_kit.Crop) takes payloads of 'pictures', and source 'camera' gives "
        "'lines'; link it to another source"
    )
