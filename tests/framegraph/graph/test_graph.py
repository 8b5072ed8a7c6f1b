"""What a graph knows of itself once it is read."""

from collections.abc import Callable
from pathlib import Path

import pytest

from framegraph.graph.reader import read_graph
from tests.framegraph.graph.conftest import RIGHT

Write = Callable[[str | bytes], Path]


def test_variables_are_taken_from_the_environment(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FILMS", "/films")
    graph = read_graph(write(RIGHT.replace("a.mp4", "'${FILMS}/a.mp4'")))
    assert graph.stages["camera"].options.uri == "/films/a.mp4"


def test_it_knows_what_lies_behind_and_before_a_stage(write: Write) -> None:
    graph = read_graph(write(RIGHT))
    assert graph.reachable("camera") == ["camera", "detect", "crop", "film", "lines"]
    assert graph.downstream("crop") == ["film", "lines"]
    assert graph.upstream("crop") == ["detect"]
    assert graph.sources_of("film") == ["camera"]
    assert [stage.name for stage in graph.of_kind("sink")] == ["film", "lines"]


def test_window_and_frame_store_follow_the_widest_stage(write: Write) -> None:
    path = write(RIGHT)
    graph = read_graph(path)
    assert (graph.window_of("camera"), graph.slots_of("camera")) == (4, 12)
    wide = read_graph(path, ["detect.replicas=3"])
    assert (wide.window_of("camera"), wide.slots_of("camera")) == (8, 20)
    given = read_graph(path, ["camera.window=5", "camera.frame-store=1"])
    assert given.window_of("camera") == 5
    assert given.slots_of("camera") >= 5 + given.stages["camera"].common.max_size_buffers + 1


def test_a_location_with_a_source_in_it_makes_a_file_for_each(write: Write) -> None:
    text = RIGHT.replace("  detect:", "  door: {type: test_kit.Camera, uri: b.mp4}\n  detect:", 1)
    text = text.replace("film.mp4", "'{source}.mp4'").replace("lines.jsonl", "'{source}.jsonl'")
    text = text.replace("out/'", "'out/") + "  - door ! detect\n"
    graph = read_graph(write(text))
    assert graph.locations() == {
        ("film", "camera"): Path("out/camera.mp4"),
        ("film", "door"): Path("out/door.mp4"),
        ("lines", "camera"): Path("out/camera.jsonl"),
        ("lines", "door"): Path("out/door.jsonl"),
    }


def test_the_ledger_goes_beside_the_first_output_or_where_it_is_told(write: Write) -> None:
    assert read_graph(write(RIGHT)).ledger_path == Path("out/ledger.json")
    assert read_graph(write(RIGHT + "ledger: x.json\n")).ledger_path == Path("x.json")


def test_the_digest_is_the_same_for_the_same_graph_however_it_is_written(write: Write) -> None:
    first = read_graph(write(RIGHT)).digest
    lines = RIGHT.splitlines()
    reordered = [*lines[:2], *reversed(lines[2:7]), lines[7], lines[9], lines[8], "# a comment"]
    assert read_graph(write("\n".join(reordered))).digest == first
    assert read_graph(write(RIGHT), ["camera.uri=a.mp4"]).digest == first
    assert len(first) == 32


@pytest.mark.parametrize(
    "override", ["camera.uri=b.mp4", "detect.confidence=0.6", "detect.replicas=2", "film.location=out/x.mp4"]
)
def test_the_digest_tells_one_graph_from_another(write: Write, override: str) -> None:
    path = write(RIGHT)
    assert read_graph(path, [override]).digest != read_graph(path).digest
