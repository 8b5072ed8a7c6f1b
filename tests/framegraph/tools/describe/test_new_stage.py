"""What new-stage writes passes its own test, the linter and the check of a graph, as it is."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from framegraph.errors import GraphError
from framegraph.tools.describe.new_stage import class_name, new_stage
from tests.launching import PROJECT


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *command],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(("kind", "passed"), [("worker", 5), ("source", 3), ("ordered", 2), ("sink", 1)])
def test_a_new_stage_passes_its_test_and_the_linter(tmp_path: Path, kind: str, passed: int) -> None:
    written = new_stage("how_bright", tmp_path, kind)
    assert [path.name for path in written] == ["how_bright.py", "test_how_bright.py"]
    tested = run(tmp_path, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_how_bright.py")
    assert tested.returncode == 0, tested.stdout
    assert f"{passed} passed" in tested.stdout
    config = str(PROJECT / "pyproject.toml")
    # Where imports belong depends on the folder in which they stand, and this one is a temporary one.
    lint = ["-m", "ruff", "check", "--no-cache", "--ignore", "I001", "--config", config]
    linted = run(tmp_path, *lint, *map(str, written))
    assert linted.returncode == 0, linted.stdout
    shaped = run(
        tmp_path, "-m", "ruff", "format", "--check", "--no-cache", "--config", config, *map(str, written)
    )
    assert shaped.returncode == 0, shaped.stdout


def test_a_new_stage_can_be_named_in_a_graph(tmp_path: Path) -> None:
    new_stage("how_bright", tmp_path)
    line = (
        f"source uri={PROJECT / 'samples/plaza.mp4'} ! how_bright.HowBright white=200 ! json_sink location=a"
    )
    code = "import sys; from framegraph.graph.reader import read_graph_argument as r; print(r(sys.argv[1]).links)"
    checked = run(tmp_path, "-c", code, line)
    assert checked.stdout == "(('source0', 'howbright0'), ('howbright0', 'json_sink0'))\n", checked.stderr


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("HowBright", "stage name 'HowBright': use small letters, digits and _, e.g. how_bright"),
        ("how-bright", "use small letters, digits and _, e.g. how_bright"),
        ("9lives", "use small letters, digits and _, e.g. lives"),
        ("", "use small letters, digits and _, e.g. blur_faces"),
        ("class", "use small letters, digits and _, e.g. blur_faces"),
        ("../evil", "use small letters, digits and _, e.g. evil"),
        ("json", "a Python module has this name; choose another, e.g. my_json"),
        ("stages", "a Python module has this name; choose another, e.g. my_stages"),
    ],
)
def test_a_name_that_cannot_be_is_refused(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(GraphError) as caught:
        new_stage(name, tmp_path)
    assert said in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "test_how_bright.py").write_text("mine")
    with pytest.raises(GraphError, match=r"test_how_bright\.py exists; choose another name"):
        new_stage("how_bright", tmp_path)
    assert not (tmp_path / "how_bright.py").exists()


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(GraphError, match="no such folder; make it first"):
        new_stage("how_bright", tmp_path / "none")


def test_a_class_is_named_after_its_module() -> None:
    assert class_name("how_bright_2") == "HowBright2"
