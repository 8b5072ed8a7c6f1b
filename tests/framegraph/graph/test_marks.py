"""A sink that requires marks is refused where nothing before it gives them, and no payload is then kept."""

from collections.abc import Callable
from pathlib import Path

import pytest

from framegraph.graph.reader import read_graph
from framegraph.supervisor.configs import RunIdentity, child_config
from framegraph.wire.config import RunPaths
from tests.framegraph.graph.wrong_kit import error_of

Write = Callable[[str | bytes], Path]
STAGES = """
import dataclasses
from framegraph.properties import prop
from framegraph.stage import Sink, Source, Stage

class Camera(Source):
    pass

class Cover(Stage):
    marks = ("covered",)

class Keep(Sink):
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        strict: bool = prop(True, "Whether it requires covered payloads.")

    @classmethod
    def required_marks(cls, options):
        return ("covered",) if options.strict else ()
"""
GRAPH = """\
stages:
  camera: {type: marks_kit.Camera}
  cover: {type: marks_kit.Cover}
  keep: {type: marks_kit.Keep}
  other: {type: marks_kit.Keep, strict: false}
links:
  - camera ! cover ! keep
  - camera ! other
ledger: out/ledger.json
"""


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    (tmp_path / "marks_kit.py").write_text(STAGES)
    monkeypatch.chdir(tmp_path)

    def written(text: str | bytes) -> Path:
        path = Path("g.yaml")
        path.write_text(str(text))
        return path

    return written


def test_it_is_right_where_each_path_to_it_gives_the_mark(write: Write) -> None:
    read_graph(write(GRAPH))


@pytest.mark.parametrize(
    "links",
    [
        pytest.param("  - camera ! keep\n  - camera ! cover ! other\n", id="beside it"),
        pytest.param("  - camera ! keep\n  - camera ! cover ! other\n", id="on another branch"),
    ],
)
def test_it_is_refused_where_a_path_does_not(write: Write, links: str) -> None:
    text = GRAPH.replace("  - camera ! cover ! keep\n  - camera ! other\n", links)
    assert error_of(write(text)) == (
        "g.yaml:4:3: stage 'keep' (marks_kit.Keep) requires payloads marked 'covered', and no stage between "
        "source 'camera' and it gives this mark; put 'cover' between them"
    )


def test_a_source_keeps_no_payload_if_a_sink_of_its_requires_marks(write: Write) -> None:
    def keeps(text: str) -> bool:
        graph = read_graph(write(text))
        identity = RunIdentity(run="r", digest="d", starts={}, highest_ids={}, nonce="n")
        return child_config(
            *(graph, RunPaths("run"), identity, "camera", 0, 0),
            streams={"camera": 0},
            version=0,
            is_stopping=False,
            lost=set(),
        ).keeps_payloads

    assert not keeps(GRAPH)
    assert keeps(GRAPH.replace("keep: {type: marks_kit.Keep}", "keep: {type: marks_kit.Keep, strict: false}"))
