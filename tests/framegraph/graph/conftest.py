"""A graph that is right, for tests that make it wrong in one place."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

RIGHT = """\
pipeline: test
stages:
  camera: {type: test_kit.Camera, uri: a.mp4}
  detect: {type: test_kit.Detect}
  crop: {type: test_kit.Crop}
  film: {type: test_kit.Film, location: out/film.mp4}
  lines: {type: test_kit.Film, location: out/lines.jsonl}
links:
  - camera ! detect ! crop ! film
  - crop ! lines
"""

KIT = """
import dataclasses
from framegraph.errors import GraphError
from framegraph.properties import REQUIRED, Seconds, prop
from framegraph.stage import FileSink, LeakySink, Ordered, Source, Stage


class Camera(Source):
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        uri: str = prop(REQUIRED, "what to play")
        start: Seconds | None = prop(None, "where to begin", low=0)

    @classmethod
    def check(cls, options):
        if options.uri.startswith("missing"):
            raise GraphError(f"{options.uri}: no such film")


class Detect(Stage):
    gives = ("people",)

    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        confidence: float = prop(0.5, "the lowest score", low=0, high=1)
        engine: str = prop("auto", "what runs it", choices=("auto", "openvino", "onnxruntime"))


class Crop(Stage):
    takes = ("people",)
    gives = ("people/crops",)


class Sparse(Detect):
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        every: int = prop(1, "look in each so many-th frame")

    @classmethod
    def gives_in_some(cls, options):
        return {"people": f"every is {options.every}"} if options.every > 1 else {}


class Follow(Ordered):
    takes = ("people",)
    completes = ("people",)


class Film(FileSink):
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Options:
        location: str = prop(REQUIRED, "the file")


class Preview(LeakySink):
    takes = ("people",)


class NotAStage:
    pass
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the user's own stages, in which the launcher was started."""
    (tmp_path / "test_kit.py").write_text(KIT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", sys.path[:])
    monkeypatch.delitem(sys.modules, "test_kit", raising=False)
    yield tmp_path
    sys.modules.pop("test_kit", None)


@pytest.fixture
def write(folder: Path) -> Callable[[str | bytes], Path]:
    """Write g.yaml into the folder and return its path as a user gives it."""

    def write(text: str | bytes) -> Path:
        (folder / "g.yaml").write_bytes(text.encode() if isinstance(text, str) else text)
        return Path("g.yaml")

    return write
